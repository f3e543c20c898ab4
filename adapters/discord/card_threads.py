"""The threads of cards: opened after their cards are posted, and known to be there or not.

Discord limits how many threads a channel opens, by a bucket of its own that may be closed for minutes (50 in 300 s are reported,
`retry_after` up to 280 s). A card does not wait for its thread for long: it is posted first and takes replies at once. discord.py
keeps the pause of the bucket. Until the thread is open, what belongs into it is a reply to the card in the channel. A process
that ends meanwhile leaves an open card without a thread: the next one opens it.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import Literal

import discord

from adapters.discord.channels import AnyChannel, ChannelCache
from adapters.discord.errors import HAS_THREAD, UNKNOWN_CHANNEL, bounded_attempt, has_code
from adapters.discord.posted_cards import card_controls, thread_name_of
from orchestrator_bridge.chat.adapter import DeliveryError, NotSent, SendRejected
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.backoff import Backoff
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.common.lru_map import LruMap

_LOG = logging.getLogger(__name__)

ARCHIVE_AFTER: Literal[10080] = 10080
"""Minutes without a message after which Discord archives a thread: the longest time that every server allows."""

THREAD_PATIENCE = 5.0
"""Seconds for which a card waits for its thread; until the thread is open, posts that belong into it are replies to the card."""

OPEN_AGAIN = Backoff(first=1.0, longest=300.0)
"""Delays before further attempts to open a thread, unless Discord names a time."""

REMEMBERED = 5000


class CardThreads:
    """Threads of the cards in text channels, for one adapter. `timeout` is that of a response, in seconds."""

    def __init__(self, channels: ChannelCache, clock: Clock, timeout: float) -> None:
        self._channels = channels
        self._clock = clock
        self._timeout = timeout
        self._opening = BackgroundTasks("a thread could not be opened")
        self._threadless: LruMap[int, bool] = LruMap(REMEMBERED)
        """Cards without a thread in channels that have threads: replies to the card count."""

    async def open(self, message: discord.Message, name: str) -> None:
        """Open the thread of a card, later if it takes long. Where that is not allowed, the card remains alone."""
        if message.id not in self._opening:
            self._opening.start(self._open(message, name), message.id)
        opening = self._opening.get(message.id)
        if opening is None:
            return
        waited = asyncio.Event()
        opening.add_done_callback(lambda _: waited.set())
        alarm = self._clock.call_at(self._clock.now() + THREAD_PATIENCE, waited.set)
        try:
            await waited.wait()
        finally:
            alarm.cancel()

    async def _open(self, message: discord.Message, name: str) -> None:
        for failures in count():
            try:
                async with bounded_attempt(self._timeout):
                    await message.create_thread(name=name, auto_archive_duration=ARCHIVE_AFTER)
            except SendRejected as failure:
                # An earlier attempt or a person may have opened the thread already, which is as good.
                self._threadless.put(message.id, not has_code(failure, HAS_THREAD))
                return
            except DeliveryError as failure:
                _LOG.warning("the thread of message %s is not open yet, retrying: %s", message.id, failure)
                named = failure.retry_after if isinstance(failure, NotSent) else None
                await sleep_until(self._clock, self._clock.now() + (OPEN_AGAIN.delay(failures) if named is None else named))
            else:
                self._threadless.put(message.id, False)
                return

    async def is_open(self, card: int, channel: AnyChannel) -> bool:
        """True if a card in a channel with threads has one. If it is missing for an open card, it is opened in the background.

        Raises as `ChannelCache.get` does.
        """
        if self._channels.is_cached(card):
            return True
        if card in self._opening:
            return False
        known = self._threadless.get(card)
        return not (await self._look_up(card, channel) if known is None else known)

    async def _look_up(self, card: int, channel: AnyChannel) -> bool:
        try:
            await self._channels.get(card)
        except SendRejected as failure:
            if not has_code(failure, UNKNOWN_CHANNEL):
                raise
            self._threadless.put(card, True)
            if card not in self._opening:
                self._opening.start(self._open_missing(card, channel), card)
            return True
        self._threadless.put(card, False)
        return False

    async def _open_missing(self, card: int, channel: AnyChannel) -> None:
        """Open the thread of a card that an earlier process posted; a card that has ended needs none."""
        if not isinstance(channel, discord.abc.Messageable):
            return
        try:
            async with bounded_attempt(self._timeout):
                message = await channel.fetch_message(card)
        except DeliveryError as failure:
            _LOG.warning("the card %s, which has no thread, cannot be read: %s", card, failure)
            return
        name = thread_name_of(message)
        if name and any(card_controls(message)):
            await self._open(message, name)
            # Where the thread was deleted, Discord may say that the card has one, and open no other.
            if not await self._exists(card):
                self._threadless.put(card, True)

    async def _exists(self, card: int) -> bool:
        try:
            await self._channels.get(card)
        except DeliveryError:
            return False
        return True

    async def reopen(self, card: int, channel: int) -> None:
        """Open the thread of a card again, since it was deleted. Until it is open, replies to the card count.

        Discord does not document if a message may get a second thread: where it refuses, replies remain.
        """
        self._channels.forget(card)
        self._threadless.put(card, True)
        try:
            parent = await self._channels.get(channel)
        except DeliveryError as failure:
            _LOG.warning("the thread of card %s was deleted, and its channel cannot be looked up: %s", card, failure)
            return
        if card not in self._opening:
            self._opening.start(self._open_missing(card, parent), card)

    async def stop(self) -> None:
        """Stop opening threads."""
        await self._opening.stop()
