"""The inbox: what people do is stored before it is acknowledged, then brought to what it concerns, in order.

A message can come before we know what its thread is: it stays in the inbox, unmatched, until that place becomes known.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from orchestrator_bridge.chat.inbound import ControlUsed, InboundEvent, MessageDeleted, MessageReceived, Place
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.run.records import InboxEntryHandled
from orchestrator_bridge.store.interface import Store, StoreError, Target
from orchestrator_bridge.store.sqlite.codec import as_stored

_LOG = logging.getLogger(__name__)

UNMATCHED_TTL = 3600.0
"""Seconds that a message of an unknown place is kept before it is taken to concern nobody here."""

HIGHEST_NUMBER = 2**53
"""Numbers of questions are below this; what people and platforms send may be anything."""

InboundRoute = Callable[[InboundEvent, Target | None], Awaitable[None]]


class Inbox:
    """Stores what is heard and routes it."""

    def __init__(self, store: Store, clock: Clock, route: InboundRoute) -> None:
        self._store = store
        self._clock = clock
        self._route = route
        self._queue: asyncio.Queue[InboundEvent] = asyncio.Queue()
        self._unmatched: dict[Place, list[MessageReceived | MessageDeleted]] = {}
        self._recovered: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        self._places_registered = 0

    def start(self, unhandled: Sequence[InboundEvent]) -> None:
        """Begin to route, first what an earlier process left."""
        for event in unhandled:
            self._recovered.add(event.key)
            self._queue.put_nowait(event)
        self._task = asyncio.create_task(self._work(), name="receiver")

    async def stop(self) -> None:
        """Stop routing; what is left stays in the inbox."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def receive(self, event: InboundEvent) -> None:
        """Store what was heard and see to it. Returns when it is on disk; hearing it again changes nothing.

        Raises:
            StoreError: it is not stored: do not acknowledge it.
        """
        event = as_stored(event)
        if await self._store.receive(event, self._clock.now()):
            self._queue.put_nowait(event)

    def place_registered(self, place: Place) -> None:
        """A place has come to be ours, and is stored as such: what was said there before is routed now."""
        self._places_registered += 1
        for event in self._unmatched.pop(place, []):
            self._queue.put_nowait(event)

    def recovery_done(self) -> None:
        """Every place that an earlier process made is known: what it heard elsewhere is kept no longer than anything."""
        self._recovered.clear()

    async def wait_drained(self) -> None:
        """Wait until all that was heard so far is routed."""
        await self._queue.join()

    @property
    def empty(self) -> bool:
        """Nothing is left to be routed."""
        return self._queue.empty()

    async def _work(self) -> None:
        while True:
            waiting = [await self._queue.get()]
            while not self._queue.empty():
                waiting.append(self._queue.get_nowait())
            try:
                await self._route_all(waiting)
            finally:
                for _ in waiting:
                    self._queue.task_done()

    async def _route_all(self, waiting: list[InboundEvent]) -> None:
        """Look up what each concerns side by side, then route them in the order in which they came."""
        known = self._places_registered
        targets = await asyncio.gather(*(self._target(event) for event in waiting), return_exceptions=True)
        for event, target in zip(waiting, targets, strict=True):
            try:
                if isinstance(target, BaseException):
                    raise target
                await self._route_one(event, target, known)
            except StoreError:
                _LOG.exception("what was heard stays in the inbox until the next start: %s", event.key)
            except Exception:
                _LOG.exception("what was heard could not be dealt with and is put aside: %s", event.key)
                await self._discard(event, "it could not be dealt with; the log has the details")

    async def _target(self, event: InboundEvent) -> Target | None:
        match event:
            case MessageReceived(question=int(number)) | ControlUsed(question=number):
                if not 0 < number < HIGHEST_NUMBER:
                    return None
                known = await self._store.question(number)
                return Target(run=known.run, question=number) if known else None
            case MessageReceived() | MessageDeleted():
                return await self._store.find_target(event.place, event.message)
            case _:
                return None

    async def _route_one(self, event: InboundEvent, target: Target | None, known: int) -> None:
        """Route what has a target and keep the rest. If a place came to be known since (`known` of them were), look again."""
        if target is not None or not isinstance(event, MessageReceived | MessageDeleted) or not self._may_be_ours(event):
            await self._route(event, target)
        elif known != self._places_registered:
            self._queue.put_nowait(event)
        else:
            await self._discard_expired()
            self._unmatched.setdefault(event.place, []).append(event)

    def _may_be_ours(self, event: MessageReceived | MessageDeleted) -> bool:
        """Whether its place may come to be known yet. What an earlier process heard is of any age: its card may just be found."""
        numbered = isinstance(event, MessageReceived) and event.question is not None
        recent = event.at > self._clock.now() - UNMATCHED_TTL
        return not numbered and (recent or event.key in self._recovered)

    async def _discard_expired(self) -> None:
        """What nobody has claimed for long concerns nobody here."""
        oldest = self._clock.now() - UNMATCHED_TTL
        for place, waiting in list(self._unmatched.items()):
            if waiting[0].at < oldest and waiting[0].key not in self._recovered:
                del self._unmatched[place]
                for event in waiting:
                    await self._discard(event, "nothing of ours")

    async def _discard(self, event: InboundEvent, why: str) -> None:
        try:
            await self._store.append(rows=[InboxEntryHandled(key=event.key, why=why)])
        except StoreError:
            _LOG.exception("what was heard stays in the inbox until the next start: %s", event.key)
