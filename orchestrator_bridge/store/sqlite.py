"""The store in one SQLite file: WAL, `synchronous=FULL`, one writer that commits in groups, readers beside it."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import TYPE_CHECKING, Self

from orchestrator_bridge.store.connection import connect
from orchestrator_bridge.store.faults import to_store_error
from orchestrator_bridge.store.lookups import SqliteQueries
from orchestrator_bridge.store.migrate import Migration, bundled_migrations
from orchestrator_bridge.store.opening import open_writer, prepare_and_lock
from orchestrator_bridge.store.read import outside, posts, questions, runs
from orchestrator_bridge.store.readers import ReaderPool
from orchestrator_bridge.store.write.inbox import insert_inbound
from orchestrator_bridge.store.write.log import append_events
from orchestrator_bridge.store.write.rows import to_statement
from orchestrator_bridge.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from orchestrator_bridge.chat import InboundEvent, MessageReceived, Place, PostedMessage
    from orchestrator_bridge.run.events import Event
    from orchestrator_bridge.store.lock import StoreLock
    from orchestrator_bridge.store.port import ExternalRun, OpenDeadline, OpenQuestionAudience, PendingPost, Target
    from orchestrator_bridge.store.rows import Record

_READER_COUNT = 2


class SqliteStore(SqliteQueries):
    """`Store` over one SQLite file that this process alone writes. Open it with `open`."""

    def __init__(self, writer: Writer, readers: ReaderPool, lock: StoreLock, clock: Callable[[], float]) -> None:
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
            Corrupted: the file is broken, or not ours.
            SchemaTooNew: a newer release wrote it.
            WriteFailed: it cannot be written.
        """
        path = await asyncio.to_thread(path.resolve)
        lock = await _lock_file(path)
        try:
            connection = await connect(
                path, partial(open_writer, path, bundled_migrations() if migrations is None else migrations)
            )
            writer = Writer(connection, path)
        except BaseException:
            lock.release()
            raise
        try:
            readers = await ReaderPool.open(path, _READER_COUNT)
        except BaseException:
            await writer.close()
            lock.release()
            raise
        return cls(writer, readers, lock, clock)

    async def close(self) -> None:
        """Write what waits, close the file and let the next process in. Harmless when done twice."""
        # The writer goes last: the last connection to close moves what the -wal holds into the file.
        await self._executor.close()
        await self._writer.close()
        self._lock.release()

    async def append(self, *, run: int = 0, after: int = 0, events: Sequence[Event] = (), rows: Sequence[Record] = ()) -> None:
        """Write events behind position `after` of a run's log, and rows, in one durable transaction, as `Store.append` says.

        Raises:
            Conflict: the log does not end at `after`, a question to close is not open, or the action has a response already.
            WriteFailed: the disk does not take it; nothing of it was written.
            ValueError: there are events and no run.
        """
        now = self._clock()
        changes = [*append_events(run, after, events), *(to_statement(row, now) for row in rows)]
        await self._writer.commit(tuple(changes))

    async def receive(self, inbound: InboundEvent, at: float) -> bool:
        """Keep what was heard, durably. False: it was known already, and nothing changed."""
        return await self._writer.commit((insert_inbound(inbound, at),)) > 0

    async def unhandled_events(self) -> list[InboundEvent]:
        """What was heard and not dealt with, in the order in which it came."""
        return await self._executor.read(posts.list_unhandled_events)

    async def messages_in(self, place: Place) -> list[MessageReceived]:
        """What was said in a thread, every version of it, without the messages that are known to be deleted."""
        return await self._executor.read(partial(posts.list_messages_in, place=place))

    async def pending_posts(self) -> list[PendingPost]:
        """Posts not known to have arrived, in the order in which they were written."""
        return await self._executor.read(posts.list_pending_posts)

    async def sent_post(self, key: str) -> PostedMessage | None:
        """The receipt of a post, of its newest content that arrived."""
        return await self._executor.read(partial(posts.get_sent_post, key=key))

    async def clock_offset(self, platform: str) -> float | None:
        """How far a platform's clock is behind ours at least, in seconds, as its last posts tell; None if there were none."""
        return await self._executor.read(partial(posts.get_clock_offset, platform=platform))

    async def open_deadlines(self) -> list[OpenDeadline]:
        """Every open question, the next to be looked at first."""
        return await self._executor.read(questions.list_open_deadlines)

    async def open_question_audiences(self) -> list[OpenQuestionAudience]:
        """Every open question, with those whom it asks."""
        return await self._executor.read(questions.list_open_question_audiences)

    async def find_target(self, place: Place, message: str | None = None) -> Target | None:
        """What a thread, or a message that is replied to, belongs to; the message says more than the thread."""
        return await self._executor.read(partial(questions.get_target, place=place, message=message))

    async def highest_ids(self) -> tuple[int, int]:
        """The highest run and the highest question number; 0 where there is none."""
        return await self._executor.read(questions.get_highest_ids)

    async def external_question_runs(self) -> list[ExternalRun]:
        """The runs of agents outside that are made of their questions alone and have not ended."""
        return await self._executor.read(outside.list_external_question_runs)

    async def busy_runs(self) -> list[int]:
        """Runs that have not ended and wait for something but people, oldest first."""
        return await self._executor.read(runs.list_busy_runs)


async def _lock_file(path: Path) -> StoreLock:
    try:
        return await asyncio.to_thread(prepare_and_lock, path)
    except OSError as error:
        raise to_store_error(error, path) from error
