"""The writer: commits transactions in groups, over the one connection that writes.

Each job of a group runs between a savepoint and its release, so that one that fails is rolled back by itself while the rest of
the group is committed. If the group as a whole cannot be committed, as on a full disk, each job is tried alone: what still fits
is written. A group also costs only one hop to the connection's thread. Whether the open file is still the one at its path is
checked before and after each commit.
"""

from __future__ import annotations

import sqlite3
from functools import partial
from typing import TYPE_CHECKING

from orchestrator_bridge.store.sql.group_commit import GroupCommit
from orchestrator_bridge.store.sql.statement import conflict
from orchestrator_bridge.store.sqlite.errors import to_store_error

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator_bridge.store.sql.group_commit import WriteResult
    from orchestrator_bridge.store.sql.statement import Statement, WriteJob
    from orchestrator_bridge.store.sqlite.connection import SqliteConnection
    from orchestrator_bridge.store.sqlite.open_files import OpenFiles


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


class Writer:
    """Commits the jobs of any number of tasks to the file."""

    def __init__(self, connection: SqliteConnection, path: Path, files: OpenFiles) -> None:
        self._connection = connection
        self._path = path
        self._files = files
        self._group = GroupCommit(str(path), self._commit_group)

    async def commit(self, job: WriteJob) -> int:
        """Commit the statements of a job, all or none. See `GroupCommit.commit`."""
        return await self._group.commit(job)

    async def close(self) -> None:
        """Commit the waiting jobs, then close the connection. Harmless when called twice."""
        await self._group.close()
        await self._connection.close()

    async def _commit_group(self, jobs: Sequence[WriteJob]) -> Sequence[WriteResult]:
        results = await self._connection.run(partial(self._commit_checked, jobs))
        return [to_store_error(result, self._path) if isinstance(result, Exception) else result for result in results]

    def _commit_checked(self, jobs: Sequence[WriteJob], connection: sqlite3.Connection) -> Sequence[WriteResult]:
        """Commit jobs to the file at the path. Called in the connection's thread.

        Raises:
            WriteFailed: the open file is not the one at the path, before or after the commit; nothing may be acknowledged.
            OSError: the file cannot be looked up.
        """
        self._files.check()
        self._files.check_content()
        results = commit(jobs, connection) if jobs else []
        self._files.check()
        if jobs:
            self._files.note_commit(connection)
        return results


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
