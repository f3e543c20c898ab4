"""Reading a file that another process writes, or nobody, without leaving a trace.

A database in WAL mode is three files. While a bot runs, `-wal` and `-shm` are there, and SQLite reads beside it, given
`readonly_shm`. After a clean end they are gone, and SQLite would make them anew, as this user, in the bot's way: there the file
is read as `immutable`, which makes nothing and locks nothing, and the reading is thrown away and repeated if the file has changed
meanwhile. (sqlite.org/wal.html#read_only_databases, sqlite.org/uri.html)
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

from orchestrator_bridge.store.interface import NotFound, SchemaTooOld, StoreError, UnreadableLog
from orchestrator_bridge.store.sqlite.connection import open_sqlite
from orchestrator_bridge.store.sqlite.errors import corrupted, to_read_error
from orchestrator_bridge.store.sqlite.migrate import bundled_migrations, latest_version
from orchestrator_bridge.store.sqlite.open import check_file_header, check_sqlite_version, integrity_check, read_schema_version
from orchestrator_bridge.store.sqlite.queries import log, messages

if TYPE_CHECKING:
    from collections.abc import Callable


T = TypeVar("T")
_ATTEMPTS = 10
_PAUSE = 0.03
"""Seconds between attempts: a bot that starts or stops is through within one or two."""


@dataclass(frozen=True, slots=True)
class _FileState:
    """What tells that a file was changed, or is just being opened or closed."""

    wal: bool
    shm: bool
    size: int
    changed_ns: int


class ReadOnlyDatabase:
    """Look-ups in a file that this process does not own. A connection lives for one look-up."""

    def __init__(self, path: Path, schema: int) -> None:
        self._path = path
        self._schema = schema

    async def read(self, look: Callable[[sqlite3.Connection], T]) -> T:
        """The result of `look` over the file as it is now.

        Raises:
            StoreError: the file cannot be read.
        """
        return await asyncio.to_thread(query_file, self._path, self._schema, look)

    async def close(self) -> None:
        """There is nothing to close."""


def query_file(path: Path, schema: int, look: Callable[[sqlite3.Connection], T]) -> T:
    """The result of `look` over the file as it is now, which must have this schema version.

    Raises:
        NotFound: there is no file.
        Corrupted: it is no sound database of ours.
        SchemaTooOld: the bot has to lift it first.
        SchemaTooNew: a newer release wrote it.
        StoreError: it cannot be read.
    """
    check_sqlite_version()
    for _ in range(_ATTEMPTS):
        before = _file_state(path)
        try:
            found = _query_once(path, schema, before, look)
            if before.wal or _file_state(path) == before:
                return found
        except (sqlite3.Error, OSError) as error:
            if before.wal == before.shm and _file_state(path) == before:
                raise to_read_error(error, path) from error
        time.sleep(_PAUSE)
    raise _unstable(path)


def _query_once(path: Path, schema: int, before: _FileState, look: Callable[[sqlite3.Connection], T]) -> T:
    check_file_header(path)
    with closing(open_sqlite(_read_only_uri(path, before), uri=True)) as connection:
        _check_schema(connection, path, schema)
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


def _read_only_uri(path: Path, trace: _FileState) -> str:
    way = "mode=ro&readonly_shm=1" if trace.wal else "immutable=1"
    return f"file:{quote(str(path))}?{way}"


def _check_schema(connection: sqlite3.Connection, path: Path, schema: int) -> None:
    version = read_schema_version(connection, path, schema)
    if not version:
        raise _not_found(path)
    if version < schema:
        raise SchemaTooOld(
            f"{path} has schema version {version}, written by an older release of Townhall",
            f"version {schema}",
            "Start the bot once with this release (`townhall run`): it lifts the file and keeps what is in it",
        )


def _not_found(path: Path) -> StoreError:
    return NotFound(
        f"there is no store at {path}",
        "the file that a bot has made",
        "Start the bot first (`townhall run`), or set TOWNHALL_DATA to the folder that it uses",
    )


def _unstable(path: Path) -> StoreError:
    return StoreError(
        f"{path} changed with every look, or has a -wal without its -shm, as in a copy of a running bot's file",
        "the file of a bot that runs or has ended",
        "Try again; for a copy, copy the -wal and -shm too, or start the bot on it once",
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreReport:
    """A file that SQLite finds well. `size` in bytes; `unreadable` are runs whose logs have rows that nobody can read."""

    size: int
    schema: int
    runs: int
    questions: int
    unsent: int
    unreadable: tuple[UnreadableLog, ...] = ()


_COUNTS = """
SELECT (SELECT * FROM pragma_page_count) * (SELECT * FROM pragma_page_size) AS size,
    (SELECT * FROM pragma_user_version) AS schema,
    (SELECT count(*) FROM runs) AS runs,
    (SELECT count(*) FROM questions) AS questions,
    (SELECT count(*) FROM outbox WHERE state = 'unsent') AS unsent
"""


def full_check(path: Path) -> StoreReport:
    """Read every page of a file, and every event of it. Runs in the caller's thread: some 10 s for 1 GB.

    Raises:
        NotFound: there is no file.
        Corrupted: the file is broken, or not ours.
        SchemaTooOld: an older release wrote it, and the bot was not started with this one yet.
        SchemaTooNew: a newer release wrote it.
        StoreError: it cannot be read.
    """
    path = path.resolve()
    return query_file(path, latest_version(bundled_migrations()), partial(_check_connection, path))


def _check_connection(path: Path, connection: sqlite3.Connection) -> StoreReport:
    integrity_check(connection, path, "integrity_check")
    if connection.execute("PRAGMA foreign_key_check").fetchone():
        raise corrupted(path, "rows point to rows that are not there")
    messages.list_unhandled_events(connection)
    messages.list_pending_posts(connection)
    return StoreReport(**dict(connection.execute(_COUNTS).fetchone()), unreadable=log.unreadable_logs(connection))
