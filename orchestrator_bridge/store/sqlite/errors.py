"""SQLite and operating system errors as `StoreError`, with what was found, what is expected and the fix."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from orchestrator_bridge.store.interface import Corrupted, InUse, StoreError, WriteFailed

DATA_SAFE = "Acknowledged data is not lost"
_RESTORE = "Stop the bot and copy the file and its -wal. Then restore a backup, or try `sqlite3 FILE .recover`"


def disk_full(path: Path, found: str) -> WriteFailed:
    """The error of a full disk."""
    return WriteFailed(
        f"no space left on the disk of {path} ({found})",
        "free space for the store",
        f"Free some space. The bot continues as soon as the store can be written. {DATA_SAFE}",
    )


def write_failed(path: Path, found: str) -> WriteFailed:
    """The error of a file or folder that cannot be written."""
    return WriteFailed(
        f"{path} cannot be written ({found})",
        "a file and a folder that this user can write, on a healthy disk",
        f"Fix the owner, the permissions or the disk, or set TOWNHALL_DATA to another folder. {DATA_SAFE}",
    )


def files_replaced(path: Path, found: str) -> WriteFailed:
    """The error of a file that is not the open one any more."""
    return WriteFailed(
        f"{path} {found}, although the bot has it open",
        "the file that the bot opened",
        "Move that file back, or restart the bot to use the file that is there now. What was stored before is in the file that "
        "was moved or removed; nothing new is stored until then",
    )


def read_failed(path: Path, found: str) -> StoreError:
    """The error of a file or folder that cannot be read."""
    return StoreError(
        f"{path} cannot be read ({found})",
        "a file and a folder that this user can read",
        "Fix the owner, the permissions or the disk, or set TOWNHALL_DATA to the folder that the bot uses",
    )


def corrupted(path: Path, found: str) -> Corrupted:
    """The error of a damaged file."""
    return Corrupted(f"{path} is damaged ({found})", "an intact SQLite database", _RESTORE)


def foreign_file(path: Path, found: str) -> Corrupted:
    """The error of a file that is not ours."""
    return Corrupted(
        f"{path} is {found}",
        "a database of Townhall, or no file",
        "Move it away, or set TOWNHALL_DATA to another folder. Nothing in it was changed",
    )


def locked_by_another(path: Path, found: str) -> InUse:
    """The error of a database lock that another program holds."""
    return InUse(
        f"{path} is locked by another program ({found})",
        "one program that writes it",
        "Close the program that writes it, such as an `sqlite3` shell. Reading while the bot runs is safe",
    )


def from_os_error(error: OSError, path: Path) -> StoreError:
    """Translate an error of the operating system, such as a folder that cannot be written."""
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
    """Translate an error of SQLite by its result code (sqlite.org/rescode.html; the low byte is the primary code)."""
    if "Could not decode to UTF-8" in str(error):
        return corrupted(path, "a text in it is not UTF-8")
    code = getattr(error, "sqlite_errorcode", None)
    fault = _ERRORS_BY_CODE.get(code & 0xFF) if isinstance(code, int) else None
    if fault is None:
        return StoreError(f"{path}: {error}", "a statement that SQLite accepts", "This is a bug of Townhall. Please report it")
    return fault(path, "a file that is not a database" if fault is foreign_file else f"{error}, {error.sqlite_errorname}")


def to_store_error(error: Exception, path: Path) -> Exception:
    """Translate an error of SQLite or the operating system; any other error is returned unchanged."""
    if not isinstance(error, sqlite3.Error | OSError):
        return error
    fault = from_sqlite_error(error, path) if isinstance(error, sqlite3.Error) else from_os_error(error, path)
    fault.__cause__ = error
    return fault


def to_read_error(error: Exception, path: Path) -> Exception:
    """Translate an error of a reader: like `to_store_error`, but a file that cannot be used could not be read, not written."""
    fault = to_store_error(error, path)
    if not isinstance(fault, WriteFailed):
        return fault
    found = error.strerror if isinstance(error, OSError) else str(error)
    read_error = read_failed(path, found or str(error))
    read_error.__cause__ = error
    return read_error


def corrupted_content(connection: sqlite3.Connection, found: str) -> Corrupted:
    """The error of a file whose content cannot be decoded."""
    return corrupted(Path(connection.execute("PRAGMA database_list").fetchone()[2]), found)
