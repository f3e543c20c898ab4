"""Discord implementation of the `Adapter` port: composes the parts of this folder."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import discord

from adapters.discord.backfill import DiscordBackfill
from adapters.discord.card_threads import CardThreads
from adapters.discord.channels import PLATFORM, ChannelCache, message_url, to_author
from adapters.discord.client import DiscordClient
from adapters.discord.command_sync import CommandSync
from adapters.discord.commands import DiscordCommandTree
from adapters.discord.connection import DiscordConnection
from adapters.discord.errors import RESPONSE_TIMEOUT
from adapters.discord.history import DiscordHistory, fetch_attachment
from adapters.discord.interactions import DiscordInteractionHandler
from adapters.discord.messages import MessageListener
from adapters.discord.open_cards import OpenCards
from adapters.discord.reactions import ReactionReader
from adapters.discord.replies import PrivateReplies
from adapters.discord.responses import ACKNOWLEDGE_WITHIN, InteractionResponses
from adapters.discord.role_members import RoleMembers
from adapters.discord.sender import AuthorNotices, DiscordSender, MessageApi
from adapters.discord.standing import DiscordStandings, ServedAutocomplete
from adapters.discord.thread_context import DiscordThreadReader
from orchestrator_bridge.chat.adapter import Autocomplete, Capabilities, ChannelReach, NotSent, SendUncertain, Standing
from orchestrator_bridge.chat.inbound import (
    Attachment,
    Author,
    InboundEvent,
    InboundHandler,
    InputClosed,
    MessageDeleted,
    MessageReceived,
    PersonLeft,
    Place,
    ThreadPosition,
)
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, PrivateReply
from orchestrator_bridge.chat.thread_context import ThreadPage
from orchestrator_bridge.common.clock import Clock

_LOG = logging.getLogger(__name__)

EDIT_INTERVAL = 4.0
"""Seconds between two edits of a card. Discord allows about one edit a second in a channel."""


class DiscordAdapter:
    """One bot on Discord. `listed` are ids of bots whose messages count like those of people; `servers` are ids of the servers
    for which the bot is set up, as in `DiscordStandings`; `proxies` are ids of applications whose webhooks repost messages of
    people, which then count as theirs.

    `commands_file` stores the fingerprint of the commands that Discord knows; `guild` is a server that receives the commands at
    once, for development. `roles` are the ids of the roles whose members are needed. Times are in seconds: `response_timeout` of
    one response, as in `bounded_attempt`, `acknowledge_within` as in `InteractionResponses`.
    """

    platform = PLATFORM
    capabilities = Capabilities(
        threads=True,
        edits=True,
        buttons=True,
        reactions=True,
        private_replies=True,
        can_read_history=True,
        redelivers=True,
        edit_interval=EDIT_INTERVAL,
    )

    def __init__(
        self,
        connection: DiscordConnection,
        autocomplete: Autocomplete,
        clock: Clock,
        *,
        listed: Collection[str] = (),
        servers: Collection[str] = (),
        proxies: Collection[str] = (),
        commands_file: Path | None = None,
        guild: int | None = None,
        roles: Collection[str] = (),
        response_timeout: float = RESPONSE_TIMEOUT,
        acknowledge_within: float = ACKNOWLEDGE_WITHIN,
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._role_members = RoleMembers(roles, clock)
        self._sync = CommandSync(commands_file, guild, clock)
        self._channels = ChannelCache(connection)
        self._threads = CardThreads(self._channels, clock, response_timeout)
        self._messages = MessageApi(self._channels, self._threads, response_timeout)
        self._standings = DiscordStandings(self._channels, clock, servers, guild)
        self._autocomplete = ServedAutocomplete(autocomplete, self._channels, self._standings)
        self._sender = DiscordSender(self._channels, self._messages)
        self._history = DiscordHistory(self._channels, self._messages, self._sender, frozenset(listed), frozenset(proxies), clock)
        self._notices = AuthorNotices(self._messages)
        self._thread_reader = DiscordThreadReader(self._channels, frozenset(proxies))
        self.open_cards = OpenCards()
        self._responses = InteractionResponses(clock, acknowledge_within)
        self._replies = PrivateReplies(self._channels, self._messages, self._responses)
        self._listener = MessageListener(
            self._channels, clock, frozenset(listed), frozenset(proxies), self._notices, self.open_cards, self._replies
        )
        self._reactions = ReactionReader(self._channels, clock, frozenset(listed))
        self._backfill = DiscordBackfill(clock, self._history, self._listener, self.open_cards)
        self._interactions = DiscordInteractionHandler(self._responses)
        self._receive: InboundHandler | None = None
        self._connections = 0

    async def start(self, on_event: InboundHandler) -> None:
        """Connect, as `Adapter.start` specifies."""
        self._receive = on_event
        self._connections = 0
        await self._connection.open(self, self._prepare)
        if self._connection.client is not None:
            await self._role_members.start(self._connection.client)

    async def stop(self) -> None:
        """Disconnect. Calling it again has no effect."""
        await self._notices.stop()
        await self._autocomplete.stop()
        await self._threads.stop()
        await self._role_members.stop()
        await self._connection.close()

    def _prepare(self, client: DiscordClient) -> None:
        assert self._receive is not None
        client.tree = DiscordCommandTree(client, self._autocomplete, self._responses, self._receive)

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Post or edit, as `Adapter.send` specifies."""
        posted = await self._sender.send(outbound)
        self.open_cards.on_sent(outbound, posted)
        return posted

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """Look for an earlier attempt, as `Adapter.find_sent` specifies."""
        # Reading has no effect: an uncertain read is repeated like one that was not sent.
        try:
            posted = await self._history.find_sent(outbound)
        except SendUncertain as failure:
            raise NotSent(str(failure)) from failure
        if posted is not None:
            self.open_cards.on_sent(outbound, posted)
        return posted

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """Read people's messages in a thread, as `Adapter.read_thread` specifies."""
        self.open_cards.watch(place, after)
        try:
            return await self._history.read_thread(place, after)
        except SendUncertain as failure:
            raise NotSent(str(failure)) from failure

    async def read_context(self, thread: ThreadPosition, count: int, before: str = "") -> ThreadPage:
        """Read the thread of a task, as `SupportsThreadContext.read_context` specifies."""
        try:
            return await self._thread_reader.read(thread, count, before)
        except SendUncertain as failure:
            raise NotSent(str(failure)) from failure

    async def fetch(self, attachment: Attachment) -> bytes:
        """Download a file, as `Adapter.fetch` specifies."""
        try:
            return await fetch_attachment(self._channels, attachment)
        except SendUncertain as failure:
            raise NotSent(str(failure)) from failure

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Members of a role, from memory; None without the Members intent, since Discord then does not report them."""
        return self._role_members.find(group)

    async def standing(self, person: Author, place: Place) -> Standing:
        """Look up a person and a place, as `SupportsStanding.standing` specifies."""
        return await self._standings.standing(person, place)

    async def absence(self, person: Author, place: Place) -> str:
        """Say why a person is gone, as `SupportsPresence.absence` specifies."""
        return await self._standings.absence(person, place)

    def message_url(self, place: Place, message: str) -> str:
        """The web address of a message, as `SupportsLinks.message_url` specifies."""
        return message_url(place, message, self._channels.guild_of) or ""

    async def reach(self, place: Place) -> ChannelReach:
        """Look up a place's channel, as `SupportsReach.reach` specifies."""
        return await self._standings.reach(place)

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Answer one person privately, as `Adapter.reply_privately` specifies."""
        if not isinstance(event, MessageDeleted | InputClosed | PersonLeft):
            await self._replies.reply(event, reply)

    async def ready(self, client: DiscordClient) -> None:
        """Handle the first session of a client: the start, or a connection that replaces one which ended for good."""
        self._connections += 1
        self._standings.log_unserved(client)
        if self._connections > 1:
            await self.session_restarted()
        if isinstance(client.tree, DiscordCommandTree):
            await self._sync.sync(client.tree)

    async def session_restarted(self) -> None:
        """Handle a session that replaces a lost one: read what was posted to open cards in between."""
        assert self._receive is not None
        self._history.forget_channels()
        await self._backfill.catch_up(self._receive)

    async def message_created(self, message: discord.Message) -> None:
        """Handle a new message."""
        if message.author.id != self._channels.client().me:
            self._history.forget_channel(message.channel.id)
        if self._receive is not None:
            await self._listener.on_message(message, self._receive)

    async def message_edited(self, message: discord.Message) -> None:
        """Handle an edit by the author. An update by Discord itself, such as a link preview, has no `edited_at` and changes no
        words."""
        if message.edited_at is not None:
            await self.message_created(message)

    async def message_deleted(self, message: int) -> None:
        """Handle a deleted message: a person's that was delivered, or a card of ours, whose thread remains."""
        self._history.forget_channels()
        if self._receive is not None:
            await self._listener.on_message_deleted(message, self._receive)
            card = self.open_cards.find(message)
            if card is not None:
                await self._listener.on_card_deleted(card, self._receive)

    async def reaction_added(self, event: discord.RawReactionActionEvent) -> None:
        """Handle a reaction: to an open question's card it may be an answer."""
        card = self.open_cards.find(event.message_id)
        if card is not None and self._receive is not None:
            await self._reactions.added(event, card, self._listener, self._receive)

    async def reaction_removed(self, event: discord.RawReactionActionEvent) -> None:
        """Handle a reaction that was removed: its answer may be withdrawn."""
        if self._receive is not None:
            await self._reactions.removed(event, self.open_cards.find(event.message_id), self._listener, self._receive)

    async def thread_deleted(self, thread: int, parent: int) -> None:
        """Handle a deleted thread. In a forum its card is deleted with it; elsewhere the card remains, and gets a new one."""
        card = self.open_cards.find(thread)
        if card is not None and self._channels.thread_kind(parent) == "post":
            await self._cards_deleted([card])
        elif card is not None:
            await self._threads.reopen(thread, parent)
        # Cards posted inside the thread are deleted with it.
        await self._cards_deleted(self.open_cards.in_channels([str(thread)]))

    async def channels_deleted(self, channels: Collection[int]) -> None:
        """Handle deleted channels: every card in them is deleted too."""
        await self._cards_deleted(self.open_cards.in_channels([str(channel) for channel in channels]))

    async def _cards_deleted(self, cards: Sequence[Place]) -> None:
        assert self._receive is not None
        for card in cards:
            self.open_cards.forget(card)
            await self._listener.on_card_deleted(card, self._receive)

    async def member_removed(self, guild: int, user: discord.User | discord.Member) -> None:
        """Handle somebody's departure, while there are open cards that may wait for them."""
        self._standings.forget(guild, user.id)
        if self._receive is not None and self.open_cards.items():
            everywhere = Place(platform=PLATFORM, channel="")
            left = PersonLeft(place=everywhere, author=to_author(user), at=self._clock.now())
            await self._listener.deliver(left, self._receive)

    async def component_used(self, interaction: discord.Interaction[Any]) -> None:
        """Handle a button, a select or a submitted modal."""
        if self._receive is not None:
            await self._interactions.handle(interaction, self._receive)
