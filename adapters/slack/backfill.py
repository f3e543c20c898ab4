"""After a reconnection: what was said meanwhile to open questions and live runs, changed or taken back, is heard.

Slack sends again what was not acknowledged, but not for ever. A thread is watched from its card's posting, or from the first
reading after our start, until its card has ended; no other thread is read.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import InboundEvent, MessageDeleted, MessageReceived, Place
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, QuestionCard, RunCard

_LOG = logging.getLogger(__name__)

ReadThread = Callable[[Place, float], Awaitable[Sequence[MessageReceived]]]


@dataclass(slots=True)
class _WatchedThread:
    """The thread of an open question or a live run: when its card was posted, and the messages that were heard in it."""

    since: float
    messages: set[str] = field(default_factory=set)


class SlackBackfill:
    """The threads of open questions and live runs. `now` is Slack's clock, in seconds since the epoch."""

    def __init__(self, read: ReadThread, now: Callable[[], float]) -> None:
        self._read = read
        self._now = now
        self._open: dict[Place, _WatchedThread] = {}

    def on_sent(self, outbound: OutboundPost, posted: PostedMessage) -> None:
        """Something was posted or edited: a card begins or ends the watch."""
        if not isinstance(outbound.post, RunCard | QuestionCard):
            return
        place = Place(platform=outbound.place.platform, channel=outbound.place.channel, thread=posted.thread)
        if outbound.post.ended:
            self._open.pop(place, None)
        else:
            self._open.setdefault(place, _WatchedThread(posted.at))

    def watch_thread(self, place: Place, after: float) -> None:
        """The bridge reads a thread, so it is one of an open question or a live run."""
        self._open.setdefault(place, _WatchedThread(after))

    def on_inbound(self, event: InboundEvent) -> None:
        """Something was handed over."""
        thread = self._open.get(event.place)
        if thread is not None and isinstance(event, MessageReceived):
            thread.messages.add(event.message)
        elif thread is not None and isinstance(event, MessageDeleted):
            thread.messages.discard(event.message)

    async def catch_up(self, receive: Callable[[InboundEvent], Awaitable[None]]) -> None:
        """Read every watched thread, and hand over what stands there and what stands there no more."""
        for place, thread in list(self._open.items()):
            try:
                await self._catch_up_on(place, thread, receive)
            except (NotSent, SendRejected) as error:
                _LOG.warning("words in a thread may be missed: %s", error)
            except Exception:
                _LOG.exception("what was said in a thread could not be stored; a question's is read again when it expires")

    async def _catch_up_on(
        self, place: Place, thread: _WatchedThread, receive: Callable[[InboundEvent], Awaitable[None]]
    ) -> None:
        known = set(thread.messages)
        said = await self._read(place, thread.since)
        for message in sorted(known - {one.message for one in said}):
            await receive(MessageDeleted(place=place, message=message, at=self._now()))
        for one in said:
            await receive(one)
