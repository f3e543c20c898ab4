"""Threads of open questions and live runs: delivery of events, reading, and backfill after a reconnection.

Slack sends an event again that was not acknowledged, but only for a limited time. So after a reconnection every watched thread is
read. A thread is watched from the posting of its card, or from its first reading after our start, until its card has ended; no
other thread is read.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from adapters.slack.api import SlackApi
from adapters.slack.channels import SlackChannels
from adapters.slack.events import SlackEventHandler
from adapters.slack.history import SlackHistory
from orchestrator_bridge.chat.adapter import DeliveryError
from orchestrator_bridge.chat.inbound import (
    CommandReceived,
    InboundEvent,
    InboundHandler,
    MessageDeleted,
    MessageReceived,
    Place,
    as_message,
)
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, QuestionCard, RunCard

_LOG = logging.getLogger(__name__)


@dataclass(slots=True)
class _WatchedThread:
    """Thread of an open question or a live run: the time of its card, and the messages that were delivered from it.

    `kind` is known once the card was posted or edited by this process.
    """

    since: float
    kind: Literal["run", "question", "unknown"] = "unknown"
    messages: set[str] = field(default_factory=set)


class SlackBackfill:
    """The watched threads. Every inbound event passes through `deliver`, which records the messages that the bridge has."""

    def __init__(
        self,
        api: SlackApi,
        channels: SlackChannels,
        history: SlackHistory,
        events: SlackEventHandler,
        on_event: InboundHandler,
    ) -> None:
        self._api = api
        self._channels = channels
        self._history = history
        self._events = events
        self._on_event = on_event
        self._open: dict[Place, _WatchedThread] = {}

    def on_sent(self, outbound: OutboundPost, posted: PostedMessage) -> None:
        """Begin or end the watch of a card's thread."""
        if not isinstance(outbound.post, RunCard | QuestionCard):
            return
        place = Place(platform=outbound.place.platform, channel=outbound.place.channel, thread=posted.thread)
        if outbound.post.ended:
            self._open.pop(place, None)
        else:
            # The first time stays: an edit of the card must not shorten what is read of its thread.
            thread = self._open.setdefault(place, _WatchedThread(posted.at))
            thread.kind = "run" if isinstance(outbound.post, RunCard) else "question"

    def guided_run(self, direct: Place) -> Place | None:
        """The thread of the running run that words in direct messages guide: that of the only open card there."""
        here = [(place, thread) for place, thread in self._open.items() if place.channel == direct.channel]
        return here[0][0] if len(here) == 1 and here[0][1].kind == "run" else None

    async def deliver_guidance(self, given: CommandReceived, thread: Place) -> None:
        """Deliver words in direct messages as if they were written in the thread of a run. The thread's history has them not."""
        text = "\n\n".join(part for part in (given.text, dict(given.options).get("about", "")) if part)
        await self._on_event(replace(as_message(given, thread), text=text))

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """Read people's messages in a thread, and watch it. Raises as `Adapter.read_thread` does."""
        self._open.setdefault(place, _WatchedThread(after))
        return await self._read(place, after)

    async def deliver(self, event: InboundEvent) -> None:
        """Deliver an event to the bridge. Raises what the bridge raises; the event is then not acknowledged."""
        await self._on_event(event)
        thread = self._open.get(event.place)
        if thread is not None and isinstance(event, MessageReceived):
            thread.messages.add(event.message)
        elif thread is not None and isinstance(event, MessageDeleted):
            thread.messages.discard(event.message)

    async def catch_up(self) -> None:
        """Read every watched thread, and deliver its messages and the deletions of those that are no longer in it."""
        for place, thread in list(self._open.items()):
            try:
                await self._catch_up_on(place, thread)
            except DeliveryError as error:
                _LOG.warning("a thread cannot be read, so replies in it may be missing: %s", error)
            except Exception:
                _LOG.exception("the replies of a thread could not be stored; a question's thread is read again when it expires")

    async def _catch_up_on(self, place: Place, thread: _WatchedThread) -> None:
        # Copied before the read: a message that arrives while the thread is read must not count as deleted.
        known = set(thread.messages)
        found = await self._read(place, thread.since)
        for deleted in sorted(known - {message.message for message in found}):
            await self.deliver(MessageDeleted(place=place, message=deleted, at=self._api.now()))
        for message in found:
            await self.deliver(message)

    async def _read(self, place: Place, after: float) -> list[MessageReceived]:
        channel = await self._channels.channel_id(place)
        found = [message async for message in self._history.messages(channel, place.thread, after)]
        received = [await self._events.to_thread_message(message, channel) for message in found if message["ts"] != place.thread]
        return [message for message in received if message is not None]
