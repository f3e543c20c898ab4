"""The SQLite implementation of the store protocols."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from orchestrator_bridge.run.records import DecisionStored, DecisionSuperseded
from orchestrator_bridge.store.sql.codec import as_stored
from orchestrator_bridge.store.sql.log import append_events
from orchestrator_bridge.store.sql.messages import insert_inbound
from orchestrator_bridge.store.sql.migrations import Migration, latest_version
from orchestrator_bridge.store.sql.records import to_statement
from orchestrator_bridge.store.sql.statement import MAX_INTEGER, Statement
from orchestrator_bridge.store.sqlite.connection import QueryExecutor, ReaderPool, connect
from orchestrator_bridge.store.sqlite.errors import to_store_error
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
from orchestrator_bridge.store.sqlite.open import StoreLock, open_writer, prepare_and_lock
from orchestrator_bridge.store.sqlite.open_files import OpenFiles
from orchestrator_bridge.store.sqlite.queries import blobs as blob_queries
from orchestrator_bridge.store.sqlite.queries import decisions as decision_queries
from orchestrator_bridge.store.sqlite.queries import external as external_queries
from orchestrator_bridge.store.sqlite.queries import log as log_queries
from orchestrator_bridge.store.sqlite.queries import messages as message_queries
from orchestrator_bridge.store.sqlite.queries import questions as question_queries
from orchestrator_bridge.store.sqlite.queries import runs as run_queries
from orchestrator_bridge.store.sqlite.queries import usage as usage_queries
from orchestrator_bridge.store.sqlite.readonly import ReadOnlyDatabase
from orchestrator_bridge.store.sqlite.writer import Writer

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.chat.inbound import InboundEvent
    from orchestrator_bridge.run.events import Event
    from orchestrator_bridge.run.records import Record

P = ParamSpec("P")
T = TypeVar("T")

_READER_COUNT = 2


def _query(
    look: Callable[Concatenate[sqlite3.Connection, P], T],
) -> Callable[Concatenate[SqliteQueries, P], Coroutine[Any, Any, T]]:
    """Make a method of a query function: same parameters and result, run over a connection in another thread."""

    async def read(self: SqliteQueries, /, *args: P.args, **kwargs: P.kwargs) -> T:
        limited = [min(arg, MAX_INTEGER) if isinstance(arg, int) else arg for arg in args]
        return await self._executor.read(lambda connection: look(connection, *limited, **kwargs))  # type: ignore[arg-type]

    read.__name__, read.__doc__ = look.__name__, look.__doc__
    return read


class SqliteQueries:
    """`Lookups` over SQLite, for any executor. Each query is documented in `Lookups` and written in `queries/`.

    Every method raises `StoreError` if the file cannot be read.
    """

    def __init__(self, executor: QueryExecutor) -> None:
        self._executor = executor

    log = _query(log_queries.list_events)
    log_rows = _query(log_queries.list_log_rows)
    questions = _query(question_queries.list_questions)
    question = _query(question_queries.get_question)
    decisions = _query(decision_queries.list_decisions)
    decision = _query(decision_queries.get_decision)
    similar_decisions = _query(decision_queries.list_similar_decisions)
    costs = _query(run_queries.list_costs)
    runs = _query(run_queries.list_runs)
    spending = _query(usage_queries.list_spending)
    budget_charges = _query(usage_queries.list_budget_charges)
    budget_grants = _query(usage_queries.list_budget_grants)
    rate_samples = _query(usage_queries.list_rate_samples)
    token_calibrations = _query(usage_queries.list_token_calibrations)
    picture = _query(blob_queries.get_picture)
    tool_result = _query(blob_queries.get_tool_result)
    model_selections = _query(blob_queries.list_model_selections)
    tokens = _query(external_queries.list_tokens)
    token_activity = _query(external_queries.get_token_activity)
    external_questions = _query(external_queries.list_external_questions)
    external_runs = _query(external_queries.list_external_runs)

    async def close(self) -> None:
        """Close the file. Harmless when called twice."""
        await self._executor.close()


class SqliteLookups(SqliteQueries):
    """`Lookups` for a process that does not own the file: nothing is created, changed or locked. Open it with `open`."""

    @classmethod
    async def open(cls, path: Path, *, migrations: Sequence[Migration] | None = None) -> Self:
        """Open an existing file.

        Raises:
            NotFound: there is no file.
            Corrupted: it is not a database of Townhall.
            SchemaTooOld: an older release wrote it, and the bot was not started with this release yet.
            SchemaTooNew: a newer release wrote it.
            StoreError: it cannot be read.
        """
        schema = latest_version(bundled_migrations() if migrations is None else migrations)
        database = ReadOnlyDatabase(await asyncio.to_thread(path.resolve), schema)
        await database.read(question_queries.get_highest_ids)
        return cls(database)


class SqliteStore(SqliteQueries):
    """`Store` over one SQLite file, to which only this process writes. Open it with `open`."""

    def __init__(self, writer: Writer, readers: ReaderPool, lock: StoreLock, clock: Callable[[], float]) -> None:
        super().__init__(readers)
        self._writer = writer
        self._lock = lock
        self._clock = clock

    @classmethod
    async def open(
        cls, path: Path, *, clock: Callable[[], float] = time.time, migrations: Sequence[Migration] | None = None
    ) -> Self:
        """Open a file, or create it with its folder; an older schema is migrated. `clock` gives seconds since the epoch.

        Raises:
            InUse: another process has the file open.
            Corrupted: the file is damaged, or not a database of Townhall.
            SchemaTooNew: a newer release wrote it.
            WriteFailed: it cannot be written.
        """
        path = await asyncio.to_thread(path.resolve)
        lock = await _lock_file(path)
        try:
            steps = bundled_migrations() if migrations is None else migrations
            connection = await connect(path, partial(open_writer, path, steps))
            writer = Writer(connection, path, await asyncio.to_thread(OpenFiles, path))
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
        """Commit waiting writes, close the file and release its lock. Harmless when called twice."""
        # The writer closes last: the last connection to close moves the content of the -wal into the file.
        await self._executor.close()
        await self._writer.close()
        self._lock.release()

    async def confirm_owned(self, max_age: float = 0.0) -> None:
        """Do nothing: the lock of a file is held until its process ends."""

    async def wait_lost(self) -> None:
        """Wait for ever: the lock of a file ends with its process."""
        await asyncio.get_running_loop().create_future()

    async def append(self, *, run: int = 0, after: int = 0, events: Sequence[Event] = (), rows: Sequence[Record] = ()) -> None:
        """Write events and rows in one durable transaction. See `Store.append`.

        Raises:
            Conflict: the log does not end at `after`, a question to close is not open, or the action has a response already.
            WriteFailed: the disk cannot be written; nothing of it was stored.
            ValueError: there are events and no run.
        """
        now = self._clock()
        written = (statement for row in rows for statement in to_statements(row, now))
        statements = [*append_events(run, after, events), *written]
        await self._writer.commit(tuple(statements))

    async def receive(self, inbound: InboundEvent, at: float) -> InboundEvent | None:
        """Store an inbound event. See `Store.receive`."""
        event = as_stored(inbound)
        changed = await self._writer.commit((insert_inbound(event, at),))
        return event if changed > 0 else None

    unhandled_events = _query(message_queries.list_unhandled_events)
    messages_in = _query(message_queries.list_messages_in)
    pending_posts = _query(message_queries.list_pending_posts)
    sent_post = _query(message_queries.get_sent_post)
    clock_offset = _query(message_queries.get_clock_offset)
    open_deadlines = _query(question_queries.list_open_deadlines)
    open_question_audiences = _query(question_queries.list_open_question_audiences)
    find_target = _query(question_queries.get_target)
    highest_ids = _query(question_queries.get_highest_ids)
    external_question_runs = _query(external_queries.list_external_question_runs)
    busy_runs = _query(run_queries.list_busy_runs)


async def _lock_file(path: Path) -> StoreLock:
    try:
        return await asyncio.to_thread(prepare_and_lock, path)
    except OSError as error:
        raise to_store_error(error, path) from error


def to_statements(row: Record, now: float) -> tuple[Statement, ...]:
    """The statements that write a row, in order. A decision is also written to its text index."""
    statement = to_statement(row, now)
    match row:
        case DecisionStored():
            return decision_queries.indexed(row.decision.decision, statement)
        case DecisionSuperseded():
            return decision_queries.indexed(row.decision, statement)
        case _:
            return (statement,)
