"""After a connection that could not be resumed: what was said meanwhile to open questions and runs, and taken back, is heard.

Both are watched from their posting, or from the first reading of their thread after our start, until their card has ended.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence

from adapters.discord.messages import RETRY_DELAYS
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import MessageReceived, Place
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, QuestionCard, RunCard
from orchestrator_bridge.common.clock import Clock, sleep_until

_LOG = logging.getLogger(__name__)

ReadThread = Callable[[Place, float], Awaitable[Sequence[MessageReceived]]]

OnHistoryMessage = Callable[[MessageReceived], Awaitable[None]]
OnThreadRead = Callable[[Place, Sequence[MessageReceived]], Awaitable[None]]


class DiscordBackfill:
    """The threads of open questions and live runs, each with the time of its card, and how to hear what is in them."""

    def __init__(self, clock: Clock, read: ReadThread) -> None:
        self._clock = clock
        self._read = read
        self._open: dict[Place, float] = {}

    def on_sent(self, outbound: OutboundPost, posted: PostedMessage) -> None:
        """Something was sent: a card begins or ends the watch."""
        if not isinstance(outbound.post, RunCard | QuestionCard):
            return
        place = Place(platform=outbound.place.platform, channel=outbound.place.channel, thread=posted.thread)
        if outbound.post.ended:
            self._open.pop(place, None)
        else:
            self._open.setdefault(place, posted.at)

    def watch_thread(self, place: Place, after: float) -> None:
        """The bridge reads a thread, so it is one of an open question or a live run."""
        self._open.setdefault(place, after)

    def cards_in(self, channels: Collection[int]) -> list[Place]:
        """What is watched in these channels."""
        names = {str(one) for one in channels}
        return [place for place in self._open if place.channel in names]

    def find_card(self, message: int) -> Place | None:
        """What is watched that has this card: a thread has the id of the message that it was made from."""
        return next((place for place in self._open if place.thread == str(message)), None)

    def forget(self, place: Place) -> None:
        """A card is gone for good, and with it what could be read."""
        self._open.pop(place, None)

    async def catch_up(self, hear: OnHistoryMessage, gone: OnThreadRead) -> None:
        """Read every watched thread: `hear` is given all that stands there, `gone` what a thread holds now."""
        for place, after in list(self._open.items()):
            said = await self._read_with_retry(place, after)
            for one in said or ():
                await hear(one)
            if said is not None:
                await gone(place, said)

    async def _read_with_retry(self, place: Place, after: float) -> Sequence[MessageReceived] | None:
        for pause in RETRY_DELAYS:
            try:
                return await self._read(place, after)
            except SendRejected as failure:
                _LOG.warning("a thread cannot be read, replies in it may be missed: %s", failure)
                return None
            except NotSent as failure:
                _LOG.warning("a thread cannot be read yet: %s", failure)
                await sleep_until(self._clock, self._clock.now() + (failure.retry_after or pause))
        return None
