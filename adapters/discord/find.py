"""Looks into the history: did an earlier attempt arrive, and is anything of it missing? And: what was said in a thread?"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import discord

from adapters.discord.attempt import attempt
from adapters.discord.hear import concerns_us, said_of
from adapters.discord.marks import code, code_in
from adapters.discord.places import Somewhere, place_of
from adapters.discord.post import Post
from adapters.discord.rooms import Rooms
from adapters.discord.send import Send, posted
from adapters.discord.shown import Shown
from orchestrator_bridge.chat import (
    Acknowledgement,
    FinalAnswer,
    MessageReceived,
    Note,
    OutboundPost,
    Place,
    PostedMessage,
    QuestionCard,
    RunCard,
    SendRejected,
)

FIRST = 20
"""Messages at the beginning of a forum's post among which its card is."""
LOOK_BACK = 500
"""Messages looked through for an earlier attempt."""
MOMENT = 0.002
"""Seconds: Discord's `after` leaves out what was said in the same millisecond."""
REPLIES = 200
"""Messages of a channel looked through for replies to a card that has a thread too."""
SLACK = 900.0
"""Seconds by which Discord's clock and ours may differ."""


class Find:
    """Asks Discord's history, for one adapter."""

    def __init__(self, rooms: Rooms, post: Post, send: Send, listed: frozenset[str]) -> None:
        self._rooms = rooms
        self._post = post
        self._send = send
        self._listed = listed

    # Our own ----------------------------------------------------------------------------------------------------------------

    async def find(self, outbound: OutboundPost) -> PostedMessage | None:
        """As `Adapter.find_sent` says; what an attempt did not come to, such as a card's thread, is made now."""
        match outbound.post:
            case RunCard() | QuestionCard():
                return await self._card(outbound)
            case Note() | FinalAnswer():
                return await self._texts(outbound, self._send.rendered(outbound.post))
            case Acknowledgement():
                return None  # a reaction does not double, and its words have a nonce

    async def _card(self, outbound: OutboundPost) -> PostedMessage | None:
        channel, form = await self._post.form(outbound.place)
        wanted = code(outbound.key)
        history = self._posts(channel, outbound) if form == "post" else self._ours(channel, outbound.since)
        async for message in history:
            if any(code_in(embed.footer.text) == wanted for embed in message.embeds):
                if form == "thread":
                    await self._post.open_thread(message, self._send.card(outbound)[1])
                return posted(message, message.channel.id if form == "post" else None)
        return None

    async def _posts(self, forum: Somewhere, outbound: OutboundPost) -> AsyncIterator[discord.Message]:
        """The first messages of a forum's newest posts that are ours."""
        if not isinstance(forum, discord.ForumChannel):
            return
        async with attempt():
            active = [one for one in await forum.guild.active_threads() if one.parent_id == forum.id]
            archived = [one async for one in forum.archived_threads(limit=50)]
        for thread in sorted([*active, *archived], key=lambda one: one.id, reverse=True):
            if thread.owner_id == self._rooms.client().me and not _before(thread.id, outbound.since):
                async for first in _history(thread, limit=FIRST, oldest_first=True):
                    yield first

    async def _texts(self, outbound: OutboundPost, messages: list[Shown]) -> PostedMessage | None:
        """Find the messages of a text by their words; those that are missing at its end are posted."""
        channel, _ = await self._post.spot(outbound.place)
        wanted = [_same(shown.content) for shown in messages]
        history = [one async for one in self._ours(channel, outbound.since) if _same(one.content) in wanted]
        done: list[discord.Message] = []
        for message in reversed(history):
            if len(done) < len(wanted) and _same(message.content) == wanted[len(done)]:
                done.append(message)
        return await self._send.texts(outbound, messages, done) if done else None

    async def _ours(self, channel: Somewhere, since: float) -> AsyncIterator[discord.Message]:
        """Our messages in a channel, newest first, as far back as an attempt may have been made."""
        me = self._rooms.client().me
        async for message in _history(channel, limit=LOOK_BACK):
            if _before(message.id, since):
                return
            if message.author.id == me:
                yield message

    # People's ---------------------------------------------------------------------------------------------------------------

    async def read(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """As `Adapter.read_thread` says: all of a thread, and the newest replies to its card in the channel, which name the
        question."""
        if place.thread is None:
            return ()
        channel, _ = await self._post.spot(place)
        since = datetime.fromtimestamp(after - MOMENT, UTC)
        found = [one async for one in _history(channel, after=since, oldest_first=True, limit=None)]
        home = await self._rooms.find(place.channel)
        if isinstance(home, discord.abc.Messageable) and home is not channel:
            found += [one async for one in _history(home, after=since, oldest_first=False, limit=REPLIES)]
        return await self._said(found, place)

    async def _said(self, messages: list[discord.Message], place: Place) -> list[MessageReceived]:
        me = self._rooms.client().me
        here = [one for one in messages if concerns_us(one, me, self._listed) and place_of(one, me) == place]
        ordered = sorted({one.id: one for one in here}.values(), key=lambda one: one.id)
        await self._give_roles(ordered)
        said = [said_of(one, place, me) for one in ordered]
        return [one for one in said if one.text or one.attachments]

    async def _give_roles(self, messages: list[discord.Message]) -> None:
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
            async with attempt():
                return await guild.fetch_member(user.id)
        except SendRejected:
            return user  # has left the server: no roles


async def _history(channel: Somewhere, **which: Any) -> AsyncIterator[discord.Message]:
    """Messages of a channel, a page at a time; each page is a try of its own.

    Raises:
        NotSent: it cannot be read just now.
        SendRejected: it is gone, or may not be read.
    """
    if not isinstance(channel, discord.abc.Messageable):
        raise SendRejected(f"channel {getattr(channel, 'id', '?')} holds no messages")
    pages = channel.history(**which)
    while True:
        async with attempt():
            message = await anext(pages, None)
        if message is None:
            return
        yield message


def _before(snowflake: int, since: float) -> bool:
    return bool(since) and discord.utils.snowflake_time(snowflake).timestamp() < since - SLACK


def _same(content: str) -> str:
    """Words as they are compared: Discord takes blanks away at the ends."""
    return content.strip()
