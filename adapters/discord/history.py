"""Channel history: finds earlier attempts of a post, reads people's messages in a thread, downloads files.

Discord keeps a nonce for some minutes only. A resend after a longer interruption would post a second copy, so the outbox asks for
the earlier attempt first: cards are recognised by the reference code in their footer, texts by their content.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never

import discord

from adapters.discord.channels import AnyChannel, ChannelCache, message_place
from adapters.discord.errors import bounded_attempt
from adapters.discord.markers import parse_reference_code, reference_code
from adapters.discord.messages import is_from_person, to_message_received, unnamed_author
from adapters.discord.posted_cards import card_footer
from adapters.discord.proxies import is_reposted
from adapters.discord.render import DiscordMessage
from adapters.discord.sender import DiscordSender, MessageApi, is_turn, to_posted
from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.inbound import Attachment, MessageReceived, Place
from orchestrator_bridge.chat.outbound import (
    Acknowledgement,
    FinalAnswer,
    Note,
    OutboundPost,
    PostedMessage,
    QuestionCard,
    RunCard,
)
from orchestrator_bridge.common.clock import Clock

FORUM_LOOK_BACK = 20
"""Messages at the beginning of a forum post among which its card is."""

LOOK_BACK = 500
"""Messages that are searched for an earlier attempt."""

TIMESTAMP_STEP = 0.002
"""Seconds: Discord's `after` excludes messages of the same millisecond."""

REPLIES = 200
"""Messages of a channel that are searched for replies to a card that has a thread as well."""

SHARED_FOR = 60.0
"""Seconds for which a channel that was read counts as read, as long as nothing changes in it."""

CLOCK_TOLERANCE = 900.0
"""Seconds by which Discord's clock and ours may differ."""


@dataclass(frozen=True, slots=True)
class _ChannelRead:
    """The newest messages of a channel, read at a time, as far back as `since` (both in seconds)."""

    at: float
    since: float
    messages: tuple[discord.Message, ...]


