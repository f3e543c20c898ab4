"""A real store that fails as a test decides."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from orchestrator_bridge.chat.inbound import InboundEvent, Place
from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.run.events import Event
from orchestrator_bridge.run.records import InboxEntryHandled, Record
from orchestrator_bridge.store.interface import InUse, StoreError, Target, WriteFailed
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.support.clock import ManualClock

Refuse = Callable[[Sequence[Event], Sequence[Record]], Exception | None]
"""The error with which a transaction is refused; None if it is taken."""

FULL = WriteFailed("no space is left for townhall.db", fix="Free some")
LOCKED = InUse("townhall.db is locked by another program", "one writer", "End it")


def refuse_none(_: Sequence[Event], __: Sequence[Record]) -> None:
    """Refuse nothing."""


def refuse_event(kind: type[Event], error: Exception, times: int = 1_000_000) -> Refuse:
    """Refuse so many transactions that hold an event of this kind."""
    left = iter(range(times))

    def refuse(events: Sequence[Event], _: Sequence[Record]) -> Exception | None:
        held = any(isinstance(event, kind) for event in events)
        return error if held and next(left, None) is not None else None

    return refuse


def refuse_all(error: Exception) -> Refuse:
    """Refuse every transaction."""
    return lambda _, __: error


class FailingStore(SqliteStore):
    """Refuses transactions by `refuse`; the other attributes are the errors of received events and lookups."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.refuse: Refuse = refuse_none
        self.receive_error: StoreError | None = None
        """Error of `receive`."""
        self.owned_error: StoreError | None = None
        """Error of `confirm_owned`."""
        self.lookup_errors: list[StoreError] = []
        """Errors of `sent_post`, one for each lookup."""
        self.failing_thread: str | None = None
        """A thread in which `find_target` fails."""
        self._refusals = 0
        self._refused = asyncio.Condition()
        self._handled = 0

    async def append(self, *, run: int = 0, after: int = 0, events: Sequence[Event] = (), rows: Sequence[Record] = ()) -> None:
        await self._raise(self.refuse(events, rows))
        await super().append(run=run, after=after, events=events, rows=rows)
        async with self._refused:
            self._handled += sum(isinstance(row, InboxEntryHandled) for row in rows)
            self._refused.notify_all()

    async def receive(self, inbound: InboundEvent, at: float) -> InboundEvent | None:
        await self._raise(self.receive_error)
        return await super().receive(inbound, at)

    async def confirm_owned(self, max_age: float = 0.0) -> None:
        await self._raise(self.owned_error)

    async def sent_post(self, key: str) -> PostedMessage | None:
        await self._raise(self.lookup_errors.pop(0) if self.lookup_errors else None)
        return await super().sent_post(key)

    async def find_target(self, place: Place, message: str | None = None) -> Target | None:
        if self.failing_thread is not None and place.thread == self.failing_thread:
            raise RuntimeError("a bug of our own")
        return await super().find_target(place, message)

    async def wait_handled(self, times: int) -> None:
        """Wait until so many inbox entries were marked as handled."""
        async with self._refused:
            await self._refused.wait_for(lambda: self._handled >= times)

    async def wait_refused(self, times: int = 1) -> None:
        """Wait until the store has refused `times` calls."""
        async with self._refused:
            await self._refused.wait_for(lambda: self._refusals >= times)

    @property
    def refusal_count(self) -> int:
        """Number of refusals so far."""
        return self._refusals

    async def _raise(self, error: Exception | None) -> None:
        if error is not None:
            async with self._refused:
                self._refusals += 1
                self._refused.notify_all()
            raise error


async def open_failing_store(file: Path, clock: ManualClock) -> FailingStore:
    """Open a store that does not fail yet."""
    return await FailingStore.open(file, clock=clock.now)
