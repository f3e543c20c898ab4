"""What goes wrong with a file, told so that a person can mend it."""

from __future__ import annotations

import errno
import sqlite3
from typing import TYPE_CHECKING

from orchestrator_bridge.store.port import Damaged, InUse, StoreError, Unwritable

if TYPE_CHECKING:
    from pathlib import Path

SAFE = "Nothing that was acknowledged is lost"
_RESTORE = "Stop the bot and keep copies of the file and its -wal; then restore a backup, or try `sqlite3 FILE .recover`"


def full(path: Path, found: str) -> Unwritable:
    """The disk has no room."""
    return Unwritable(
        f"no space left on the disk of {path} ({found})",
        "room for the store to grow",
        f"Free some space; the store goes on as soon as it can write. {SAFE}",
    )


def unwritable(path: Path, found: str) -> Unwritable:
    """The file or its folder cannot be written."""
    return Unwritable(
        f"{path} cannot be written ({found})",
        "a file in a folder that this user may write, on a sound disk",
        f"Mend the owner, the permissions or the disk, or set TOWNHALL_DATA to another folder. {SAFE}",
    )


def unreadable(path: Path, found: str) -> StoreError:
    """The file or its folder cannot be read, which is all that a look-up wants of it."""
    return StoreError(
        f"{path} cannot be read ({found})",
        "a file that this user may read, in a folder",
        "Mend the owner, the permissions or the disk, or set TOWNHALL_DATA to the folder that the bot uses",
    )


def damaged(path: Path, found: str) -> Damaged:
    """The file is broken."""
    return Damaged(f"{path} is damaged ({found})", "a sound SQLite database", _RESTORE)


def not_ours(path: Path, found: str) -> Damaged:
    """The file belongs to somebody else."""
    return Damaged(
        f"{path} is {found}",
        "a database that Townhall made, or no file at all",
        "Nothing in it was changed: move it away, or set TOWNHALL_DATA to another folder",
    )


def locked(path: Path, found: str) -> InUse:
    """Another program holds a lock inside the file."""
    return InUse(
        f"{path} is locked by another program ({found})",
        "one writer",
        "End the program that writes it, such as an open `sqlite3` shell; reading beside the bot does no harm",
    )


def of_system(error: OSError, path: Path) -> StoreError:
    """A fault of the operating system, such as a folder that may not be written."""
    found = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return full(path, found)
    return unwritable(path, found)


_FAULTS = {
    sqlite3.SQLITE_FULL: full,
    sqlite3.SQLITE_READONLY: unwritable,
    sqlite3.SQLITE_PERM: unwritable,
    sqlite3.SQLITE_IOERR: unwritable,
    sqlite3.SQLITE_CANTOPEN: unwritable,
    sqlite3.SQLITE_CORRUPT: damaged,
    sqlite3.SQLITE_NOTADB: not_ours,
    sqlite3.SQLITE_BUSY: locked,
    sqlite3.SQLITE_LOCKED: locked,
}


def of_sqlite(error: sqlite3.Error, path: Path) -> StoreError:
    """A fault that SQLite reports, by its result code (sqlite.org/rescode.html; the low byte is the kind)."""
    if "Could not decode to UTF-8" in str(error):
        return damaged(path, "a text in it is no UTF-8")
    code = getattr(error, "sqlite_errorcode", None)
    fault = _FAULTS.get(code & 0xFF) if isinstance(code, int) else None
    if fault is None:
        return StoreError(f"{path}: {error}", "a statement that SQLite takes", "This is a bug of Townhall: please report it")
    return fault(path, "a file that is no database" if fault is not_ours else f"{error}, {error.sqlite_errorname}")


def told(error: Exception, path: Path) -> Exception:
    """The fault in the store's own words; errors that have nothing to do with the file stay what they are."""
    if not isinstance(error, sqlite3.Error | OSError):
        return error
    fault = of_sqlite(error, path) if isinstance(error, sqlite3.Error) else of_system(error, path)
    fault.__cause__ = error
    return fault


def told_of_reading(error: Exception, path: Path) -> Exception:
    """As `told`, for whoever only reads: that a file cannot be written is no fault then."""
    fault = told(error, path)
    if not isinstance(fault, Unwritable):
        return fault
    found = error.strerror if isinstance(error, OSError) else str(error)
    reading = unreadable(path, found or str(error))
    reading.__cause__ = error
    return reading
