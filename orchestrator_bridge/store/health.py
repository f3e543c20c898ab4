"""Whether a file is a database of ours and whole: what can be told at once when it is opened, and a full check for `doctor`."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from orchestrator_bridge.store.faults import corrupted, foreign_file
from orchestrator_bridge.store.migrate import APPLICATION_ID
from orchestrator_bridge.store.port import SchemaTooNew, StoreError

if TYPE_CHECKING:
    from pathlib import Path

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
