"""The PostgreSQL implementation of the store protocols."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from orchestrator_bridge.run.records import DecisionStored
from orchestrator_bridge.store.postgres.connection import Connection, PostgresReaders
from orchestrator_bridge.store.postgres.errors import late_confirmation
from orchestrator_bridge.store.postgres.migrate import bundled_migrations, check_version
from orchestrator_bridge.store.postgres.ownership import HUNG_AFTER, Ownership
from orchestrator_bridge.store.postgres.queries import blobs as blob_queries
from orchestrator_bridge.store.postgres.queries import decisions as decision_queries
from orchestrator_bridge.store.postgres.queries import external as external_queries
from orchestrator_bridge.store.postgres.queries import log as log_queries
from orchestrator_bridge.store.postgres.queries import messages as message_queries
from orchestrator_bridge.store.postgres.queries import questions as question_queries
from orchestrator_bridge.store.postgres.queries import runs as run_queries
from orchestrator_bridge.store.postgres.queries import usage as usage_queries
from orchestrator_bridge.store.postgres.writer import PostgresWriter
from orchestrator_bridge.store.sql.codec import as_stored
from orchestrator_bridge.store.sql.log import append_events
from orchestrator_bridge.store.sql.messages import insert_inbound
from orchestrator_bridge.store.sql.records import to_statement
from orchestrator_bridge.store.sql.statement import MAX_INTEGER, Statement

if TYPE_CHECKING:
    from orchestrator_bridge.chat.inbound import InboundEvent
    from orchestrator_bridge.run.events import Event
    from orchestrator_bridge.run.records import Record
    from orchestrator_bridge.store.postgres.address import DatabaseAddress
    from orchestrator_bridge.store.sql.migrations import Migration

P = ParamSpec("P")
T = TypeVar("T")

_READER_COUNT = 4

CONFIRMATION_TIMEOUT = HUNG_AFTER / 2
"""Seconds that a confirmation of the ownership may take. A process that was suspended may read an answer from before it was
replaced; but it cannot have been replaced within `HUNG_AFTER` of asking."""


def _query(
    look: Callable[Concatenate[Connection, P], Awaitable[T]],
) -> Callable[Concatenate[PostgresQueries, P], Coroutine[Any, Any, T]]:
    """Make a method of a query function: same parameters and result, run over a connection of the readers."""

    async def read(self: PostgresQueries, /, *args: P.args, **kwargs: P.kwargs) -> T:
        limited = [min(arg, MAX_INTEGER) if isinstance(arg, int) else arg for arg in args]
        return await self._readers.read(lambda connection: look(connection, *limited, **kwargs))  # type: ignore[arg-type]

    read.__name__, read.__doc__ = look.__name__, look.__doc__
    return read


class PostgresQueries:
    """`Lookups` over PostgreSQL. Each query is documented in `Lookups` and written in `queries/`.

    Every method raises `StoreError` if the database cannot be read.
    """

    def __init__(self, readers: PostgresReaders) -> None:
        self._readers = readers

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
        """Close the connections. Harmless when called twice."""
        await self._readers.close()


class PostgresLookups(PostgresQueries):
    """`Lookups` for a process that does not own the database: nothing is created, changed or locked. Open it with `open`."""

    @classmethod
    async def open(cls, address: DatabaseAddress, *, migrations: Sequence[Migration] | None = None) -> Self:
        """Open a database that a bot has created.

        Raises:
            NotFound: it is empty.
            Corrupted: it has tables of another program.
            SchemaTooOld: an older release wrote it, and the bot was not started with this release yet.
            SchemaTooNew: a newer release wrote it.
            StoreError: it cannot be read.
        """
        steps = bundled_migrations() if migrations is None else migrations
        readers = await PostgresReaders.open(address, _READER_COUNT)
        try:
            await readers.read(lambda connection: check_version(connection, steps))
        except BaseException:
            await readers.close()
            raise
        return cls(readers)


class PostgresStore(PostgresQueries):
    """`Store` over one PostgreSQL database, to which only this process writes. Open it with `open`."""

    def __init__(
        self, writer: PostgresWriter, readers: PostgresReaders, ownership: Ownership, clock: Callable[[], float]
    ) -> None:
        super().__init__(readers)
        self._writer = writer
        self._ownership = ownership
        self._clock = clock
        self._confirmed_at = -math.inf

    @classmethod
    async def open(
        cls,
        address: DatabaseAddress,
        *,
        clock: Callable[[], float] = time.time,
        migrations: Sequence[Migration] | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> Self:
        """Open a database; an empty one gets its tables, an older schema is migrated. `clock` gives seconds since the epoch.

        With `on_wait`, wait as a standby while another process has it open; the function gets the name of that process.

        Raises:
            InUse: another process has it open, and there is no `on_wait`.
            Corrupted: it has tables of another program.
            SchemaTooNew: a newer release wrote it.
            WriteFailed: it cannot be reached or written.
        """
        steps = bundled_migrations() if migrations is None else migrations
        ownership = await Ownership.acquire(address, steps, on_wait)
        try:
            readers = await PostgresReaders.open(address, _READER_COUNT)
        except BaseException:
            await ownership.close()
            raise
        return cls(PostgresWriter(ownership, address.name), readers, ownership, clock)

    async def close(self) -> None:
        """Commit waiting writes, close the connections and release the ownership. Harmless when called twice."""
        await self._readers.close()
        await self._writer.close()

    async def confirm_owned(self, max_age: float = 0.0) -> None:
        """Check that the session which owns the store is still there. See `Store.confirm_owned`.

        Raises:
            InUse: another process has taken the store over.
            WriteFailed: the server cannot be reached, or its answer is too old.
        """
        asked = monotonic()
        if asked - self._confirmed_at <= max_age and not self._ownership.lost.is_set():
            return
        await self._writer.commit((Statement(sql="SELECT 1", values=()),))
        took = monotonic() - asked
        if took > CONFIRMATION_TIMEOUT:
            raise late_confirmation(self._ownership.name, took, CONFIRMATION_TIMEOUT)
        self._confirmed_at = asked

    async def wait_lost(self) -> None:
        """Wait until another process has taken the store over. Nothing can be written any more then."""
        await self._ownership.lost.wait()

    async def append(self, *, run: int = 0, after: int = 0, events: Sequence[Event] = (), rows: Sequence[Record] = ()) -> None:
        """Write events and rows in one durable transaction. See `Store.append`.

        Raises:
            Conflict: the log does not end at `after`, a question to close is not open, or the action has a response already.
            WriteFailed: the database cannot be written; nothing of it was stored.
            InUse: another process has taken the store over.
            ValueError: there are events and no run.
        """
        now = self._clock()
        words = (decision_queries.set_words(row.decision) for row in rows if isinstance(row, DecisionStored))
        statements = [*append_events(run, after, events), *(to_statement(row, now) for row in rows), *words]
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
