"""From a path to a database that is ours, whole and up to date, or to an error that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.connection import open_sqlite
from orchestrator_bridge.store.health import check_file_header, check_sqlite_version, quick_check, read_schema_version
from orchestrator_bridge.store.lock import StoreLock, acquire_lock
from orchestrator_bridge.store.migrate import APPLICATION_ID, Migration, latest_version, migrate

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

_WAL_SIZE_LIMIT = 32 * 1024 * 1024
"""Bytes that the -wal file may keep after a burst."""


def prepare_and_lock(path: Path) -> StoreLock:
    """Make the folder, look at the file from outside, and lock it.

    Raises:
        InUse: another process has it.
        Corrupted: it is no database of ours.
        OSError: the folder or the file cannot be used.
    """
    check_sqlite_version()
    path.parent.mkdir(parents=True, exist_ok=True)
    check_file_header(path)
    return acquire_lock(path)


def open_writer(path: Path, migrations: Sequence[Migration]) -> sqlite3.Connection:
    """The connection that writes, to a file that was reserved; a new file gets its tables, an older one is lifted.

    Raises:
        Corrupted: the file is broken, or another program's.
        SchemaTooNew: a newer release wrote it.
        sqlite3.Error: it cannot be written.
    """
    connection = open_sqlite(str(path))
    try:
        # Nothing is changed before it is known whose file this is.
        version = read_schema_version(connection, path, latest_version(migrations))
        quick_check(connection, path)
        _configure_journal(connection)
        migrate(connection, path, version, migrations)
        _check_writable(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _configure_journal(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # Each commit waits until it is on disk: what is acknowledged survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_SIZE_LIMIT}")


def _check_writable(connection: sqlite3.Connection) -> None:
    """SQLite opens a file that it may not write without a word, and even begins to; only a commit that writes tells."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
