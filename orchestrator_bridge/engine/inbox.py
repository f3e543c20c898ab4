"""The inbox: stores each inbound event before it is acknowledged, then routes the events in order.

Storing first makes an acknowledgement a promise: a platform that was told "received" does not deliver the event again, so from
then on our disk has the only copy. An event that was stored and not acknowledged is delivered again, and its key shows that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from orchestrator_bridge.chat.inbound import (
    Author,
    CommandReceived,
    ControlUsed,
    InboundEvent,
    InputClosed,
    MessageDeleted,
    MessageReceived,
    PersonLeft,
    Place,
)
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Alarm, Clock
from orchestrator_bridge.common.log_fields import log_fields
from orchestrator_bridge.engine.authority import HIGHEST_NUMBER
from orchestrator_bridge.engine.platforms import Platforms
from orchestrator_bridge.engine.retry import FOR_OPERATOR
from orchestrator_bridge.engine.router import Router
from orchestrator_bridge.run.records import InboxEntryHandled
from orchestrator_bridge.store.interface import Store, StoreError, Target

_LOG = logging.getLogger(__name__)

UNMATCHED_TTL = 3600.0
"""Seconds for which a message of an unknown place is kept before it is marked as not ours."""

EXPIRY_PAUSE = 60.0
"""Seconds between two looks at messages that have waited long enough."""

END_OF_TIME = 2.0**37
"""Seconds since the epoch in the year 6325. A platform's time beyond it, or none at all (NaN), can be neither stored nor shown:
the time of arrival replaces it."""

NOT_STORED = f"I could not store your message, so it does not count yet. I keep trying. {FOR_OPERATOR}"


class Inbox:
    """Stores and routes inbound events.

    A message may arrive before its thread is known to be ours: the platform delivers a reply while the receipt of our card is
    still on its way. Such a message waits, unmatched, until its place is registered.
    """

    def __init__(self, store: Store, clock: Clock, router: Router, platforms: Platforms) -> None:
        self._store = store
        self._platforms = platforms
        self._told: set[tuple[str, str]] = set()
        self._clock = clock
        self._router = router
        self._queue: asyncio.Queue[InboundEvent] = asyncio.Queue()
        self._unmatched: dict[Place, list[MessageReceived | MessageDeleted]] = {}
        self._recovered: set[str] = set()
        self._tasks = BackgroundTasks()
        self._places_registered = 0
        self._expiry: Alarm | None = None

    def start(self, unhandled: Sequence[InboundEvent]) -> None:
        """Start routing, beginning with the events that an earlier process stored and did not handle."""
        for event in unhandled:
            self._recovered.add(event.key)
            self._queue.put_nowait(event)
        self._tasks.start(self._work())

    async def stop(self) -> None:
        """Stop routing; events that were not routed stay in the inbox."""
        if self._expiry is not None:
            self._expiry.cancel()
        await self._tasks.stop()

    async def receive(self, event: InboundEvent) -> None:
        """Store an event and queue it for routing. Returns when it is on disk; an event that is known already changes nothing.

        Raises:
            StoreError: the event is not stored, and must not be acknowledged.
        """
        now = self._clock.now()
        if isinstance(event, MessageReceived) and not event.author.id:
            author = await self._earlier_author(event)
            if author is None:
                return
            event = replace(event, author=author)
        try:
            stored = await self._store.receive(event if 0 <= event.at < END_OF_TIME else replace(event, at=now), now)
        except StoreError:
            await self._report_not_stored(event)
            raise
        self._told.clear()
        if stored is not None:
            self._queue.put_nowait(stored)

    async def _earlier_author(self, message: MessageReceived) -> Author | None:
        """The author of an earlier version of a message; None if there is none. Raises `StoreError`."""
        known = await self._store.messages_in(message.place)
        return next((earlier.author for earlier in known if earlier.message == message.message), None)

    async def _report_not_stored(self, event: InboundEvent) -> None:
        """Tell the author of a message for a run that it is not stored, once an outage, where it is delivered again.

        All else is not: its adapter asks the person to try again.
        """
        if not isinstance(event, MessageReceived) or not self._platforms.redelivers(event.place.platform):
            return
        author = (event.author.platform, event.author.id)
        with contextlib.suppress(StoreError):
            if author not in self._told and await self._find_target(event) is not None:
                self._told.add(author)
                self._platforms.reply_privately(event, PrivateReply(text=NOT_STORED, tone="warning"))

    def place_registered(self, place: Place) -> None:
        """Route the messages that waited for this place: the store now says whose thread it is."""
        self._places_registered += 1
        for event in self._unmatched.pop(place, []):
            self._queue.put_nowait(event)

    def recovery_done(self) -> None:
        """Stop exempting recovered messages from `UNMATCHED_TTL`: every place of an earlier process is registered by now."""
        self._recovered.clear()

    async def wait_drained(self) -> None:
        """Wait until every event received so far is routed."""
        await self._queue.join()

    async def wait_delivered(self) -> None:
        """Wait until every event received so far has reached its run, with its attachments."""
        await self.wait_drained()
        await self._router.wait_attachments()

    @property
    def empty(self) -> bool:
        """True if no event waits to be routed."""
        return self._queue.empty()

    async def _work(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await self._route_batch(batch)
            finally:
                # Only now: `wait_drained` promises that the events are routed, not that they were taken from the queue.
                for _ in batch:
                    self._queue.task_done()

    async def _route_batch(self, batch: list[InboundEvent]) -> None:
        """Look up the targets concurrently, then route the events in the order in which they arrived."""
        known = self._places_registered
        targets = await asyncio.gather(*(self._find_target(event) for event in batch), return_exceptions=True)
        for event, target in zip(batch, targets, strict=True):
            try:
                if isinstance(target, BaseException):
                    raise target
                with log_fields(run=target.run if target else None, delivery=event.key):
                    await self._route(event, target, known)
            except StoreError:
                _LOG.exception("an event stays in the inbox until the next start: %s", event.key)
            except Exception:
                # The cause is the event itself: unmarked, it would fail again at every start.
                _LOG.exception("an event could not be routed and is marked as handled: %s", event.key)
                await self._discard(event, "it could not be routed; the log file has the details")

    async def _find_target(self, event: InboundEvent) -> Target | None:
        match event:
            case MessageReceived(question=int(number)) | ControlUsed(question=number):
                if not 0 < number < HIGHEST_NUMBER:
                    return None
                known = await self._store.question(number)
                return Target(run=known.run, question=number) if known else None
            case MessageReceived() | MessageDeleted():
                return await self._store.find_target(event.place, event.message)
            case CommandReceived() | InputClosed() | PersonLeft():
                return None
            case _:
                assert_never(event)

    async def _route(self, event: InboundEvent, target: Target | None, known: int) -> None:
        """Route an event that has a target, or that can have none; keep any other one for its place.

        `known` is the number of places at the time of the lookup. If one was registered since, the lookup is repeated: the event
        would wait for a place that is known already.
        """
        if target is not None or not isinstance(event, MessageReceived | MessageDeleted) or not self._may_match_later(event):
            await self._router.route(event, target)
        elif known != self._places_registered:
            self._queue.put_nowait(event)
        else:
            self._unmatched.setdefault(event.place, []).append(event)
            self._set_expiry()

    def _may_match_later(self, event: MessageReceived | MessageDeleted) -> bool:
        """True if the place of an event may still be registered. A recovered event may be of any age: its card is looked for
        now."""
        numbered = isinstance(event, MessageReceived) and event.question is not None
        recent = event.at > self._clock.now() - UNMATCHED_TTL
        return not numbered and (recent or event.key in self._recovered)

    def _set_expiry(self) -> None:
        """Wake up when the first of the waiting messages has waited long enough."""
        if self._expiry is None and self._unmatched:
            first = min(waiting[0].at for waiting in self._unmatched.values())
            at = max(first + UNMATCHED_TTL, self._clock.now() + EXPIRY_PAUSE)
            self._expiry = self._clock.call_at(at, lambda: self._tasks.start(self._expire()))

    async def _expire(self) -> None:
        self._expiry = None
        await self._discard_expired()
        self._set_expiry()

    async def _discard_expired(self) -> None:
        oldest = self._clock.now() - UNMATCHED_TTL
        for place, waiting in list(self._unmatched.items()):
            if waiting[0].at <= oldest and waiting[0].key not in self._recovered:
                del self._unmatched[place]
                for event in waiting:
                    await self._discard(event, "it belongs to no run")

    async def _discard(self, event: InboundEvent, why: str) -> None:
        try:
            await self._store.append(rows=[InboxEntryHandled(key=event.key, why=why)])
        except StoreError:
            _LOG.exception("an event stays in the inbox until the next start: %s", event.key)
