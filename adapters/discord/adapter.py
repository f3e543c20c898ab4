"""The adapter of Discord: what each part does, put together as the port wants it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord

from adapters.discord.answers import Answers
from adapters.discord.attempt import SILENCE, attempt
from adapters.discord.client import Client
from adapters.discord.commands import Tree
from adapters.discord.connection import Connection
from adapters.discord.controls import confirm
from adapters.discord.ear import Ear
from adapters.discord.fetch import fetch
from adapters.discord.find import Find
from adapters.discord.marks import nonce
from adapters.discord.places import PLATFORM, author_of, direct, link
from adapters.discord.post import Post
from adapters.discord.presses import Presses
from adapters.discord.rooms import Rooms
from adapters.discord.send import Send
from adapters.discord.shown import Shown
from adapters.discord.sync import Sync
from adapters.discord.watch import Watch
from adapters.discord.words import word
from orchestrator_bridge.chat import (
    Attachment,
    Author,
    Capabilities,
    CommandReceived,
    ControlUsed,
    InboundEvent,
    InboundHandler,
    InputClosed,
    MessageDeleted,
    MessageReceived,
    NotSent,
    OutboundPost,
    Place,
    PostedMessage,
    PrivateReply,
    SendUncertain,
)
from orchestrator_bridge.clock import Clock
from orchestrator_bridge.menu import Autocomplete

_LOG = logging.getLogger(__name__)

EDIT_EVERY = 4.0
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
        edit_interval=EDIT_EVERY,
    )

    def __init__(
        self,
        connection: Connection,
        autocomplete: Autocomplete,
        clock: Clock,
        *,
        listed: Collection[str] = (),
        commands_file: Path | None = None,
        guild: int | None = None,
        silence: float = SILENCE,
    ) -> None:
        self._connection = connection
        self._menu = autocomplete
        self._clock = clock
        self._sync = Sync(commands_file, guild)
        self._rooms = Rooms(lambda: connection.client)
        self._post = Post(self._rooms, silence)
        self._send = Send(self._post, self._typed)
        self._find = Find(self._rooms, self._post, self._send, frozenset(listed))
        self._watch = Watch(clock, self._find.read)
        self._ear = Ear(self._rooms, clock, frozenset(listed), self._unread)
        self._answers = Answers(clock)
        self._presses = Presses(self._answers)
        self._receive: InboundHandler | None = None
        self._connections = 0
        self._told_unread: set[str] = set()
        self._others: set[asyncio.Task[None]] = set()

    # Start and stop ---------------------------------------------------------------------------------------------------------

    async def start(self, on_event: InboundHandler) -> None:
        """Connect, as `Adapter.start` says."""
        self._receive = on_event
        self._connections = 0
        await self._connection.open(self, self._prepare)

    async def stop(self) -> None:
        """Disconnect; again is harmless."""
        others = list(self._others)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._connection.close()

    def _prepare(self, client: Client) -> None:
        assert self._receive is not None
        client.tree = Tree(client, self._menu, self._answers, self._receive)

    # Outwards ---------------------------------------------------------------------------------------------------------------

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Post or edit, as `Adapter.send` says."""
        posted = await self._send.send(outbound)
        self._watch.note(outbound, posted)
        return posted

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """Look for an earlier attempt, as `Adapter.find_sent` says."""
        try:
            posted = await self._find.find(outbound)
        except SendUncertain as failure:
            raise NotSent(str(failure)) from failure
        if posted is not None:
            self._watch.note(outbound, posted)
        return posted

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """What people said in a thread, as `Adapter.read_thread` says."""
        self._watch.began(place, after)
        try:
            return await self._find.read(place, after)
        except SendUncertain as failure:
            raise NotSent(str(failure)) from failure

    async def fetch(self, attachment: Attachment) -> bytes:
        """The content of a file, as `Adapter.fetch` says."""
        try:
            return await fetch(self._rooms, attachment)
        except SendUncertain as failure:
            raise NotSent(str(failure)) from failure

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Who has a role, from memory; None without the Members intent, since then nobody tells us."""
        client = self._connection.client
        if client is None or not client.intents.members or not group.isdecimal():
            return None
        roles = [role for guild in client.guilds if (role := guild.get_role(int(group))) is not None]
        return tuple(author_of(member) for role in roles for member in role.members if not member.bot) if roles else None

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Give a word back to one person, as `Adapter.reply_privately` says."""
        if isinstance(event, MessageDeleted | InputClosed):
            return
        interaction = event.interaction if isinstance(event, ControlUsed | CommandReceived) else ""
        shown = self._word(reply, interaction)
        try:
            if not await self._answers.give(interaction, shown):
                await self._privately(event, shown)
        except Exception as failure:
            _LOG.warning("%s could not be told: %s", event.author.id, failure)

    def _word(self, said: PrivateReply, interaction: str) -> Shown:
        shown = word(said, lambda place, message: link(place, message, self._rooms.guild_of))
        if said.confirm is None or not interaction.isdecimal():
            return shown
        self._answers.offer(interaction, said.confirm)
        return replace(shown, controls=(*shown.controls, *confirm(int(interaction), said.confirm.label)))

    async def _privately(self, event: MessageReceived | ControlUsed | CommandReceived, shown: Shown) -> None:
        channel, _ = await self._post.spot(direct(event.author.id))
        await self._post.say(channel, shown, nonce(f"{event.key} {shown.fingerprint}"))

    # Inwards: what the client tells ------------------------------------------------------------------------------------------

    async def ready(self, client: Client) -> None:
        """A connection is there, made for the first time or anew. Commands are made known off the way of the start."""
        self._connections += 1
        if self._connections > 1:
            await self.anew()
        elif isinstance(client.tree, Tree):
            await self._sync.tell(client.tree)

    async def anew(self) -> None:
        """A session has begun after another: what was said in between to open questions is heard."""
        await self._watch.catch_up(self._hear, self._compare)

    async def message(self, message: discord.Message) -> None:
        """Somebody wrote."""
        if self._receive is not None:
            await self._ear.message(message, self._receive)

    async def edited(self, message: discord.Message) -> None:
        """A message was changed by its author; what Discord itself adds, such as a link's preview, changes no words."""
        if message.edited_at is not None:
            await self.message(message)

    async def deleted(self, message: int) -> None:
        """A message was deleted: one that was heard, or a card of ours, whose thread lives on."""
        if self._receive is not None:
            await self._ear.deleted(message, self._receive)
            card = self._watch.card(message)
            if card is not None:
                await self._ear.card_deleted(card, self._receive)

    async def thread_gone(self, thread: int, parent: int) -> None:
        """A thread was deleted. In a forum its card went with it; elsewhere the card stands, and replies to it count."""
        card = self._watch.card(thread)
        if card is not None and self._rooms.form_of(parent) == "post":
            await self._gone([card])
        elif card is not None:
            self._post.flatten(thread)
        await self._gone(self._watch.cards_in([thread]))

    async def channels_gone(self, channels: Collection[int]) -> None:
        """Channels are gone, with all cards in them."""
        await self._gone(self._watch.cards_in(channels))

    async def _gone(self, cards: Sequence[Place]) -> None:
        assert self._receive is not None
        for card in cards:
            self._watch.lost(card)
            await self._ear.card_deleted(card, self._receive)

    async def pressed(self, interaction: discord.Interaction[Any]) -> None:
        """A control was used."""
        if self._receive is not None:
            await self._presses.take(interaction, self._receive)

    async def _hear(self, message: MessageReceived) -> None:
        assert self._receive is not None
        await self._ear.found(message, self._receive)

    async def _compare(self, place: Place, said: Sequence[MessageReceived]) -> None:
        """What was heard in a thread and stands there no longer was deleted."""
        standing = {int(one.message) for one in said}
        for message in sorted(self._ear.heard_in(place) - standing):
            await self.deleted(message)

    # Without the Message Content intent --------------------------------------------------------------------------------------

    def _typed(self) -> bool:
        client = self._connection.client
        return client is None or client.intents.message_content

    def _unread(self, author: Author, place: Place) -> None:
        """Tell whoever wrote, once, that it cannot be read."""
        if author.id in self._told_unread:
            return
        self._told_unread.add(author.id)
        task = asyncio.create_task(self._say_unread(author))
        self._others.add(task)
        task.add_done_callback(self._others.discard)

    async def _say_unread(self, author: Author) -> None:
        try:
            async with attempt():
                channel, _ = await self._post.spot(direct(author.id))
            await self._post.say(channel, Shown(content=UNREADABLE), nonce(f"unread {author.id}"))
        except Exception as failure:
            _LOG.warning("%s could not be told that words cannot be read: %s", author.id, failure)
