"""The one writer of a file. What waits while it commits is committed next, as one group.

A commit costs a wait for the disk, however much is in it. So the jobs that arrive during one commit share the next: each runs
between a savepoint and its release, and one that fails is rolled back by itself while the group goes on. If the whole cannot be
committed, as on a full disk, each job is tried alone, so that what still fits is written. A group is one hop to the connection's
thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from orchestrator_bridge.store.interface import Conflict, StoreError
from orchestrator_bridge.store.sqlite.errors import to_store_error

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator_bridge.store.sqlite.connection import SqliteConnection


Cell = str | int | float | bytes | None

_FIX = "Fold the log again and decide anew"
_DUPLICATE_KEY = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement. `missing_message` and `duplicate_message` are what a `Conflict` says if it touches or finds no row, or meets
    a row with its key."""

    sql: str
    values: Sequence[Cell] | Mapping[str, Cell]
    missing_message: str = ""
    duplicate_message: str = ""


def execute_statements(cursor: sqlite3.Cursor, changes: Sequence[Statement]) -> int:
    """Make changes, in order; the number of rows that the last one touched.

    Raises:
        Conflict: a change needed a row that is not so any more, or met one with its key.
        sqlite3.Error: SQLite does not take a change.
    """
    for change in changes:
        try:
            cursor.execute(change.sql, change.values)
        except sqlite3.IntegrityError as error:
            if change.duplicate_message and error.sqlite_errorcode in _DUPLICATE_KEY:
                raise Conflict(change.duplicate_message, fix=_FIX) from None
            error.add_note(change.sql)
            raise
        if change.missing_message and not _matched_row(cursor):
            raise Conflict(change.missing_message, fix=_FIX)
    return cursor.rowcount


def _matched_row(cursor: sqlite3.Cursor) -> bool:
    if cursor.description is None:
        return cursor.rowcount > 0
    return cursor.fetchone() is not None


GROUP = 100
"""At most this many jobs share a commit: more would all go on at the same moment, and the event loop stand still meanwhile."""

WriteJob = tuple[Statement, ...]
WriteResult = int | Exception


class Writer:
    """Takes jobs from any number of tasks and commits them."""

    def __init__(self, connection: SqliteConnection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._waiting: deque[tuple[WriteJob, asyncio.Future[int]]] = deque()
        self._wakeup = asyncio.Event()
        self._closing = False
        self._task = asyncio.create_task(self._run(), name="store writer")

    async def commit(self, job: WriteJob) -> int:
        """Make the changes of a job durable, all or none; the number of rows that the last one touched.

        A job that was handed over is committed even if nobody waits for it any more.

        Raises:
            Conflict: a change needed a row that is not so any more, or met one with its key.
            StoreError: the file does not take it, or the store is closed.
        """
        if self._closing:
            raise StoreError(f"{self._path} is closed", "an open store", "Open it again")
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((job, done))
        self._wakeup.set()
        return await done

    async def close(self) -> None:
        """Commit what waits, then stop and close the connection. Harmless when done twice."""
        self._closing = True
        self._wakeup.set()
        await asyncio.shield(self._task)
        await self._connection.close()

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            await self._wakeup.wait()
            self._wakeup.clear()
            while self._waiting:
                group = [self._waiting.popleft() for _ in range(min(GROUP, len(self._waiting)))]
                results = await self._commit([job for job, _ in group])
                for (_, done), result in zip(group, results, strict=True):
                    _resolve(done, result, self._path)

    async def _commit(self, jobs: Sequence[WriteJob]) -> Sequence[WriteResult]:
        try:
            return await self._connection.run(partial(commit, jobs))
        except Exception as error:
            return [error] * len(jobs)


def _resolve(done: asyncio.Future[int], result: WriteResult, path: Path) -> None:
    if done.done():
        return
    if isinstance(result, Exception):
        done.set_exception(to_store_error(result, path))
    else:
        done.set_result(result)


def commit(jobs: Sequence[WriteJob], connection: sqlite3.Connection) -> Sequence[WriteResult]:
    """Commit jobs as one group; for each what it touched, or why it was not written."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as error:
        return [error] * len(jobs)
    try:
        return _commit_group(jobs, connection)
    except sqlite3.Error as error:
        _rollback(connection)
        return [error] if len(jobs) == 1 else [_commit_one(job, connection) for job in jobs]


def _commit_group(jobs: Sequence[WriteJob], connection: sqlite3.Connection) -> list[WriteResult]:
    cursor = connection.cursor()
    results = [_run_in_savepoint(job, cursor) for job in jobs]
    cursor.execute("COMMIT")
    return results


def _run_in_savepoint(job: WriteJob, cursor: sqlite3.Cursor) -> WriteResult:
    cursor.execute("SAVEPOINT job")
    result: WriteResult
    try:
        result = execute_statements(cursor, job)
    except Exception as error:
        # Where the disk is at fault SQLite may have given up the whole transaction: then this fails too, and so does the group.
        cursor.execute("ROLLBACK TO job")
        result = error
    cursor.execute("RELEASE job")
    return result


def _commit_one(job: WriteJob, connection: sqlite3.Connection) -> WriteResult:
    return commit([job], connection)[0]


def _rollback(connection: sqlite3.Connection) -> None:
    """SQLite has rolled back by itself after some faults, and not after others (sqlite.org/lang_transaction.html)."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
