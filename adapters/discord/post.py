"""Brings messages to Discord, one request each: into a channel, a thread, a forum, as a reply; or edits one that stands."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import discord
from discord.channel import ThreadWithMessage

from adapters.discord.attempt import bounded_attempt
from adapters.discord.failures import ARCHIVED, HAS_THREAD, LOCKED, UNKNOWN_CHANNEL, has_code
from adapters.discord.memory import LruMap
from adapters.discord.places import AnyChannel, ThreadKind, thread_kind
from adapters.discord.rooms import ChannelCache
from adapters.discord.shown import DiscordMessage
from orchestrator_bridge.chat import NotSent, Place, PostedMessage, SendRejected, SendUncertain

T = TypeVar("T")

ARCHIVE_AFTER: Literal[10080] = 10080
"""Minutes without a word after which Discord archives a thread; the longest that every server has."""
REMEMBERED = 5000


class MessageApi:
    """Posts for one adapter. `timeout` is in seconds, as in `attempt`."""

    def __init__(self, channels: ChannelCache, timeout: float) -> None:
        self._channels = channels
        self._timeout = timeout
        self._threadless: LruMap[int, bool] = LruMap(REMEMBERED)
        """Cards that have no thread of their own though their channel has threads: replies to them count."""
        self._fingerprints: LruMap[int, str] = LruMap(REMEMBERED)

    # Where ----------------------------------------------------------------------------------------------------------------

    async def thread_kind_at(self, place: Place) -> tuple[AnyChannel, ThreadKind]:
        """A place's channel, and what a card becomes there."""
        channel = await self._channels.resolve(place.channel)
        return channel, thread_kind(channel)

    async def reply_target(self, place: Place) -> tuple[AnyChannel, int | None]:
        """Where to say something: a channel or thread, and the message to reply to, if there is one."""
        channel, form = await self.thread_kind_at(place)
        if place.thread is None:
            return channel, None
        card = int(place.thread)
        if form == "replies" or (form == "thread" and await self._is_threadless(card)):
            return channel, card
        return await self._channels.get(card), None

    async def _is_threadless(self, card: int) -> bool:
        """Whether a card in a channel with threads has none, for lack of a permission when it was posted."""
        known = self._threadless.get(card)
        if known is not None:
            return known
        try:
            await self._channels.get(card)
        except SendRejected as failure:
            if not has_code(failure, UNKNOWN_CHANNEL):
                raise
            self._threadless.put(card, True)
            return True
        self._threadless.put(card, False)
        return False

    def mark_threadless(self, card: int) -> None:
        """A card's thread was deleted: from now on replies to the card are its thread."""
        self._channels.forget(card)
        self._threadless.put(card, True)

    # What -----------------------------------------------------------------------------------------------------------------

    async def post_message(
        self, channel: AnyChannel, shown: DiscordMessage, nonce: str, reply_to: int | None = None
    ) -> discord.Message:
        """Post a message, once for each nonce."""
        where = _messageable(channel)
        reference = _reference(reply_to, where.id) if reply_to else None

        async def request() -> discord.Message:
            sent: discord.Message = await where.send(
                shown.content or None,
                embeds=list(shown.embeds),
                view=shown.view(),
                nonce=nonce,
                allowed_mentions=shown.allowed_mentions,
                reference=reference,
                files=_files(shown),
            )
            return sent

        message = await self._with_open_thread(channel, request)
        self._fingerprints.put(message.id, shown.fingerprint)
        return message

    async def create_forum_post(self, forum: AnyChannel, name: str, shown: DiscordMessage) -> ThreadWithMessage:
        """Open a forum's post. It takes no nonce: one request, and no other before history was looked at."""
        if not isinstance(forum, discord.ForumChannel):
            raise SendRejected(f"channel {getattr(forum, 'id', '?')} is no forum")
        async with bounded_attempt(self._timeout, repeatable=False):
            made: ThreadWithMessage = await forum.create_thread(
                name=name,
                content=shown.content,
                embeds=list(shown.embeds),
                view=shown.view(),
                allowed_mentions=shown.allowed_mentions,
                auto_archive_duration=ARCHIVE_AFTER,
            )
        return made

    async def create_thread(self, message: discord.Message, name: str) -> None:
        """Open the thread of a card. Where that is not allowed, the card stands alone and replies to it count."""
        try:
            async with bounded_attempt(self._timeout):
                await message._state.http.start_thread_with_message(
                    message.channel.id, message.id, name=name, auto_archive_duration=ARCHIVE_AFTER
                )
        except SendRejected as failure:
            self._threadless.put(message.id, not has_code(failure, HAS_THREAD))
        except NotSent as failure:
            raise SendUncertain(f"the message was posted, but not its thread: {failure}") from failure
        else:
            self._threadless.put(message.id, False)

    async def edit_card(self, place: Place, posted: PostedMessage, shown: DiscordMessage) -> None:
        """Change a card, unless it looks like that already. In a forum it stands in its own thread."""
        message = int(posted.message)
        if self._fingerprints.get(message) == shown.fingerprint:
            return
        channel, form = await self.thread_kind_at(place)
        where = await self._channels.get(int(posted.thread or message)) if form == "post" else channel
        card = _messageable(where).get_partial_message(message)
        await self._with_open_thread(
            where,
            lambda: card.edit(
                content=shown.content, embeds=list(shown.embeds), view=shown.view(), allowed_mentions=shown.allowed_mentions
            ),
        )
        self._fingerprints.put(message, shown.fingerprint)

    async def edit_text(self, place: Place, posted: PostedMessage, shown: DiscordMessage) -> PostedMessage:
        """Change a message without a card, which stands where things are said."""
        channel, _ = await self.reply_target(place)
        message = _messageable(channel).get_partial_message(int(posted.message))
        await self._with_open_thread(
            channel, lambda: message.edit(content=shown.content, allowed_mentions=shown.allowed_mentions)
        )
        return posted

    async def add_reaction(self, channel: AnyChannel, message: int, sign: str) -> None:
        """Put a reaction on somebody's message."""
        told = _messageable(channel).get_partial_message(message)
        await self._with_open_thread(channel, lambda: told.add_reaction(sign))

    async def _with_open_thread(self, channel: AnyChannel, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request; where the thread turns out to be archived or locked, open it and make it again."""
        try:
            async with bounded_attempt(self._timeout):
                return await request()
        except SendRejected as failure:
            if not (has_code(failure, ARCHIVED) or has_code(failure, LOCKED)) or not isinstance(channel, discord.Thread):
                raise
        async with bounded_attempt(self._timeout):
            await channel.edit(archived=False, locked=False)
        async with bounded_attempt(self._timeout):
            return await request()


def _messageable(channel: AnyChannel) -> Any:
    """A channel as one that messages go to.

    Raises:
        SendRejected: none do.
    """
    if not isinstance(channel, discord.abc.Messageable):
        raise SendRejected(f"nothing can be written into channel {getattr(channel, 'id', '?')}: it is a {type(channel).__name__}")
    return channel


def _reference(message: int, channel: int) -> discord.MessageReference:
    return discord.MessageReference(message_id=message, channel_id=channel, fail_if_not_exists=False)


def _files(shown: DiscordMessage) -> list[discord.File]:
    if shown.text_file is None:
        return []
    name, text = shown.text_file
    return [discord.File(io.BytesIO(text.encode()), filename=name)]
