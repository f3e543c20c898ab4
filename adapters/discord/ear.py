"""Hears messages: those to our cards, in our threads and to us by name are handed to the bridge, each until it is stored."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import discord

from adapters.discord.attempt import attempt
from adapters.discord.hear import command_of, concerns_us, mentions_us, open_card, said_of
from adapters.discord.memory import Memory
from adapters.discord.places import direct, place_of
from adapters.discord.rooms import Rooms
from orchestrator_bridge.chat import (
    Author,
    CommandReceived,
    InboundEvent,
    InboundHandler,
    MessageDeleted,
    MessageReceived,
    NotSent,
    Place,
    SendRejected,
)
from orchestrator_bridge.clock import Clock, sleep_until

_LOG = logging.getLogger(__name__)

REMEMBERED = 10_000
"""Messages of which we know where they stand: Discord tells of a deletion without the message's place."""
PAUSES = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds between two tries to store what was said; Discord does not say it again by itself."""
RECENT = 25
"""Messages looked through for the question that a plain word in direct messages is about."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Where a message stands: `inside` of a thread, or beside it as a reply to the thread's card."""

    place: Place
    inside: bool


class Ear:
    """Hears for one adapter. `listed` are bots that are heard like people; `unread` is told who wrote what we may not read."""

    def __init__(self, rooms: Rooms, clock: Clock, listed: frozenset[str], unread: Callable[[Author, Place], None]) -> None:
        self._rooms = rooms
        self._clock = clock
        self._listed = listed
        self._unread = unread
        self._where: Memory[int, Heard] = Memory(REMEMBERED)

    async def message(self, message: discord.Message, on_event: InboundHandler) -> None:
        """Hear a message, new or edited, if it concerns us."""
        me = self._rooms.client().me
        if not concerns_us(message, me, self._listed):
            return
        heard = await self._meaning(message, me)
        if isinstance(heard, MessageReceived) and not (heard.text or heard.attachments):
            if not self._rooms.client().intents.message_content and message.guild is not None:
                self._unread(heard.author, heard.place)
            return
        if isinstance(heard, MessageReceived):
            self._where.put(message.id, Heard(place_of(message, me) or heard.place, inside=heard.question is None))
        if heard is not None:
            await self.hand_over(heard, on_event)

    async def deleted(self, message: int, on_event: InboundHandler) -> None:
        """Hear that a message was deleted, if we heard it."""
        heard = self._where.take(message)
        if heard is not None:
            await self.hand_over(MessageDeleted(place=heard.place, message=str(message), at=self._clock.now()), on_event)

    async def card_deleted(self, place: Place, on_event: InboundHandler) -> None:
        """Hear that somebody deleted a card of ours, which its place's thread is named after."""
        await self.hand_over(MessageDeleted(place=place, message=str(place.thread), at=self._clock.now()), on_event)

    async def found(self, message: MessageReceived, on_event: InboundHandler) -> None:
        """Hear what a history holds."""
        if message.question is None:
            self._where.put(int(message.message), Heard(message.place, inside=True))
        await self.hand_over(message, on_event)

    async def hand_over(self, event: MessageReceived | MessageDeleted | CommandReceived, on_event: InboundHandler) -> None:
        """Give it to the bridge until it is stored."""
        tries = 0
        while not await self._stored(event, on_event):
            await sleep_until(self._clock, self._clock.now() + PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    def heard_in(self, place: Place) -> frozenset[int]:
        """The messages that were heard in a thread and have not been deleted since, as far as they are remembered."""
        return frozenset(message for message, heard in self._where.items() if heard == Heard(place, inside=True))

    async def _stored(self, event: InboundEvent, on_event: InboundHandler) -> bool:
        try:
            await on_event(event)
        except Exception:
            _LOG.exception("%s could not be stored, which is tried again", event.key)
            return False
        return True

    async def _meaning(self, message: discord.Message, me: int) -> MessageReceived | CommandReceived | None:
        if isinstance(message.channel, discord.PartialMessageable) and message.guild is not None:
            message.channel = await self._channel(message)
        place = place_of(message, me)
        if place is None and message.guild is None:
            place = await self._card_in_direct(message, me)
            return said_of(message, place, me) if place else command_of(message, me)
        if place is not None:
            return said_of(message, place, me)
        return command_of(message, me) if mentions_us(message, me) else None

    async def _channel(self, message: discord.Message) -> discord.abc.MessageableChannel:
        """A thread that was archived a moment ago is not known to the client yet."""
        try:
            return await self._rooms.get(message.channel.id)  # type: ignore[return-value]  # whatever holds a message
        except (NotSent, SendRejected) as failure:
            _LOG.warning("the channel of message %s is not known: %s", message.id, failure)
            return message.channel

    async def _card_in_direct(self, message: discord.Message, me: int) -> Place | None:
        """A plain word in direct messages answers the newest question there that is open."""
        try:
            async with attempt():
                recent = [one async for one in message.channel.history(limit=RECENT, before=message)]
        except (NotSent, SendRejected) as failure:
            _LOG.warning("the direct messages with %s cannot be read: %s", message.author.id, failure)
            return None
        card = open_card(recent, me)
        return Place(platform=direct(0).platform, channel=direct(message.author.id).channel, thread=card) if card else None
