"""A store whose power fails at a chosen write."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from orchestrator_bridge.chat.inbound import InboundEvent
from orchestrator_bridge.run.events import Event
from orchestrator_bridge.run.records import Record
from orchestrator_bridge.store.sqlite.store import SqliteStore

T = TypeVar("T")


class FailingStore(SqliteStore):
    """A real store at whose `cuts_at`-th write the power fails: before it, or just after, so that nobody hears of it."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.cuts_at = 0
        self.cuts_after = True
        self.writes = 0
        self.cut = asyncio.Event()
        self._stored: list[Event] = []
        self._bell = asyncio.Event()

    async def append(self, *, run: int = 0, after: int = 0, events: Sequence[Event] = (), rows: Sequence[Record] = ()) -> None:
        await self._write(super().append(run=run, after=after, events=events, rows=rows))
        self._stored += events
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def receive(self, inbound: InboundEvent, at: float) -> InboundEvent | None:
        return await self._write(super().receive(inbound, at))

    async def holds(self, kind: type[Event]) -> None:
        """Wait until an event of this kind was stored since it was opened."""
        while not any(isinstance(event, kind) for event in self._stored):
            await self._bell.wait()

    async def _write(self, write: Coroutine[Any, Any, T]) -> T:
        self.writes += 1
        if not self.cuts_at or self.writes < self.cuts_at:
            return await write
        if self.writes == self.cuts_at and self.cuts_after:
            await write
        else:
            write.close()
        self.cut.set()
        return await asyncio.Future[T]()
