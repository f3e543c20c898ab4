"""Backup of a database while a bot writes it, and its restoration.

SQLite's own backup copies a consistent state of the file (sqlite.org/backup.html). Pictures and results of tools are in the
database, so that one file is everything.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_bridge.common.private_files import create_private_file, create_private_folder
from orchestrator_bridge.store.interface import StoreError, WriteFailed
from orchestrator_bridge.store.sql.migrations import latest_version
from orchestrator_bridge.store.sqlite.connection import open_sqlite
from orchestrator_bridge.store.sqlite.errors import corrupted
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
from orchestrator_bridge.store.sqlite.open import acquire_lock, integrity_check
from orchestrator_bridge.store.sqlite.readonly import query_file

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupReport:
    """Content of a backup: its size in bytes, the version of its schema, and the numbers of runs and of open questions."""

    size: int
    schema: int
    runs: int
    open_questions: int


_COUNTS = """
SELECT (SELECT * FROM pragma_page_count) * (SELECT * FROM pragma_page_size) AS size,
    (SELECT * FROM pragma_user_version) AS schema,
    (SELECT count(*) FROM runs) AS runs,
    (SELECT count(*) FROM questions WHERE status = 'open') AS open_questions
"""


def back_up(database: Path, target: Path, *, replace: bool = False) -> BackupReport:
    """Copy a database into a new file, readable by its owner only. Runs in the caller's thread.

    The target appears when its copy is complete, checked and on disk. `replace` allows it to exist.

    Raises:
        NotFound: there is no database.
        Corrupted: the database or the copy is damaged.
        WriteFailed: the target exists, or cannot be written.
        StoreError: the database cannot be read.
    """
    new = target.with_name(f"{target.name}.incomplete")
    if target.exists() and not replace:
        raise WriteFailed(f"{target} exists already", "the name of a new file", "Choose another name, or allow it with --force")
    try:
        _remove(new)
        create_private_file(new)
        query_file(database, _newest(), partial(_copy, new), older=True)
        report = check_backup(new)
        _sync(new)
        new.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise _failed(target, error) from error
    finally:
        _remove(new)
    return report


def _copy(target: Path, connection: sqlite3.Connection) -> None:
    try:
        with closing(sqlite3.connect(target)) as copy:
            connection.backup(copy)
            # A copy is one file. It is opened in write-ahead mode again when a bot uses it.
            copy.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:  # a full disk; what the database itself lacks is another class
        raise _failed(target, error) from error


def check_backup(backup: Path) -> BackupReport:
    """Read every page of a backup; one of an older release is sound too, and is migrated when a bot opens it.

    Raises:
        NotFound: there is no such file.
        Corrupted: it is damaged, or not a database of Townhall.
        SchemaTooNew: a newer release wrote it.
        StoreError: it cannot be read.
    """
    return query_file(backup, _newest(), partial(_check, backup), older=True)


def _check(backup: Path, connection: sqlite3.Connection) -> BackupReport:
    integrity_check(connection, backup, "integrity_check")
    if connection.execute("PRAGMA foreign_key_check").fetchone():
        raise corrupted(backup, "rows refer to rows that do not exist")
    return BackupReport(**dict(connection.execute(_COUNTS).fetchone()))


def restore(
    backup: Path, database: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> tuple[BackupReport, Path | None]:
    """Put a backup in place of a database that no bot uses. Returns what it holds, and the place to which the old one went.

    Raises:
        InUse: a bot runs on the database.
        Corrupted: the backup is damaged, or not a database of Townhall.
        WriteFailed: the folder of the database cannot be written.
        StoreError: the backup cannot be read.
    """
    report = check_backup(backup)
    new = database.with_name(f"{database.name}.restoring")
    try:
        create_private_folder(database.parent)
        lock = acquire_lock(database)
        try:
            _remove(new)
            create_private_file(new)
            shutil.copyfile(backup, new)
            _sync(new)
            kept = _keep(database, now()) if database.exists() else None
            # From here on the new file is the database; a crash before this line leaves the old one as it was.
            new.replace(database)
            _sync(database.parent)
        finally:
            lock.release()
    except OSError as error:
        raise _failed(database, error) from error
    finally:
        _remove(new)
    return report, kept


def _keep(database: Path, now: datetime) -> Path:
    """Give a database a second name, under which it stays. What its `-wal` file holds is written into it first."""
    kept = database.with_name(f"{database.name}.before-restore-{now:%Y%m%d-%H%M%S}")
    try:
        with closing(open_sqlite(str(database))) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error:  # a damaged file is kept as it is, with its -wal file
        pass
    for end in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            database.with_name(database.name + end).rename(kept.with_name(kept.name + end))
    os.link(database, kept)
    return kept


def _newest() -> int:
    return latest_version(bundled_migrations())


def _remove(path: Path) -> None:
    for end in ("", "-journal", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Wait until a file's content, or a folder's entries, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(path: Path, error: Exception) -> StoreError:
    found = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return WriteFailed(
        f"{path} cannot be written: {found}", "a folder with enough space that can be written", "Choose another one"
    )
