"""Brings messages to Discord, one request each: into a channel, a thread, a forum, as a reply; or edits one that stands."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import discord
from discord.channel import ThreadWithMessage

from adapters.discord.attempt import attempt
from adapters.discord.failures import ARCHIVED, HAS_THREAD, LOCKED, UNKNOWN_CHANNEL, is_code
from adapters.discord.memory import Memory
from adapters.discord.places import Form, Somewhere, form_of
from adapters.discord.rooms import Rooms
from adapters.discord.shown import Shown
from orchestrator_bridge.chat import NotSent, Place, PostedMessage, SendRejected, SendUncertain

T = TypeVar("T")

WEEK: Literal[10080] = 10080
"""Minutes without a word after which Discord archives a thread; the longest that every server has."""
REMEMBERED = 5000


class Post:
    """Posts for one adapter. `silence` is in seconds, as in `attempt`."""

    def __init__(self, rooms: Rooms, silence: float) -> None:
        self._rooms = rooms
        self._silence = silence
        self._flat: Memory[int, bool] = Memory(REMEMBERED)
        """Cards that have no thread of their own though their channel has threads: replies to them count."""
        self._looks: Memory[int, str] = Memory(REMEMBERED)

    # Where ----------------------------------------------------------------------------------------------------------------

    async def form(self, place: Place) -> tuple[Somewhere, Form]:
        """A place's channel, and what a card becomes there."""
        channel = await self._rooms.find(place.channel)
        return channel, form_of(channel)

    async def spot(self, place: Place) -> tuple[Somewhere, int | None]:
        """Where to say something: a channel or thread, and the message to reply to, if there is one."""
        channel, form = await self.form(place)
        if place.thread is None:
            return channel, None
        card = int(place.thread)
        if form == "replies" or (form == "thread" and await self._is_flat(card)):
            return channel, card
        return await self._rooms.get(card), None

    async def _is_flat(self, card: int) -> bool:
        """Whether a card in a channel with threads has none, for lack of a permission when it was posted."""
        known = self._flat.get(card)
        if known is not None:
            return known
        try:
            await self._rooms.get(card)
        except SendRejected as failure:
            if not is_code(failure, UNKNOWN_CHANNEL):
                raise
            self._flat.put(card, True)
            return True
        self._flat.put(card, False)
        return False

    def flatten(self, card: int) -> None:
        """A card's thread was deleted: from now on replies to the card are its thread."""
        self._rooms.forget(card)
        self._flat.put(card, True)

    # What -----------------------------------------------------------------------------------------------------------------

    async def say(self, channel: Somewhere, shown: Shown, nonce: str, reply_to: int | None = None) -> discord.Message:
        """Post a message, once for each nonce."""
        where = _writable(channel)
        reference = _reference(reply_to, where.id) if reply_to else None

        async def request() -> discord.Message:
            sent: discord.Message = await where.send(
                shown.content or None,
                embeds=list(shown.embeds),
                view=shown.view(),
                nonce=nonce,
                allowed_mentions=shown.notify,
                reference=reference,
                files=_files(shown),
            )
            return sent

        message = await self._opened(channel, request)
        self._looks.put(message.id, shown.fingerprint)
        return message

    async def open_post(self, forum: Somewhere, name: str, shown: Shown) -> ThreadWithMessage:
        """Open a forum's post. It takes no nonce: one request, and no other before history was looked at."""
        if not isinstance(forum, discord.ForumChannel):
            raise SendRejected(f"channel {getattr(forum, 'id', '?')} is no forum")
        async with attempt(self._silence, repeatable=False):
            made: ThreadWithMessage = await forum.create_thread(
                name=name,
                content=shown.content,
                embeds=list(shown.embeds),
                view=shown.view(),
                allowed_mentions=shown.notify,
                auto_archive_duration=WEEK,
            )
        return made

    async def open_thread(self, message: discord.Message, name: str) -> None:
        """Open the thread of a card. Where that is not allowed, the card stands alone and replies to it count."""
        try:
            async with attempt(self._silence):
                await message._state.http.start_thread_with_message(
                    message.channel.id, message.id, name=name, auto_archive_duration=WEEK
                )
        except SendRejected as failure:
            self._flat.put(message.id, not is_code(failure, HAS_THREAD))
        except NotSent as failure:
            raise SendUncertain(f"the message was posted, but not its thread: {failure}") from failure
        else:
            self._flat.put(message.id, False)

    async def edit(self, place: Place, posted: PostedMessage, shown: Shown) -> None:
        """Change a card, unless it looks like that already. In a forum it stands in its own thread."""
        message = int(posted.message)
        if self._looks.get(message) == shown.fingerprint:
            return
        channel, form = await self.form(place)
        where = await self._rooms.get(int(posted.thread or message)) if form == "post" else channel
        card = _writable(where).get_partial_message(message)
        await self._opened(
            where,
            lambda: card.edit(content=shown.content, embeds=list(shown.embeds), view=shown.view(), allowed_mentions=shown.notify),
        )
        self._looks.put(message, shown.fingerprint)

    async def edit_text(self, place: Place, posted: PostedMessage, shown: Shown) -> PostedMessage:
        """Change a message without a card, which stands where things are said."""
        channel, _ = await self.spot(place)
        message = _writable(channel).get_partial_message(int(posted.message))
        await self._opened(channel, lambda: message.edit(content=shown.content, allowed_mentions=shown.notify))
        return posted

    async def react(self, channel: Somewhere, message: int, sign: str) -> None:
        """Put a reaction on somebody's message."""
        told = _writable(channel).get_partial_message(message)
        await self._opened(channel, lambda: told.add_reaction(sign))

    async def _opened(self, channel: Somewhere, request: Callable[[], Awaitable[T]]) -> T:
        """Make a request; where the thread turns out to be archived or locked, open it and make it again."""
        try:
            async with attempt(self._silence):
                return await request()
        except SendRejected as failure:
            if not (is_code(failure, ARCHIVED) or is_code(failure, LOCKED)) or not isinstance(channel, discord.Thread):
                raise
        async with attempt(self._silence):
            await channel.edit(archived=False, locked=False)
        async with attempt(self._silence):
            return await request()


def _writable(channel: Somewhere) -> Any:
    """A channel as one that messages go to.

    Raises:
        SendRejected: none do.
    """
    if not isinstance(channel, discord.abc.Messageable):
        raise SendRejected(f"nothing can be written into channel {getattr(channel, 'id', '?')}: it is a {type(channel).__name__}")
    return channel


def _reference(message: int, channel: int) -> discord.MessageReference:
    return discord.MessageReference(message_id=message, channel_id=channel, fail_if_not_exists=False)


def _files(shown: Shown) -> list[discord.File]:
    if shown.text_file is None:
        return []
    name, text = shown.text_file
    return [discord.File(io.BytesIO(text.encode()), filename=name)]