class RecentMessages:
    """The newest messages of channels, each read once for all the cards in it: a start reads the threads of many questions."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._wanted: dict[int, float] = {}
        self._reads: dict[int, _ChannelRead] = {}
        self._changes: defaultdict[int, int] = defaultdict(int)
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def read(self, channel: discord.abc.Messageable, since: float) -> Sequence[discord.Message]:
        """The newest messages of a channel, at least back to `since` or `REPLIES` of them. Raises as `read_history` does."""
        id_ = int(getattr(channel, "id", 0))
        wanted = self._wanted[id_] = min(since, self._wanted.get(id_, since))
        async with self._locks[id_]:
            known = self._reads.get(id_)
            if known is not None and known.since <= since and self._clock.now() < known.at + SHARED_FOR:
                return known.messages
            wanted, at, changes = min(wanted, self._wanted.get(id_, wanted)), self._clock.now(), self._changes[id_]
            after = datetime.fromtimestamp(wanted, UTC)
            found = [message async for message in read_history(channel, after=after, oldest_first=False, limit=REPLIES)]
            if changes == self._changes[id_]:
                self._reads[id_] = _ChannelRead(at, wanted, tuple(found))
            return found

    def forget(self, channel: int) -> None:
        """Read a channel anew from now on."""
        self._changes[channel] += 1
        self._reads.pop(channel, None)
        self._wanted.pop(channel, None)

    def forget_all(self) -> None:
        """Read all channels anew from now on."""
        for channel in [*self._locks]:
            self.forget(channel)


class DiscordHistory:
    """Reader of the history, for one adapter."""

    def __init__(
        self,
        channels: ChannelCache,
        messages: MessageApi,
        sender: DiscordSender,
        listed: frozenset[str],
        proxies: frozenset[str],
        clock: Clock,
    ) -> None:
        self._recent = RecentMessages(clock)
        self._channels = channels
        self._messages = messages
        self._sender = sender
        self._listed = listed
        self._proxies = proxies

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """Find a post, as `Adapter.find_sent` specifies; the parts that are missing, such as a card's thread, are added now."""
        match outbound.post:
            case RunCard() | QuestionCard():
                return await self._find_card(outbound, outbound.post)
            case Note() | FinalAnswer():
                return await self._find_texts(outbound, self._sender.render_messages(outbound))
            case Acknowledgement():
                return None  # repeating a reaction has no effect, and its text has a nonce
            case _:
                assert_never(outbound.post)

    async def _find_card(self, outbound: OutboundPost, card: RunCard | QuestionCard) -> PostedMessage | None:
        wanted = reference_code(outbound.key)
        if is_turn(outbound):
            return await self._find_turn(outbound, wanted)
        channel, form = await self._messages.thread_kind_at(outbound.place)
        history = self._forum_messages(channel, outbound) if form == "post" else self._own_messages(channel, outbound.since)
        async for message in history:
            if parse_reference_code(card_footer(message)) == wanted:
                # The attempt may have ended between the card and its thread.
                if form == "thread":
                    await self._messages.open_thread(message, self._sender.render_card(card, outbound.key)[1])
                return to_posted(message, message.channel.id if form == "post" else None)
        return None

    async def _find_turn(self, outbound: OutboundPost, wanted: str) -> PostedMessage | None:
        """Find the card of a next turn, which stands in the thread of its conversation."""
        channel, _ = await self._messages.reply_target(outbound.place)
        async for message in self._own_messages(channel, outbound.since):
            if parse_reference_code(card_footer(message)) == wanted:
                thread = outbound.place.thread
                return PostedMessage(message=str(message.id), thread=thread, at=message.created_at.timestamp())
        return None

    async def _forum_messages(self, forum: AnyChannel, outbound: OutboundPost) -> AsyncIterator[discord.Message]:
        """Our first messages in the newest posts of a forum."""
        if not isinstance(forum, discord.ForumChannel):
            return
        async with bounded_attempt():
            active = [thread for thread in await forum.guild.active_threads() if thread.parent_id == forum.id]
            archived = [thread async for thread in forum.archived_threads(limit=50)]
        for thread in sorted([*active, *archived], key=lambda thread: thread.id, reverse=True):
            if thread.owner_id == self._channels.client().me and not _is_before(thread.id, outbound.since):
                async for first in read_history(thread, limit=FORUM_LOOK_BACK, oldest_first=True):
                    yield first

    async def _find_texts(self, outbound: OutboundPost, messages: list[DiscordMessage]) -> PostedMessage | None:
        """Find the messages of a text by their content; those missing at its end are posted."""
        channel, _ = await self._messages.reply_target(outbound.place)
        done = await self._posted_parts(channel, outbound.since, messages)
        if not done and outbound.place.thread is not None:
            # Before the thread was open, the text was a reply to the card in the channel.
            home, form = await self._messages.thread_kind_at(outbound.place)
            done = await self._posted_parts(home, outbound.since, messages) if form == "thread" and home is not channel else []
        return await self._sender.post_messages(outbound, messages, done) if done else None

    async def _posted_parts(self, channel: AnyChannel, since: float, messages: list[DiscordMessage]) -> list[discord.Message]:
        """The first messages of a text that are in a channel, in order."""
        wanted = [_comparable(shown.content) for shown in messages]
        newest_first = [message async for message in self._own_messages(channel, since) if _comparable(message.content) in wanted]
        # Parts are posted in order, so an interrupted post has left its first parts: each next message must be the next part.
        done: list[discord.Message] = []
        for message in reversed(newest_first):
            if len(done) < len(wanted) and _comparable(message.content) == wanted[len(done)]:
                done.append(message)
        return done

    async def _own_messages(self, channel: AnyChannel, since: float) -> AsyncIterator[discord.Message]:
        """Our messages in a channel, newest first, as far back as an attempt may have been made."""
        me = self._channels.client().me
        async for message in read_history(channel, limit=LOOK_BACK):
            if _is_before(message.id, since):
                return
            if message.author.id == me:
                yield message

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """Read a thread, as `Adapter.read_thread` specifies, and the newest replies to its card in the channel."""
        if place.thread is None:
            return ()
        channel, _ = await self._messages.reply_target(place)
        since = datetime.fromtimestamp(after - TIMESTAMP_STEP, UTC)
        found = [message async for message in read_history(channel, after=since, oldest_first=True, limit=None)]
        # People also reply to the card itself, outside of its thread.
        home = await self._channels.resolve(place.channel)
        if isinstance(home, discord.abc.Messageable) and home is not channel:
            newest = await self._recent.read(home, after - TIMESTAMP_STEP)
            found += [message for message in newest if message.created_at >= since]
        return await self._to_messages(found, place)

    def forget_channel(self, channel: int) -> None:
        """Read a channel anew from now on, since something has changed in it."""
        self._recent.forget(channel)

    def forget_channels(self) -> None:
        """Read all channels anew from now on, since events were missed."""
        self._recent.forget_all()

    async def _to_messages(self, messages: list[discord.Message], place: Place) -> list[MessageReceived]:
        me = self._channels.client().me
        here = {
            message.id: message
            for message in messages
            if (is_from_person(message, me, self._listed) or self._is_proxied(message)) and _place(message, me, place) == place
        }
        ordered = [here[id_] for id_ in sorted(here)]
        await self._load_roles(ordered)
        received = [
            to_message_received(message, place, me, unnamed_author(message) if self._is_proxied(message) else None)
            for message in ordered
        ]
        return [message for message in received if message.text or message.attachments]

    def _is_proxied(self, message: discord.Message) -> bool:
        """True if a listed application reposted a message: it shows that the message was not deleted, but not who wrote it."""
        listed = str(message.author.id) in self._listed
        return is_reposted(message) and str(message.application_id) in self._proxies and not listed

    async def _load_roles(self, messages: list[discord.Message]) -> None:
        """Look up the authors' roles, which decide who may answer; a history names authors without them."""
        known: dict[int, discord.User | discord.Member] = {}
        for message in messages:
            if isinstance(message.author, discord.Member) or message.guild is None or message.webhook_id:
                continue
            if message.author.id not in known:
                known[message.author.id] = await self._member(message.guild, message.author)
            message.author = known[message.author.id]

    async def _member(self, guild: discord.Guild, user: discord.User) -> discord.User | discord.Member:
        try:
            async with bounded_attempt():
                return await guild.fetch_member(user.id)
        except SendRejected:
            return user  # has left the server, so there are no roles


