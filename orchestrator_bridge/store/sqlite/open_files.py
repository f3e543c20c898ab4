"""Check that the files which the store has open are still those at their paths.

SQLite keeps writing to a file that was removed, moved or replaced: every commit succeeds, and nobody will ever read it
(sqlite.org/howtocorrupt.html, "Unlinking or renaming a database file while in use"). So device and inode are compared before and
after each commit. A database never shrinks while it is open, so a shorter file at the path was written over it.

A copy that is written over the file in place has the same inode, and perhaps the same size. Between two commits of ours the file
does not change; if it did, what is in it now is compared with the last commit (`LastRows`). A tool that only moves the log into
the database, such as a backup, changes the file as well, and loses nothing.
"""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from orchestrator_bridge.store.sqlite.errors import files_replaced

QUICK_CHECK_LIMIT = 8 * 1024 * 1024
"""Files up to this size, in bytes, are checked in full where their content is in doubt: about 40 ms."""

_ENDINGS = ("", "-wal", ".lock")
"""The database, its write-ahead log, and the lock that keeps other processes away."""


@dataclass(frozen=True, slots=True)
class _FileId:
    device: int
    inode: int
    size: int


LastRows = tuple[int, ...]
"""The newest rows of the tables that grow with everything that is stored."""

_LAST_ROWS = """
SELECT
    coalesce((SELECT max(rowid) FROM log), 0), coalesce((SELECT max(turn) FROM inbox), 0),
    coalesce((SELECT max(turn) FROM outbox), 0), coalesce((SELECT max(run) FROM runs), 0)
"""


def read_last_rows(connection: sqlite3.Connection) -> LastRows:
    """The newest rows as a connection sees them."""
    return tuple(connection.execute(_LAST_ROWS).fetchone())


def read_last_rows_anew(path: Path) -> LastRows | None:
    """The newest rows as they are in the files, without what an open connection has in memory; None if they are damaged.

    A small file is checked in full: the log beside the database may cover the newest rows and not those before them.
    """
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            if path.stat().st_size <= QUICK_CHECK_LIMIT and connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                return None
            return read_last_rows(connection)
    except sqlite3.Error:
        return None


class OpenFiles:
    """The files of a store that was just opened. Creating it raises `OSError` if one of them cannot be looked up."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = {name: _identify(name) for name in _names(path)}
        self._changed_at = path.stat().st_mtime_ns
        self._last_rows: LastRows | None = None

    def note_commit(self, connection: sqlite3.Connection) -> None:
        """Record what is stored now."""
        self._last_rows = read_last_rows(connection)
        self._changed_at = self._path.stat().st_mtime_ns

    def check(self) -> None:
        """Compare the files at the paths with the open ones.

        Raises:
            WriteFailed: a file was removed, moved, replaced or written over. What is written now would be lost.
            OSError: a file cannot be looked up.
        """
        for name, opened in self._opened.items():
            try:
                found = _identify(name)
            except (FileNotFoundError, NotADirectoryError):
                raise files_replaced(name, "is not there any more") from None
            if (found.device, found.inode) != (opened.device, opened.inode):
                raise files_replaced(name, "was replaced by another file")
            if name == self._path and found.size < opened.size:
                raise files_replaced(name, "was written over by another program")
            self._opened[name] = found

    def check_content(self) -> None:
        """Check that a database which changed since the last commit still has what was stored.

        Raises:
            WriteFailed: it has not: another file was copied over it.
            OSError: it cannot be looked up.
        """
        changed_at = self._path.stat().st_mtime_ns
        if self._last_rows is None or changed_at == self._changed_at:
            return
        if read_last_rows_anew(self._path) != self._last_rows:
            raise files_replaced(self._path, "was written over by another program")
        self._changed_at = changed_at


def _names(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in _ENDINGS]


def _identify(name: Path) -> _FileId:
    found = name.stat()
    return _FileId(found.st_dev, found.st_ino, found.st_size)
