"""The store in one SQLite file: WAL, `synchronous=FULL`, one writer that commits in groups, readers beside it."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Self

from orchestrator_bridge.store.connection import connect
from orchestrator_bridge.store.faults import told
from orchestrator_bridge.store.lookups import SqliteReads
from orchestrator_bridge.store.migrate import Migration, shipped
from orchestrator_bridge.store.opening import open_writer, reserve
from orchestrator_bridge.store.read import outside, posts, questions, runs
from orchestrator_bridge.store.readers import Readers
from orchestrator_bridge.store.write.inbox import heard
from orchestrator_bridge.store.write.log import appended
from orchestrator_bridge.store.write.rows import written
from orchestrator_bridge.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orchestrator_bridge.chat import InboundEvent, MessageReceived, Place, PostedMessage
    from orchestrator_bridge.run.events import Event
    from orchestrator_bridge.store.lock import Lock
    from orchestrator_bridge.store.port import Armed, OpenFor, Pending, Started, Target
    from orchestrator_bridge.store.rows import Row

_READERS = 2


class SqliteStore(SqliteReads):
    """`Store` over one SQLite file that this process alone writes. Open it with `open`."""

    def __init__(self, writer: Writer, readers: Readers, lock: Lock, clock: Callable[[], float]) -> None:
        super().__init__(readers)
        self._writer = writer
        self._lock = lock
        self._clock = clock

    @classmethod
    async def open(
        cls, path: Path, *, clock: Callable[[], float] = time.time, migrations: Sequence[Migration] | None = None
    ) -> Self:
        """Open a file, or make it and its folder; an older schema is lifted. `clock` gives seconds since the epoch.

        Raises:
            InUse: another process has the file.
            Damaged: the file is broken, or not ours.
            TooNew: a newer release wrote it.
            Unwritable: it cannot be written.
        """
        path = await asyncio.to_thread(path.resolve)
        lock = await _reserve(path)
        try:
            connection = await connect(path, partial(open_writer, path, shipped() if migrations is None else migrations))
            writer = Writer(connection, path)
        except BaseException:
            lock.release()
            raise
        try:
            readers = await Readers.open(path, _READERS)
        except BaseException:
            await writer.close()
            lock.release()
            raise
        return cls(writer, readers, lock, clock)

    async def close(self) -> None:
        """Write what waits, close the file and let the next process in. Harmless when done twice."""
        # The writer goes last: the last connection to close moves what the -wal holds into the file.
        await self._reading.close()
        await self._writer.close()
        self._lock.release()

    async def append(self, *, run: int = 0, after: int = 0, events: Sequence[Event] = (), rows: Sequence[Row] = ()) -> None:
        """Write events behind position `after` of a run's log, and rows, in one durable transaction, as `Store.append` says.

        Raises:
            Stale: the log does not end at `after`, a question to close is not open, or the action has a response already.
            Unwritable: the disk does not take it; nothing of it was written.
            ValueError: there are events and no run.
        """
        now = self._clock()
        changes = [*appended(run, after, events), *(written(row, now) for row in rows)]
        await self._writer.commit(tuple(changes))

    async def receive(self, inbound: InboundEvent, at: float) -> bool:
        """Keep what was heard, durably. False: it was known already, and nothing changed."""
        return await self._writer.commit((heard(inbound, at),)) > 0

    async def unhandled(self) -> list[InboundEvent]:
        """What was heard and not dealt with, in the order in which it came."""
        return await self._reading.read(posts.unhandled)

    async def heard_in(self, place: Place) -> list[MessageReceived]:
        """What was said in a thread, every version of it, without the messages that are known to be deleted."""
        return await self._reading.read(partial(posts.heard_in, place=place))

    async def pending(self) -> list[Pending]:
        """Posts not known to have arrived, in the order in which they were written."""
        return await self._reading.read(posts.pending)

    async def sent(self, key: str) -> PostedMessage | None:
        """The receipt of a post, of its newest content that arrived."""
        return await self._reading.read(partial(posts.sent, key=key))

    async def behind(self, platform: str) -> float | None:
        """How far a platform's clock is behind ours at least, in seconds, as its last posts tell; None if there were none."""
        return await self._reading.read(partial(posts.behind, platform=platform))

    async def armed(self) -> list[Armed]:
        """Every open question, the next to be looked at first."""
        return await self._reading.read(questions.armed)

    async def open_for(self) -> list[OpenFor]:
        """Every open question, with those whom it asks."""
        return await self._reading.read(questions.open_for)

    async def target(self, place: Place, message: str | None = None) -> Target | None:
        """What a thread, or a message that is replied to, belongs to; the message says more than the thread."""
        return await self._reading.read(partial(questions.target, place=place, message=message))

    async def last_numbers(self) -> tuple[int, int]:
        """The highest run and the highest question number; 0 where there is none."""
        return await self._reading.read(questions.last_numbers)

    async def guest_runs(self) -> list[Started]:
        """The runs of agents outside that are made of their questions alone and have not ended."""
        return await self._reading.read(outside.guests)

    async def busy_runs(self) -> list[int]:
        """Runs that have not ended and wait for something but people, oldest first."""
        return await self._reading.read(runs.busy)


async def _reserve(path: Path) -> Lock:
    try:
        return await asyncio.to_thread(reserve, path)
    except OSError as error:
        raise told(error, path) from error
