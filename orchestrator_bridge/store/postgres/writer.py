"""The writer: commits transactions in groups, in the session that owns the store.

The statements of a whole group are sent in one go (postgresql.org/docs/current/libpq-pipeline-mode.html) and committed if all of
them found what they expect. If one did not, the group is rolled back and each job is committed alone, so that one that fails
harms no other. That is rare: a conflict is a race between two writers of one run.

A connection that breaks during a commit leaves its outcome open. The server knows it by the number of the transaction, and is
asked once it can be reached again: a job is never reported as failed if it was stored.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import psycopg

from orchestrator_bridge.store.interface import InUse, StoreError
from orchestrator_bridge.store.postgres.connection import Connection, to_parameters, to_postgres
from orchestrator_bridge.store.postgres.errors import to_store_error, unreachable
from orchestrator_bridge.store.postgres.ownership import Ownership
from orchestrator_bridge.store.sql.group_commit import CHECK_INTERVAL, GroupCommit, WriteResult
from orchestrator_bridge.store.sql.statement import Statement, WriteJob, conflict

_LOG = logging.getLogger(__name__)

_BEGIN = b"SELECT pg_current_xact_id()::text AS transaction, pg_backend_pid() AS pid"
_STATUS = "SELECT pg_xact_status(%s::xid8) AS status"


class PostgresWriter:
    """Commits the jobs of any number of tasks to a database."""

    def __init__(self, ownership: Ownership, name: str) -> None:
        self._ownership = ownership
        self._name = name
        self._closing = False
        self._group = GroupCommit(name, self._commit_group)

    async def commit(self, job: WriteJob) -> int:
        """Commit the statements of a job, all or none. See `GroupCommit.commit`."""
        return await self._group.commit(job)

    async def close(self) -> None:
        """Commit the waiting jobs, then end the session and with it the ownership. Harmless when called twice."""
        self._closing = True
        await self._group.close()
        await self._ownership.close()

    async def _commit_group(self, jobs: Sequence[WriteJob]) -> Sequence[WriteResult]:
        try:
            return await self._try_group(jobs)
        except psycopg.OperationalError:
            # The connection broke before the commit was sent, so nothing was stored: once more, in a new session.
            try:
                return await self._try_group(jobs)
            except psycopg.Error as error:
                raise to_store_error(error, self._name) from error
        except psycopg.Error as error:
            raise to_store_error(error, self._name) from error

    async def _try_group(self, jobs: Sequence[WriteJob]) -> Sequence[WriteResult]:
        connection = await self._ownership.session()
        if jobs:
            return await self._commit_jobs(connection, jobs)
        await connection.execute("SELECT 1")
        return []

    async def _commit_jobs(self, connection: Connection, jobs: Sequence[WriteJob]) -> Sequence[WriteResult]:
        """Commit jobs together, or each alone if one of them fails."""
        try:
            transaction, results = await self._send(connection, jobs)
        except Exception:
            if connection.closed:
                raise
            await connection.execute("ROLLBACK")
            return [await self._commit_alone(job) for job in jobs]
        await self._finish(connection, transaction)
        return results

    async def _send(self, connection: Connection, jobs: Sequence[WriteJob]) -> tuple[str, list[int]]:
        """Begin a transaction and send the statements of all jobs. Returns its number, and the rows that each job changed.

        Raises:
            Conflict: a statement found no matching row.
            psycopg.Error: the server refuses a statement.
        """
        async with connection.pipeline():
            await connection.execute("BEGIN")
            began = await connection.execute(_BEGIN)
            sent = [[(statement, await _execute(connection, statement)) for statement in job] for job in jobs]
        transaction = await self._check_session(began)
        for job in sent:
            for statement, cursor in job:
                _check_found(statement, cursor)
        return transaction, [job[-1][1].rowcount for job in sent]

    async def _commit_alone(self, job: WriteJob) -> WriteResult:
        """Commit one job, statement by statement, so that the one that fails is known."""
        try:
            connection = await self._ownership.session()
            transaction, changed = await self._execute_job(connection, job)
            await self._finish(connection, transaction)
        except Exception as error:
            return to_store_error(error, self._name)
        return changed

    async def _execute_job(self, connection: Connection, job: WriteJob) -> tuple[str, int]:
        """Begin a transaction and execute the statements of a job. Returns its number, and the rows that the last one changed."""
        try:
            await connection.execute("BEGIN")
            transaction = await self._check_session(await connection.execute(_BEGIN))
            changed = 0
            for statement in job:
                changed = await _execute_checked(connection, statement)
        except Exception:
            if not connection.closed:
                await connection.execute("ROLLBACK")
            raise
        return transaction, changed

    async def _check_session(self, began: psycopg.AsyncCursor[dict[str, object]]) -> str:
        """Check that the transaction runs in the session that holds the lock. Returns its number.

        Raises:
            StoreError: it does not: a connection pooler is in between that gives each transaction another session.
        """
        row = await began.fetchone()
        assert row is not None
        if row["pid"] != self._ownership.pid:
            raise StoreError(
                f"{self._name} leads to a connection pooler that gives each transaction another session",
                "one session for as long as the bot is connected",
                "Connect to the server itself, or set pool_mode to session for this database",
            )
        return str(row["transaction"])

    async def _finish(self, connection: Connection, transaction: str) -> None:
        """Commit, and find out whether it was committed if the connection breaks meanwhile.

        Raises:
            WriteFailed: it was not committed.
        """
        try:
            await connection.execute("COMMIT")
        except psycopg.Error as error:
            if not connection.closed:
                raise
            if await self._outcome(transaction) != "committed":
                raise unreachable(self._name, str(error).strip()) from error

    async def _outcome(self, transaction: str) -> str | None:
        """The outcome of a transaction, from the server as soon as it can be reached. A session that has ended has none running.

        Raises:
            InUse: another process has taken the store over meanwhile.
            WriteFailed: the store is closed before the server can be reached.
        """
        while True:
            try:
                connection = await self._ownership.session()
                row = await (await connection.execute(_STATUS, (transaction,))).fetchone()
                return None if row is None else row["status"]
            except InUse:
                if self._ownership.lost.is_set():
                    raise
            except (StoreError, psycopg.Error) as error:
                _LOG.error("the outcome of a commit is not known yet: %s", to_store_error(error, self._name))
            if self._closing:
                raise unreachable(self._name, "the connection broke during a commit")
            await asyncio.sleep(CHECK_INTERVAL)


async def _execute(connection: Connection, statement: Statement) -> psycopg.AsyncCursor[dict[str, object]]:
    return await connection.execute(to_postgres(statement.sql), to_parameters(statement.values))


def _check_found(statement: Statement, cursor: psycopg.AsyncCursor[dict[str, object]]) -> None:
    if statement.missing_message and cursor.rowcount == 0:
        raise conflict(statement.missing_message)


async def _execute_checked(connection: Connection, statement: Statement) -> int:
    """Execute a statement. Returns the number of rows that it changed.

    Raises:
        Conflict: it found no matching row, or a row with its key.
        psycopg.Error: the server refuses it.
    """
    try:
        cursor = await _execute(connection, statement)
    except psycopg.errors.UniqueViolation as error:
        if statement.duplicate_message:
            raise conflict(statement.duplicate_message) from None
        error.add_note(statement.sql)
        raise
    _check_found(statement, cursor)
    return cursor.rowcount
