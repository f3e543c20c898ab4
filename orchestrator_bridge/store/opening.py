"""From a path to a database that is ours, whole and up to date, or to an error that says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.connection import plain
from orchestrator_bridge.store.health import looks_like_ours, recognise, sound_library, whole
from orchestrator_bridge.store.lock import Lock, take
from orchestrator_bridge.store.migrate import APPLICATION_ID, Migration, migrate, newest

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

_WAL_KEPT = 32 * 1024 * 1024
"""Bytes that the -wal file may keep after a burst."""


def reserve(path: Path) -> Lock:
    """Make the folder, look at the file from outside, and lock it.

    Raises:
        InUse: another process has it.
        Damaged: it is no database of ours.
        OSError: the folder or the file cannot be used.
    """
    sound_library()
    path.parent.mkdir(parents=True, exist_ok=True)
    looks_like_ours(path)
    return take(path)


def open_writer(path: Path, migrations: Sequence[Migration]) -> sqlite3.Connection:
    """The connection that writes, to a file that was reserved; a new file gets its tables, an older one is lifted.

    Raises:
        Damaged: the file is broken, or another program's.
        TooNew: a newer release wrote it.
        sqlite3.Error: it cannot be written.
    """
    connection = plain(str(path))
    try:
        # Nothing is changed before it is known whose file this is.
        version = recognise(connection, path, newest(migrations))
        whole(connection, path)
        _settle(connection)
        migrate(connection, path, version, migrations)
        _prove_writable(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _settle(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # Each commit waits until it is on disk: what is acknowledged survives a power cut.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT}")


def _prove_writable(connection: sqlite3.Connection) -> None:
    """SQLite opens a file that it may not write without a word, and even begins to; only a commit that writes tells."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
