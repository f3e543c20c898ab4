"""Backfill after a gateway session that could not be resumed: reads the threads of open questions and live runs again.

Discord does not repeat the events of a lost session.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from adapters.discord.history import DiscordHistory
from adapters.discord.messages import RETRY, MessageListener
from adapters.discord.open_cards import OpenCards
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import InboundHandler, MessageReceived, Place
from orchestrator_bridge.common.clock import Clock, sleep_until

_LOG = logging.getLogger(__name__)

READ_ATTEMPTS = 6
"""Attempts to read a thread; a question's thread is read again when the question expires."""


class DiscordBackfill:
    """Reader of the threads of open cards."""

    def __init__(self, clock: Clock, history: DiscordHistory, listener: MessageListener, cards: OpenCards) -> None:
        self._clock = clock
        self._history = history
        self._listener = listener
        self._cards = cards

    async def catch_up(self, on_event: InboundHandler) -> None:
        """Read every watched thread, and deliver its messages and the deletions of those that are no longer in it."""
        for place, after in self._cards.items():
            messages = await self._read_with_retry(place, after)
            if messages is None:
                continue
            for message in messages:
                await self._listener.on_history_message(message, on_event)
            remaining = {int(message.message) for message in messages}
            for deleted in sorted(self._listener.known_messages(place) - remaining):
                await self._listener.on_message_deleted(deleted, on_event)

    async def _read_with_retry(self, place: Place, after: float) -> Sequence[MessageReceived] | None:
        for failures in range(READ_ATTEMPTS):
            try:
                return await self._history.read_thread(place, after)
            except SendRejected as failure:
                _LOG.warning("a thread cannot be read, so replies in it may be missing: %s", failure)
                return None
            except NotSent as failure:
                _LOG.warning("a thread cannot be read now, retrying: %s", failure)
                await sleep_until(self._clock, self._clock.now() + (failure.retry_after or RETRY.delay(failures)))
        return None
