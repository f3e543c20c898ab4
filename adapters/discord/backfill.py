"""Backfill after a gateway session that could not be resumed: reads the threads of open questions and live runs again.

Discord does not repeat the events of a lost session. A thread is watched from the posting of its card, or from its first reading
after our start, until its card has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from adapters.discord.history import DiscordHistory
from adapters.discord.messages import RETRY, MessageListener
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import InboundHandler, MessageReceived, Place
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, QuestionCard, RunCard
from orchestrator_bridge.common.clock import Clock, sleep_until

_LOG = logging.getLogger(__name__)

READ_ATTEMPTS = 6
"""Attempts to read a thread; a question's thread is read again when the question expires."""


class DiscordBackfill:
    """Watched threads, each with the time of its card."""

    def __init__(self, clock: Clock, history: DiscordHistory, listener: MessageListener) -> None:
        self._clock = clock
        self._history = history
        self._listener = listener
        self._open: dict[Place, float] = {}

    def on_sent(self, outbound: OutboundPost, posted: PostedMessage) -> None:
        """Begin or end the watch of a card's thread."""
        if not isinstance(outbound.post, RunCard | QuestionCard):
            return
        place = Place(platform=outbound.place.platform, channel=outbound.place.channel, thread=posted.thread)
        if outbound.post.ended:
            self._open.pop(place, None)
        else:
            # The first time stays: an edit of the card must not shorten what is read of its thread.
            self._open.setdefault(place, posted.at)

    def watch_thread(self, place: Place, after: float) -> None:
        """Watch a thread that the bridge reads: it belongs to an open question or a live run."""
        self._open.setdefault(place, after)

    def cards_in(self, channels: Collection[int]) -> list[Place]:
        """The watched cards in these channels."""
        names = {str(channel) for channel in channels}
        return [place for place in self._open if place.channel in names]

    def find_card(self, message: int) -> Place | None:
        """The watched card with this message id, which its thread has too."""
        return next((place for place in self._open if place.thread == str(message)), None)

    def forget(self, place: Place) -> None:
        """Stop watching a card that was deleted."""
        self._open.pop(place, None)

    async def catch_up(self, on_event: InboundHandler) -> None:
        """Read every watched thread, and deliver its messages and the deletions of those that are no longer in it."""
        # A copy, since delivering messages can end a question and with it the watch of its thread.
        for place, after in list(self._open.items()):
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
