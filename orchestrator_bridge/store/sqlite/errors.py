"""What goes wrong with a file, told so that a person can mend it."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from pydantic import ValidationError

from orchestrator_bridge.common.text import one_line
from orchestrator_bridge.store.interface import Corrupted, InUse, StoreError, WriteFailed

DATA_SAFE = "Nothing that was acknowledged is lost"
_RESTORE = "Stop the bot and keep copies of the file and its -wal; then restore a backup, or try `sqlite3 FILE .recover`"


def disk_full(path: Path, found: str) -> WriteFailed:
    """The disk has no room."""
    return WriteFailed(
        f"no space left on the disk of {path} ({found})",
        "room for the store to grow",
        f"Free some space; the store goes on as soon as it can write. {DATA_SAFE}",
    )


def write_failed(path: Path, found: str) -> WriteFailed:
    """The file or its folder cannot be written."""
    return WriteFailed(
        f"{path} cannot be written ({found})",
        "a file in a folder that this user may write, on a sound disk",
        f"Mend the owner, the permissions or the disk, or set TOWNHALL_DATA to another folder. {DATA_SAFE}",
    )


def read_failed(path: Path, found: str) -> StoreError:
    """The file or its folder cannot be read, which is all that a look-up wants of it."""
    return StoreError(
        f"{path} cannot be read ({found})",
        "a file that this user may read, in a folder",
        "Mend the owner, the permissions or the disk, or set TOWNHALL_DATA to the folder that the bot uses",
    )


def corrupted(path: Path, found: str) -> Corrupted:
    """The file is broken."""
    return Corrupted(f"{path} is damaged ({found})", "a sound SQLite database", _RESTORE)


def foreign_file(path: Path, found: str) -> Corrupted:
    """The file belongs to somebody else."""
    return Corrupted(
        f"{path} is {found}",
        "a database that Townhall made, or no file at all",
        "Nothing in it was changed: move it away, or set TOWNHALL_DATA to another folder",
    )


def locked_by_another(path: Path, found: str) -> InUse:
    """Another program holds a lock inside the file."""
    return InUse(
        f"{path} is locked by another program ({found})",
        "one writer",
        "End the program that writes it, such as an open `sqlite3` shell; reading beside the bot does no harm",
    )


def from_os_error(error: OSError, path: Path) -> StoreError:
    """A fault of the operating system, such as a folder that may not be written."""
    found = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(path, found)
    return write_failed(path, found)


_ERRORS_BY_CODE = {
    sqlite3.SQLITE_FULL: disk_full,
    sqlite3.SQLITE_READONLY: write_failed,
    sqlite3.SQLITE_PERM: write_failed,
    sqlite3.SQLITE_IOERR: write_failed,
    sqlite3.SQLITE_CANTOPEN: write_failed,
    sqlite3.SQLITE_CORRUPT: corrupted,
    sqlite3.SQLITE_NOTADB: foreign_file,
    sqlite3.SQLITE_BUSY: locked_by_another,
    sqlite3.SQLITE_LOCKED: locked_by_another,
}


def from_sqlite_error(error: sqlite3.Error, path: Path) -> StoreError:
    """A fault that SQLite reports, by its result code (sqlite.org/rescode.html; the low byte is the kind)."""
    if "Could not decode to UTF-8" in str(error):
        return corrupted(path, "a text in it is no UTF-8")
    code = getattr(error, "sqlite_errorcode", None)
    fault = _ERRORS_BY_CODE.get(code & 0xFF) if isinstance(code, int) else None
    if fault is None:
        return StoreError(f"{path}: {error}", "a statement that SQLite takes", "This is a bug of Townhall: please report it")
    return fault(path, "a file that is no database" if fault is foreign_file else f"{error}, {error.sqlite_errorname}")


def to_store_error(error: Exception, path: Path) -> Exception:
    """The fault in the store's own words; errors that have nothing to do with the file stay what they are."""
    if not isinstance(error, sqlite3.Error | OSError):
        return error
    fault = from_sqlite_error(error, path) if isinstance(error, sqlite3.Error) else from_os_error(error, path)
    fault.__cause__ = error
    return fault


def to_read_error(error: Exception, path: Path) -> Exception:
    """As `to_store_error`, for whoever only reads: that a file cannot be written is no fault then."""
    fault = to_store_error(error, path)
    if not isinstance(fault, WriteFailed):
        return fault
    found = error.strerror if isinstance(error, OSError) else str(error)
    reading = read_failed(path, found or str(error))
    reading.__cause__ = error
    return reading


_MAX_QUOTED = 200
"""Characters of what is wrong with a row that are told."""


def corrupt_row(connection: sqlite3.Connection, row: str, body: bytes | str, error: ValueError) -> Corrupted:
    """The fault of a file with a row (such as `event 2 of run 1`) whose body cannot be read because of an error."""
    name = Path(connection.execute("PRAGMA database_list").fetchone()[2])
    return corrupted(name, f"{row}: {_decode_failure(body, error)}")


def _decode_failure(body: bytes | str, error: ValueError) -> str:
    try:
        body.decode() if isinstance(body, bytes) else body.encode()
    except UnicodeError:
        return "its text is no UTF-8"
    return one_line(error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error), _MAX_QUOTED)
