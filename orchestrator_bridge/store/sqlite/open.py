"""Whether a file is a database of ours and whole: what can be told at once when it is opened, and a full check for `doctor`."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

from orchestrator_bridge.store.interface import InUse, SchemaTooNew, StoreError
from orchestrator_bridge.store.sqlite.connection import open_sqlite
from orchestrator_bridge.store.sqlite.errors import corrupted, foreign_file
from orchestrator_bridge.store.sqlite.migrate import APPLICATION_ID, Migration, latest_version, migrate

if TYPE_CHECKING:
    from collections.abc import Sequence


_MAGIC = b"SQLite format 3\x00"
_QUICK_CHECK_LIMIT = 8 * 1024 * 1024
"""Files up to this size, in bytes, are checked whole when they are opened: some 40 ms. Larger ones are for `townhall doctor`."""

_STRICT_TABLES = (3, 37)


def check_sqlite_version() -> None:
    """SQLite itself must be new enough.

    Raises:
        StoreError: it is not.
    """
    if sqlite3.sqlite_version_info < _STRICT_TABLES:
        raise StoreError(
            f"this Python comes with SQLite {sqlite3.sqlite_version}",
            "3.37 or newer",
            "Use a Python that was built with a newer SQLite",
        )


def check_file_header(path: Path) -> None:
    """What the outside of a file tells, before SQLite touches it. A file that is not there, or empty, is fine.

    Raises:
        Corrupted: it is a folder, or no SQLite database.
        OSError: it cannot be read.
    """
    if path.is_dir():
        raise foreign_file(path, "a folder")
    if not path.exists():
        return
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    if head and head != _MAGIC:
        raise foreign_file(path, "a file that is no SQLite database")


def read_schema_version(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """The schema version of an open file; 0 if it is new.

    Raises:
        Corrupted: another program made it.
        SchemaTooNew: a newer release made it.
    """
    owner = _read_pragma(connection, "application_id")
    version = _read_pragma(connection, "user_version")
    if owner != APPLICATION_ID and (owner or version or _read_pragma(connection, "schema_version")):
        raise foreign_file(path, f"a database of another program (application id {owner:#x}, expected {APPLICATION_ID:#x})")
    if version > newest:
        raise SchemaTooNew(
            f"{path} has schema version {version}, written by a newer release of Townhall",
            f"at most version {newest}, which is what this release knows",
            "Use the newer release, or set TOWNHALL_DATA to another folder; nothing in the file was changed",
        )
    return version


def quick_check(connection: sqlite3.Connection, path: Path) -> None:
    """A cheap look: a small file holds together. (That a file was cut short SQLite tells itself, whatever its size.)

    Raises:
        Corrupted: the file is broken.
    """
    size = _read_pragma(connection, "page_count") * _read_pragma(connection, "page_size")
    if size <= _QUICK_CHECK_LIMIT:
        integrity_check(connection, path, "quick_check")


def integrity_check(connection: sqlite3.Connection, path: Path, check: str) -> None:
    """Let SQLite read every page, with `quick_check`, or `integrity_check`, which compares the indices too.

    Raises:
        Corrupted: the file is broken; the text quotes the first thing found.
    """
    found = [str(row[0]) for row in connection.execute(f"PRAGMA {check}(3)")]
    if found != ["ok"]:
        raise corrupted(path, "; ".join(found))


def _read_pragma(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


if sys.platform != "win32":
    import fcntl


class StoreLock:
    """A lock that is held. The file beside the store stays: only the lock on it says that somebody writes, not its existence."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def release(self) -> None:
        """Let the next process in; harmless when done twice."""
        with contextlib.suppress(OSError):  # a full disk may refuse the signature once more; the file is closed all the same
            self._file.close()


def acquire_lock(path: Path) -> StoreLock:
    """Take the lock of a store.

    Raises:
        InUse: another process has it; the text names that process.
        OSError: the folder cannot be written.
    """
    file = path.with_name(path.name + ".lock").open("a+", encoding="ascii")
    try:
        _flock(file)
        _write_holder(file)
    except BlockingIOError:
        holder = _read_holder(file)
        file.close()
        raise _in_use(path, holder) from None
    except BaseException:
        file.close()
        raise
    return StoreLock(file)


def _flock(file: IO[str]) -> None:
    # Windows has no flock. There SQLite's own locks keep the file whole, and a second bot is not told off.
    if sys.platform != "win32":
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def _write_holder(file: IO[str]) -> None:
    """Write down who has the lock, for the message that the next one gets; the lock holds without it."""
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()


def _read_holder(file: IO[str]) -> str:
    file.seek(0)
    return file.read(32).strip()


def _in_use(path: Path, holder: str) -> InUse:
    who = f"process {holder}" if holder.isdigit() else "another process"
    end = f" (`kill {holder}`)" if holder.isdigit() else ""
    return InUse(
        f"{path} is in use by {who}",
        "one Townhall for each data folder",
        f"Stop that one first{end}, or set TOWNHALL_DATA to another folder. "
        "`townhall runs`, `questions`, `cost` and `export` work beside it",
    )


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