async def read_history(channel: object, **which: Any) -> AsyncIterator[discord.Message]:
    """Messages of a channel, read page by page; each page is an attempt of its own.

    Raises:
        NotSent: it cannot be read now.
        SendRejected: it was deleted, or the bot may not read it.
    """
    if not isinstance(channel, discord.abc.Messageable):
        raise SendRejected(f"channel {getattr(channel, 'id', '?')} holds no messages")
    pages = channel.history(**which)
    while True:
        async with bounded_attempt():
            message = await anext(pages, None)
        if message is None:
            return
        yield message


def _place(message: discord.Message, me: int, card: Place) -> Place | None:
    return message_place(message, me, card_thread=str(message.channel.id) == card.thread)


def _is_before(snowflake: int, since: float) -> bool:
    return bool(since) and discord.utils.snowflake_time(snowflake).timestamp() < since - CLOCK_TOLERANCE


def _comparable(content: str) -> str:
    """Message text as it is compared: Discord strips spaces at both ends."""
    return content.strip()


async def fetch_attachment(channels: ChannelCache, attachment: Attachment) -> bytes:
    """The content of a file.

    Raises:
        NotSent: Discord cannot be reached now.
        SendRejected: the file was deleted.
    """
    address = attachment.ref if "://" in attachment.ref else await _attachment_url(channels, attachment)
    async with bounded_attempt(60.0):
        return await channels.client().http.get_from_cdn(address)


async def _attachment_url(channels: ChannelCache, attachment: Attachment) -> str:
    """The current address of a message's file: addresses expire after a day. `ref` is channel/message/file."""
    channel_id, message_id, file_id = attachment.ref.split("/")
    channel = await channels.get(int(channel_id))
    if not isinstance(channel, discord.abc.Messageable):
        raise SendRejected(f"{attachment.name}: its channel holds no messages")
    async with bounded_attempt():
        message = await channel.fetch_message(int(message_id))
    forwarded = (file for snapshot in message.message_snapshots for file in snapshot.attachments)
    for file in (*message.attachments, *forwarded):
        if str(file.id) == file_id:
            return file.url
    raise SendRejected(f"{attachment.name}: the file was removed from its message")
