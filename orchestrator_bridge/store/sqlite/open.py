"""Opening a file for writing: recognise it, check it, lock it, migrate it."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

from orchestrator_bridge.common.private_files import create_private_file, create_private_folder, restrict
from orchestrator_bridge.store.interface import InUse, SchemaTooNew, StoreError
from orchestrator_bridge.store.sql.migrations import Migration, latest_version
from orchestrator_bridge.store.sqlite.connection import open_sqlite
from orchestrator_bridge.store.sqlite.decision_backlog import fill_decisions
from orchestrator_bridge.store.sqlite.errors import corrupted, foreign_file
from orchestrator_bridge.store.sqlite.migrate import APPLICATION_ID, migrate
from orchestrator_bridge.store.sqlite.open_files import QUICK_CHECK_LIMIT

if TYPE_CHECKING:
    from collections.abc import Sequence


_LOG = logging.getLogger(__name__)
_MAGIC = b"SQLite format 3\x00"
_STRICT_TABLES = (3, 37)


def check_sqlite_version() -> None:
    """Check that SQLite knows STRICT tables.

    Raises:
        StoreError: it is too old.
    """
    if sqlite3.sqlite_version_info < _STRICT_TABLES:
        raise StoreError(
            f"this Python comes with SQLite {sqlite3.sqlite_version}",
            "3.37 or newer",
            "Use a Python that was built with a newer SQLite",
        )


def check_file_header(path: Path) -> None:
    """Check the first bytes of a file before SQLite opens it. A file that does not exist, or is empty, is accepted.

    Raises:
        Corrupted: it is a folder, or not an SQLite database.
        OSError: it cannot be read.
    """
    if path.is_dir():
        raise foreign_file(path, "a folder")
    if not path.exists():
        return
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    if head and head != _MAGIC:
        raise foreign_file(path, "a file that is not an SQLite database")


def read_schema_version(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """Schema version of an open file; 0 if it is new.

    Raises:
        Corrupted: another program created it.
        SchemaTooNew: a newer release wrote it.
    """
    owner = _read_pragma(connection, "application_id")
    version = _read_pragma(connection, "user_version")
    if owner != APPLICATION_ID and (owner or version or _read_pragma(connection, "schema_version")):
        raise foreign_file(path, f"a database of another program (application id {owner:#x}, expected {APPLICATION_ID:#x})")
    if version > newest:
        raise SchemaTooNew(
            f"{path} has schema version {version}, written by a newer release of Townhall",
            f"version {newest} or older, which this release can read",
            "Use the newer release, or set TOWNHALL_DATA to another folder. Nothing in the file was changed",
        )
    return version


def quick_check(connection: sqlite3.Connection, path: Path) -> None:
    """Check a small file in full. (SQLite itself reports a truncated file of any size.)

    Raises:
        Corrupted: the file is damaged.
    """
    size = _read_pragma(connection, "page_count") * _read_pragma(connection, "page_size")
    if size <= QUICK_CHECK_LIMIT:
        integrity_check(connection, path, "quick_check")


def integrity_check(connection: sqlite3.Connection, path: Path, check: str) -> None:
    """Let SQLite read every page: `quick_check`, or `integrity_check`, which also compares the indices.

    Raises:
        Corrupted: the file is damaged; the text quotes the first problems.
    """
    found = [str(row[0]) for row in connection.execute(f"PRAGMA {check}(3)")]
    if found != ["ok"]:
        raise corrupted(path, "; ".join(found))


def _read_pragma(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


if sys.platform != "win32":
    import fcntl


class StoreLock:
    """A lock that is held. The `.lock` file is never deleted: the lock on it shows that a process writes, not its existence."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def release(self) -> None:
        """Release the lock. Harmless when called twice."""
        with contextlib.suppress(OSError):  # a full disk may refuse the buffered process id; the file is closed all the same
            self._file.close()


def acquire_lock(path: Path) -> StoreLock:
    """Acquire the lock of a store.

    Raises:
        InUse: another process holds it; the text names that process.
        OSError: the folder cannot be written.
    """
    lock_path = path.with_name(path.name + ".lock")
    create_private_file(lock_path)
    file = lock_path.open("a+", encoding="ascii")
    try:
        # Windows has no flock. There SQLite's own locks protect the file, and a second bot gets no message of its own.
        if sys.platform != "win32":
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        _write_holder(file)
    except BlockingIOError:
        file.seek(0)
        holder = file.read(32).strip()
        file.close()
        raise _in_use(path, holder) from None
    except BaseException:
        file.close()
        raise
    return StoreLock(file)


def _write_holder(file: IO[str]) -> None:
    """Write the process id into the lock file, for the message of a process that finds it locked. The lock holds without it."""
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()


def _in_use(path: Path, holder: str) -> InUse:
    who = f"process {holder}" if holder.isdigit() else "another process"
    how = f" (`kill {holder}`)" if holder.isdigit() else ""
    return InUse(
        f"{path} is in use by {who}",
        "one Townhall for each data folder",
        f"Stop that process first{how}, or set TOWNHALL_DATA to another folder. "
        "`townhall runs`, `questions`, `cost` and `export` work while it runs",
    )


_WAL_SIZE_LIMIT = 32 * 1024 * 1024
"""Bytes to which the -wal file is truncated after a burst of writes."""


def prepare_and_lock(path: Path) -> StoreLock:
    """Create the folder, check the header of the file, and lock it.

    Raises:
        InUse: another process holds the lock.
        Corrupted: it is not a database of Townhall.
        OSError: the folder or the file cannot be used.
    """
    check_sqlite_version()
    create_private_folder(path.parent)
    check_file_header(path)
    return acquire_lock(path)


def open_writer(path: Path, migrations: Sequence[Migration]) -> sqlite3.Connection:
    """Open the connection that writes to a locked file. A new file gets its tables, an older one is migrated.

    Raises:
        Corrupted: the file is damaged, or another program's.
        SchemaTooNew: a newer release wrote it.
        sqlite3.Error: it cannot be written.
    """
    # SQLite would create the file readable by all; -wal and -shm get the permissions of the file.
    create_private_file(path)
    connection = open_sqlite(str(path))
    try:
        # Nothing is changed before it is known that the file is ours.
        version = read_schema_version(connection, path, latest_version(migrations))
        quick_check(connection, path)
        _restrict_files(path)
        _configure_journal(connection)
        migrate(connection, path, version, migrations)
        fill_decisions(connection)
        # SQLite opens a file that it cannot write, and even begins a transaction; only a commit reports the error.
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    except BaseException:
        connection.close()
        raise
    return connection


def _restrict_files(path: Path) -> None:
    """Take the permissions of other users from files of a release that did not set them."""
    changed = restrict(path.with_name(path.name + end) for end in ("", "-wal", "-shm", ".lock"))
    if changed:
        _LOG.warning("other users could read %s; now only the owner can", ", ".join(map(str, changed)))


def _configure_journal(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    # Each commit waits until it is on disk: acknowledged writes survive a power failure.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_SIZE_LIMIT}")
