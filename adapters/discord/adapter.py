"""The adapter of Discord: what each part does, put together as the port wants it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord

from adapters.discord.backfill import DiscordBackfill
from adapters.discord.channels import PLATFORM, ChannelCache, direct_place, message_url, to_author
from adapters.discord.client import DiscordClient
from adapters.discord.commands import CommandSync, DiscordCommandTree
from adapters.discord.components import confirm_components
from adapters.discord.connection import DiscordConnection
from adapters.discord.errors import RESPONSE_TIMEOUT, bounded_attempt
from adapters.discord.history import DiscordHistory, fetch_attachment
from adapters.discord.interactions import DiscordInteractionHandler, InteractionResponses
from adapters.discord.markers import nonce
from adapters.discord.messages import MessageListener
from adapters.discord.render import DiscordMessage, render_private_reply
from adapters.discord.sender import DiscordSender, MessageApi
from orchestrator_bridge.chat.adapter import Autocomplete, Capabilities, NotSent, SendUncertain
from orchestrator_bridge.chat.inbound import (
    Attachment,
    Author,
    CommandReceived,
    ControlUsed,
    InboundEvent,
    InboundHandler,
    InputClosed,
    MessageDeleted,
    MessageReceived,
    Place,
)
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, PrivateReply
from orchestrator_bridge.common.clock import Clock

_LOG = logging.getLogger(__name__)

EDIT_INTERVAL = 4.0
"""Seconds between two edits of a card; Discord takes about one a second in a channel."""
UNREADABLE = (
    "I cannot read what you type there, because the Message Content intent is off. Use the buttons, or mention me in your reply. "
    "Whoever runs me can switch it on in Discord's developer portal (Bot, Privileged Gateway Intents)."
)


class DiscordAdapter:
    """Discord, as one bot. `listed` are ids of bots that are heard like people; `silence`, in seconds, as in `attempt`.

    `commands_file` remembers which commands Discord knows; `guild` is a server that gets them at once, while developing.
    """

    platform = PLATFORM
    capabilities = Capabilities(
        threads=True,
        edits=True,
        buttons=True,
        reactions=True,
        private_replies=True,
        can_read_history=True,
        edit_interval=EDIT_INTERVAL,
    )

    def __init__(
        self,
        connection: DiscordConnection,
        autocomplete: Autocomplete,
        clock: Clock,
        *,
        listed: Collection[str] = (),
        commands_file: Path | None = None,
        guild: int | None = None,
        silence: float = RESPONSE_TIMEOUT,
    ) -> None:
        self._connection = connection
        self._menu = autocomplete
        self._clock = clock
        self._sync = CommandSync(commands_file, guild)
        self._channels = ChannelCache(lambda: connection.client)
        self._messages = MessageApi(self._channels, silence)
        self._sender = DiscordSender(self._messages, self._can_read_messages)
        self._history = DiscordHistory(self._channels, self._messages, self._sender, frozenset(listed))
        self._backfill = DiscordBackfill(clock, self._history.read_thread)
        self._listener = MessageListener(self._channels, clock, frozenset(listed), self._warn_unreadable)
        self._responses = InteractionResponses(clock)
        self._interactions = DiscordInteractionHandler(self._responses)
        self._receive: InboundHandler | None = None
        self._connections = 0
        self._warned_authors: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    # Start and stop ---------------------------------------------------------------------------------------------------------

    async def start(self, on_event: InboundHandler) -> None:
        """Connect, as `Adapter.start` says."""
        self._receive = on_event
        self._connections = 0
        await self._connection.open(self, self._prepare)

    async def stop(self) -> None:
        """Disconnect; again is harmless."""
        others = list(self._tasks)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._connection.close()

    def _prepare(self, client: DiscordClient) -> None:
        assert self._receive is not None
        client.tree = DiscordCommandTree(client, self._menu, self._responses, self._receive)

    # Outwards ---------------------------------------------------------------------------------------------------------------

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Post or edit, as `Adapter.send` says."""
        posted = await self._sender.send(outbound)
        self._backfill.on_sent(outbound, posted)
        return posted

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """Look for an earlier attempt, as `Adapter.find_sent` says."""
        try:
            posted = await self._history.find_sent(outbound)
        except SendUncertain as failure:
            raise NotSent(str(failure)) from failure
        if posted is not None:
            self._backfill.on_sent(outbound, posted)
        return posted

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """What people said in a thread, as `Adapter.read_thread` says."""
        self._backfill.watch_thread(place, after)
        try:
            return await self._history.read_thread(place, after)
        except SendUncertain as failure:
            raise NotSent(str(failure)) from failure

    async def fetch(self, attachment: Attachment) -> bytes:
        """The content of a file, as `Adapter.fetch` says."""
        try:
            return await fetch_attachment(self._channels, attachment)
        except SendUncertain as failure:
            raise NotSent(str(failure)) from failure

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Who has a role, from memory; None without the Members intent, since then nobody tells us."""
        client = self._connection.client
        if client is None or not client.intents.members or not group.isdecimal():
            return None
        roles = [role for guild in client.guilds if (role := guild.get_role(int(group))) is not None]
        return tuple(to_author(member) for role in roles for member in role.members if not member.bot) if roles else None

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Give a word back to one person, as `Adapter.reply_privately` says."""
        if isinstance(event, MessageDeleted | InputClosed):
            return
        interaction = event.interaction if isinstance(event, ControlUsed | CommandReceived) else ""
        shown = self._render_reply(reply, interaction)
        try:
            if not await self._responses.respond(interaction, shown):
                await self._reply_directly(event, shown)
        except Exception as failure:
            _LOG.warning("%s could not be told: %s", event.author.id, failure)

    def _render_reply(self, said: PrivateReply, interaction: str) -> DiscordMessage:
        shown = render_private_reply(said, lambda place, message: message_url(place, message, self._channels.guild_of))
        if said.confirm is None or not interaction.isdecimal():
            return shown
        self._responses.store_confirmation(interaction, said.confirm)
        return replace(shown, controls=(*shown.controls, *confirm_components(int(interaction), said.confirm.label)))

    async def _reply_directly(self, event: MessageReceived | ControlUsed | CommandReceived, shown: DiscordMessage) -> None:
        channel, _ = await self._messages.reply_target(direct_place(event.author.id))
        await self._messages.post_message(channel, shown, nonce(f"{event.key} {shown.fingerprint}"))

    # Inwards: what the client tells ------------------------------------------------------------------------------------------

    async def ready(self, client: DiscordClient) -> None:
        """A connection is there, made for the first time or anew. Commands are made known off the way of the start."""
        self._connections += 1
        if self._connections > 1:
            await self.session_restarted()
        elif isinstance(client.tree, DiscordCommandTree):
            await self._sync.sync(client.tree)

    async def session_restarted(self) -> None:
        """A session has begun after another: what was said in between to open questions is heard."""
        await self._backfill.catch_up(self._deliver_from_history, self._deliver_deletions)

    async def message_created(self, message: discord.Message) -> None:
        """Somebody wrote."""
        if self._receive is not None:
            await self._listener.on_message(message, self._receive)

    async def message_edited(self, message: discord.Message) -> None:
        """A message was changed by its author; what Discord itself adds, such as a link's preview, changes no words."""
        if message.edited_at is not None:
            await self.message_created(message)

    async def message_deleted(self, message: int) -> None:
        """A message was deleted: one that was heard, or a card of ours, whose thread lives on."""
        if self._receive is not None:
            await self._listener.on_message_deleted(message, self._receive)
            card = self._backfill.find_card(message)
            if card is not None:
                await self._listener.on_card_deleted(card, self._receive)

    async def thread_deleted(self, thread: int, parent: int) -> None:
        """A thread was deleted. In a forum its card went with it; elsewhere the card stands, and replies to it count."""
        card = self._backfill.find_card(thread)
        if card is not None and self._channels.thread_kind(parent) == "post":
            await self._cards_deleted([card])
        elif card is not None:
            self._messages.mark_threadless(thread)
        await self._cards_deleted(self._backfill.cards_in([thread]))

    async def channels_deleted(self, channels: Collection[int]) -> None:
        """Channels are gone, with all cards in them."""
        await self._cards_deleted(self._backfill.cards_in(channels))

    async def _cards_deleted(self, cards: Sequence[Place]) -> None:
        assert self._receive is not None
        for card in cards:
            self._backfill.forget(card)
            await self._listener.on_card_deleted(card, self._receive)

    async def component_used(self, interaction: discord.Interaction[Any]) -> None:
        """A control was used."""
        if self._receive is not None:
            await self._interactions.handle(interaction, self._receive)

    async def _deliver_from_history(self, message: MessageReceived) -> None:
        assert self._receive is not None
        await self._listener.on_history_message(message, self._receive)

    async def _deliver_deletions(self, place: Place, said: Sequence[MessageReceived]) -> None:
        """What was heard in a thread and stands there no longer was deleted."""
        standing = {int(one.message) for one in said}
        for message in sorted(self._listener.known_messages(place) - standing):
            await self.message_deleted(message)

    # Without the Message Content intent --------------------------------------------------------------------------------------

    def _can_read_messages(self) -> bool:
        client = self._connection.client
        return client is None or client.intents.message_content

    def _warn_unreadable(self, author: Author, place: Place) -> None:
        """Tell whoever wrote, once, that it cannot be read."""
        if author.id in self._warned_authors:
            return
        self._warned_authors.add(author.id)
        task = asyncio.create_task(self._send_unreadable_notice(author))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_unreadable_notice(self, author: Author) -> None:
        try:
            async with bounded_attempt():
                channel, _ = await self._messages.reply_target(direct_place(author.id))
            await self._messages.post_message(channel, DiscordMessage(content=UNREADABLE), nonce(f"unread {author.id}"))
        except Exception as failure:
            _LOG.warning("%s could not be told that words cannot be read: %s", author.id, failure)
