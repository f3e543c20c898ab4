"""Read-only access to a file that another process may write, and the full check of `townhall doctor`. Changes nothing on disk.

A database in WAL mode is three files. While a bot runs, `-wal` and `-shm` exist, and SQLite can read beside it with
`readonly_shm`. After a clean shutdown they are gone. SQLite would create them again, owned by this user, and the bot might not be
able to open them. So the file is then read as `immutable`, which creates and locks nothing, and the result is discarded and read
again if the file has changed meanwhile. (sqlite.org/wal.html#read_only_databases, sqlite.org/uri.html)
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

from orchestrator_bridge.store.interface import NotFound, SchemaTooOld, StoreError, StoreReport
from orchestrator_bridge.store.sql.migrations import latest_version
from orchestrator_bridge.store.sqlite.connection import open_sqlite
from orchestrator_bridge.store.sqlite.errors import corrupted, to_read_error
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations
from orchestrator_bridge.store.sqlite.open import check_file_header, check_sqlite_version, integrity_check, read_schema_version
from orchestrator_bridge.store.sqlite.queries import log, messages

if TYPE_CHECKING:
    from collections.abc import Callable


T = TypeVar("T")
_ATTEMPTS = 10
_RETRY_DELAY = 0.03
"""Seconds between attempts: a bot that starts or stops has finished after one or two."""


@dataclass(frozen=True, slots=True)
class _FileState:
    """Properties that show that a file was changed, or is being opened or closed now."""

    wal: bool
    shm: bool
    size: int
    changed_ns: int


class ReadOnlyDatabase:
    """Queries on a file that this process does not own. Each query opens a connection of its own."""

    def __init__(self, path: Path, schema: int) -> None:
        self._path = path
        self._schema = schema

    async def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query on the present content of the file.

        Raises:
            StoreError: the file cannot be read.
        """
        return await asyncio.to_thread(query_file, self._path, self._schema, look)

    async def close(self) -> None:
        """Do nothing: no connection is kept open."""


def query_file(path: Path, schema: int, look: Callable[[sqlite3.Connection], T], *, older: bool = False) -> T:
    """Run a query on the present content of a file with this schema version, or also with an `older` one.

    Raises:
        NotFound: there is no file.
        Corrupted: it is damaged, or not a database of Townhall.
        SchemaTooOld: the bot has to migrate it first.
        SchemaTooNew: a newer release wrote it.
        StoreError: it cannot be read.
    """
    check_sqlite_version()
    for _ in range(_ATTEMPTS):
        before = _file_state(path)
        try:
            found = _query_once(path, schema, before, look, older=older)
            # With a -wal file, SQLite's locks keep the read consistent. Without it nothing is locked: a change voids the read.
            if before.wal or _file_state(path) == before:
                return found
        except (sqlite3.Error, OSError) as error:
            # A bot that starts or stops meanwhile causes errors too. This one is real if the file was at rest before and after.
            if before.wal == before.shm and _file_state(path) == before:
                raise to_read_error(error, path) from error
        time.sleep(_RETRY_DELAY)
    raise _unstable(path)


def _query_once(path: Path, schema: int, before: _FileState, look: Callable[[sqlite3.Connection], T], *, older: bool) -> T:
    check_file_header(path)
    mode = "mode=ro&readonly_shm=1" if before.wal else "immutable=1"
    with closing(open_sqlite(f"file:{quote(str(path))}?{mode}", uri=True)) as connection:
        _check_schema(connection, path, schema, older=older)
        return look(connection)


def _file_state(path: Path) -> _FileState:
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise _not_found(path) from None
    except OSError as error:
        raise to_read_error(error, path) from error
    wal, shm = (path.with_name(path.name + end).exists() for end in ("-wal", "-shm"))
    return _FileState(wal=wal, shm=shm, size=stat.st_size, changed_ns=stat.st_mtime_ns)


def _check_schema(connection: sqlite3.Connection, path: Path, schema: int, *, older: bool) -> None:
    version = read_schema_version(connection, path, schema)
    if not version:
        raise _not_found(path)
    if version < schema and not older:
        raise SchemaTooOld(
            f"{path} has schema version {version}, written by an older release of Townhall",
            f"version {schema}",
            "Start the bot once with this release (`townhall run`): it migrates the file and keeps its content",
        )


def _not_found(path: Path) -> StoreError:
    return NotFound(
        f"there is no store at {path}",
        "the database of a bot",
        "Start the bot first (`townhall run`), or set TOWNHALL_DATA to the folder that it uses",
    )


def _unstable(path: Path) -> StoreError:
    return StoreError(
        f"{path} changed during every attempt, or has a -wal file without its -shm, as in a copy made while a bot runs",
        "the database of a bot that runs or has stopped",
        "Try again. For a copy, copy the -wal and -shm files too, or start the bot with it once",
    )


_COUNTS = """
SELECT (SELECT * FROM pragma_page_count) * (SELECT * FROM pragma_page_size) AS size,
    (SELECT * FROM pragma_user_version) AS schema,
    (SELECT count(*) FROM runs) AS runs,
    (SELECT count(*) FROM questions) AS questions,
    (SELECT count(*) FROM outbox WHERE state = 'unsent') AS unsent,
    (SELECT count(*) FROM outbox WHERE state = 'unsent' AND at < strftime('%s', 'now') - 30) AS stuck
"""


def full_check(path: Path) -> StoreReport:
    """Read every page and every event of a file. Runs in the caller's thread: about 10 s for 1 GB.

    Raises:
        NotFound: there is no file.
        Corrupted: the file is damaged, or not a database of Townhall.
        SchemaTooOld: an older release wrote it, and the bot was not started with this release yet.
        SchemaTooNew: a newer release wrote it.
        StoreError: it cannot be read.
    """
    path = path.resolve()
    return query_file(path, latest_version(bundled_migrations()), partial(_check_connection, path))


def _check_connection(path: Path, connection: sqlite3.Connection) -> StoreReport:
    integrity_check(connection, path, "integrity_check")
    if connection.execute("PRAGMA foreign_key_check").fetchone():
        raise corrupted(path, "rows refer to rows that do not exist")
    messages.check_messages(connection)
    return StoreReport(**dict(connection.execute(_COUNTS).fetchone()), unreadable=log.list_unreadable_logs(connection))
