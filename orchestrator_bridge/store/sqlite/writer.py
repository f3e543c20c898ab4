"""The writer: commits transactions in groups, over the one connection that writes.

A commit waits for the disk (fsync) however much is in it, so a commit for each transaction would limit all runs together to some
hundred transactions a second. Group commit: the jobs that arrive during one commit share the next one. Each job runs between a
savepoint and its release, so that one that fails is rolled back by itself while the rest of the group is committed. If the group
as a whole cannot be committed, as on a full disk, each job is tried alone: what still fits is written. A group also costs only
one hop to the connection's thread. Whether the open file is still the one at its path is checked before and after each commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from orchestrator_bridge.store.interface import StoreError
from orchestrator_bridge.store.sql.statement import conflict
from orchestrator_bridge.store.sqlite.errors import to_store_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator_bridge.store.sql.statement import Statement, WriteJob
    from orchestrator_bridge.store.sqlite.connection import SqliteConnection
    from orchestrator_bridge.store.sqlite.open_files import OpenFiles


_LOG = logging.getLogger(__name__)

_DUPLICATE_KEY = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)


def execute_statements(cursor: sqlite3.Cursor, statements: Sequence[Statement]) -> int:
    """Execute statements in order. Returns the number of rows that the last one changed.

    Raises:
        Conflict: a statement found no matching row, or a row with its key.
        sqlite3.Error: SQLite refuses a statement.
    """
    for statement in statements:
        try:
            cursor.execute(statement.sql, statement.values)
        except sqlite3.IntegrityError as error:
            if statement.duplicate_message and error.sqlite_errorcode in _DUPLICATE_KEY:
                raise conflict(statement.duplicate_message) from None
            error.add_note(statement.sql)
            raise
        if statement.missing_message:
            # With RETURNING, `rowcount` is not known before the rows are fetched (docs.python.org/3/library/sqlite3.html).
            matched = cursor.rowcount > 0 if cursor.description is None else cursor.fetchone() is not None
            if not matched:
                raise conflict(statement.missing_message)
    return cursor.rowcount


MAX_GROUP = 100
"""Jobs that share a commit at most. All of a group resume at the same moment; more of them would block the event loop."""

CHECK_INTERVAL = 1.0
"""Seconds without a commit after which the file is checked all the same."""

WriteResult = int | Exception


class Writer:
    """Commits the jobs of any number of tasks."""

    def __init__(self, connection: SqliteConnection, path: Path, files: OpenFiles) -> None:
        self._connection = connection
        self._path = path
        self._files = files
        self._waiting: deque[tuple[WriteJob, asyncio.Future[int]]] = deque()
        self._wakeup = asyncio.Event()
        self._closing = False
        self._fault = ""
        self._task = asyncio.create_task(self._run(), name="store writer")

    async def commit(self, job: WriteJob) -> int:
        """Commit the statements of a job, all or none. Returns the number of rows that the last one changed.

        A job is committed even if its caller is cancelled meanwhile.

        Raises:
            Conflict: a statement found no matching row, or a row with its key.
            StoreError: the file cannot be written, or the store is closed.
        """
        if self._closing:
            raise StoreError(f"{self._path} is closed", "an open store", "Open it again")
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, done))
        self._wakeup.set()
        return await done

    async def close(self) -> None:
        """Commit the waiting jobs, then close the connection. Harmless when called twice."""
        self._closing = True
        self._wakeup.set()
        await asyncio.shield(self._task)
        await self._connection.close()

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            await self._wait_for_jobs()
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(MAX_GROUP, len(self._waiting)))]
                results = await self._commit([job for job, _ in group])
                for (_, done), result in zip(group, results, strict=True):
                    _resolve(done, result, self._path)

    async def _wait_for_jobs(self) -> None:
        """Wait until there are jobs or the store is closed; meanwhile check the file."""
        while not self._wakeup.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CHECK_INTERVAL):
                    await self._wakeup.wait()
                    break
            await self._commit([])
        self._wakeup.clear()

    async def _commit(self, jobs: Sequence[WriteJob]) -> Sequence[WriteResult]:
        try:
            results = await self._connection.run(partial(self._commit_checked, jobs))
        except Exception as error:
            self._report(str(error))
            return [error] * len(jobs)
        self._report("")
        return results

    def _report(self, fault: str) -> None:
        """Log a fault of the file when it begins, changes or ends."""
        if fault and fault != self._fault:
            _LOG.error("%s", fault)
        elif self._fault and not fault:
            _LOG.warning("%s is stored to again", self._path)
        self._fault = fault

    def _commit_checked(self, jobs: Sequence[WriteJob], connection: sqlite3.Connection) -> Sequence[WriteResult]:
        """Commit jobs to the file at the path. Called in the connection's thread.

        Raises:
            WriteFailed: the open file is not the one at the path, before or after the commit; nothing may be acknowledged.
            OSError: the file cannot be looked up.
        """
        self._files.check()
        results = commit(jobs, connection) if jobs else []
        self._files.check()
        return results


def _resolve(done: asyncio.Future[int], result: WriteResult, path: Path) -> None:
    if done.done():
        return
    if isinstance(result, Exception):
        done.set_exception(to_store_error(result, path))
    else:
        done.set_result(result)


def commit(jobs: Sequence[WriteJob], connection: sqlite3.Connection) -> Sequence[WriteResult]:
    """Commit jobs as one group. Returns for each the number of rows that it changed, or the error."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return [error] * len(jobs)
    try:
        cursor = connection.cursor()
        results = [_run_in_savepoint(job, cursor) for job in jobs]
        cursor.execute("COMMIT")
        return results
    except sqlite3.Error as error:
        # SQLite rolls back by itself after some errors (sqlite.org/lang_transaction.html).
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        return [error] if len(jobs) == 1 else [commit([job], connection)[0] for job in jobs]


def _run_in_savepoint(job: WriteJob, cursor: sqlite3.Cursor) -> WriteResult:
    cursor.execute("SAVEPOINT job")
    result: WriteResult
    try:
        result = execute_statements(cursor, job)
    except Exception as error:
        # After a disk error SQLite may have ended the whole transaction: then this fails too, and the jobs are tried one by one.
        cursor.execute("ROLLBACK TO job")
        result = error
    cursor.execute("RELEASE job")
    return result
