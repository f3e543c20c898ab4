"""Looks into the history: did an earlier attempt arrive, and is anything of it missing? And: what was said in a thread?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import discord

from adapters.discord.channels import AnyChannel, ChannelCache, message_place
from adapters.discord.errors import bounded_attempt
from adapters.discord.markers import parse_reference_code, reference_code
from adapters.discord.messages import is_from_person, to_message_received
from adapters.discord.render import DiscordMessage
from adapters.discord.sender import DiscordSender, MessageApi, to_posted
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

FORUM_LOOK_BACK = 20
"""Messages at the beginning of a forum's post among which its card is."""
LOOK_BACK = 500
"""Messages looked through for an earlier attempt."""
TIMESTAMP_STEP = 0.002
"""Seconds: Discord's `after` leaves out what was said in the same millisecond."""
REPLIES = 200
"""Messages of a channel looked through for replies to a card that has a thread too."""
CLOCK_TOLERANCE = 900.0
"""Seconds by which Discord's clock and ours may differ."""


class DiscordHistory:
    """Asks Discord's history, for one adapter."""

    def __init__(self, channels: ChannelCache, messages: MessageApi, sender: DiscordSender, listed: frozenset[str]) -> None:
        self._channels = channels
        self._messages = messages
        self._sender = sender
        self._listed = listed

    # Our own ----------------------------------------------------------------------------------------------------------------

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """As `Adapter.find_sent` says; what an attempt did not come to, such as a card's thread, is made now."""
        match outbound.post:
            case RunCard() | QuestionCard():
                return await self._card(outbound)
            case Note() | FinalAnswer():
                return await self._find_texts(outbound, self._sender.render_messages(outbound.post))
            case Acknowledgement():
                return None  # a reaction does not double, and its words have a nonce

    async def _card(self, outbound: OutboundPost) -> PostedMessage | None:
        channel, form = await self._messages.thread_kind_at(outbound.place)
        wanted = reference_code(outbound.key)
        history = self._forum_messages(channel, outbound) if form == "post" else self._own_messages(channel, outbound.since)
        async for message in history:
            if any(parse_reference_code(embed.footer.text) == wanted for embed in message.embeds):
                if form == "thread":
                    await self._messages.create_thread(message, self._sender.render_card(outbound)[1])
                return to_posted(message, message.channel.id if form == "post" else None)
        return None

    async def _forum_messages(self, forum: AnyChannel, outbound: OutboundPost) -> AsyncIterator[discord.Message]:
        """The first messages of a forum's newest posts that are ours."""
        if not isinstance(forum, discord.ForumChannel):
            return
        async with bounded_attempt():
            active = [one for one in await forum.guild.active_threads() if one.parent_id == forum.id]
            archived = [one async for one in forum.archived_threads(limit=50)]
        for thread in sorted([*active, *archived], key=lambda one: one.id, reverse=True):
            if thread.owner_id == self._channels.client().me and not _is_before(thread.id, outbound.since):
                async for first in _history(thread, limit=FORUM_LOOK_BACK, oldest_first=True):
                    yield first

    async def _find_texts(self, outbound: OutboundPost, messages: list[DiscordMessage]) -> PostedMessage | None:
        """Find the messages of a text by their words; those that are missing at its end are posted."""
        channel, _ = await self._messages.reply_target(outbound.place)
        wanted = [_comparable(shown.content) for shown in messages]
        history = [one async for one in self._own_messages(channel, outbound.since) if _comparable(one.content) in wanted]
        done: list[discord.Message] = []
        for message in reversed(history):
            if len(done) < len(wanted) and _comparable(message.content) == wanted[len(done)]:
                done.append(message)
        return await self._sender.post_messages(outbound, messages, done) if done else None

    async def _own_messages(self, channel: AnyChannel, since: float) -> AsyncIterator[discord.Message]:
        """Our messages in a channel, newest first, as far back as an attempt may have been made."""
        me = self._channels.client().me
        async for message in _history(channel, limit=LOOK_BACK):
            if _is_before(message.id, since):
                return
            if message.author.id == me:
                yield message

    # People's ---------------------------------------------------------------------------------------------------------------

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """As `Adapter.read_thread` says: all of a thread, and the newest replies to its card in the channel, which name the
        question."""
        if place.thread is None:
            return ()
        channel, _ = await self._messages.reply_target(place)
        since = datetime.fromtimestamp(after - TIMESTAMP_STEP, UTC)
        found = [one async for one in _history(channel, after=since, oldest_first=True, limit=None)]
        home = await self._channels.resolve(place.channel)
        if isinstance(home, discord.abc.Messageable) and home is not channel:
            found += [one async for one in _history(home, after=since, oldest_first=False, limit=REPLIES)]
        return await self._to_messages(found, place)

    async def _to_messages(self, messages: list[discord.Message], place: Place) -> list[MessageReceived]:
        me = self._channels.client().me
        here = [one for one in messages if is_from_person(one, me, self._listed) and message_place(one, me) == place]
        ordered = sorted({one.id: one for one in here}.values(), key=lambda one: one.id)
        await self._load_roles(ordered)
        said = [to_message_received(one, place, me) for one in ordered]
        return [one for one in said if one.text or one.attachments]

    async def _load_roles(self, messages: list[discord.Message]) -> None:
        """A history names authors without their roles, by which it is judged who may answer: they are looked up."""
        known: dict[int, discord.User | discord.Member] = {}
        for message in messages:
            if isinstance(message.author, discord.Member) or message.guild is None:
                continue
            if message.author.id not in known:
                known[message.author.id] = await self._member(message.guild, message.author)
            message.author = known[message.author.id]

    async def _member(self, guild: discord.Guild, user: discord.User) -> discord.User | discord.Member:
        try:
            async with bounded_attempt():
                return await guild.fetch_member(user.id)
        except SendRejected:
            return user  # has left the server: no roles


async def _history(channel: AnyChannel, **which: Any) -> AsyncIterator[discord.Message]:
    """Messages of a channel, a page at a time; each page is a try of its own.

    Raises:
        NotSent: it cannot be read just now.
        SendRejected: it is gone, or may not be read.
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


def _is_before(snowflake: int, since: float) -> bool:
    return bool(since) and discord.utils.snowflake_time(snowflake).timestamp() < since - CLOCK_TOLERANCE


def _comparable(content: str) -> str:
    """Words as they are compared: Discord takes blanks away at the ends."""
    return content.strip()


async def fetch_attachment(rooms: ChannelCache, attachment: Attachment) -> bytes:
    """The content of a file.

    Raises:
        NotSent: Discord cannot be asked just now.
        SendRejected: the file is gone.
    """
    address = attachment.ref if "://" in attachment.ref else await _attachment_url(rooms, attachment)
    async with bounded_attempt(60.0):
        return await rooms.client().http.get_from_cdn(address)


async def _attachment_url(rooms: ChannelCache, attachment: Attachment) -> str:
    """Where the file of a message is today. `ref` is channel/message/file."""
    where, message, file = attachment.ref.split("/")
    channel = await rooms.get(int(where))
    if not isinstance(channel, discord.abc.Messageable):
        raise SendRejected(f"{attachment.name}: its channel holds no messages")
    async with bounded_attempt():
        found = await channel.fetch_message(int(message))
    for one in found.attachments:
        if str(one.id) == file:
            return one.url
    raise SendRejected(f"{attachment.name}: the file was taken out of its message")
