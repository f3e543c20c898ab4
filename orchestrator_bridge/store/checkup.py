"""The full check of a store's file, for `townhall doctor`: works beside a running bot and changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from orchestrator_bridge.store.beside import query_file
from orchestrator_bridge.store.faults import corrupted
from orchestrator_bridge.store.health import integrity_check
from orchestrator_bridge.store.migrate import bundled_migrations, latest_version
from orchestrator_bridge.store.port import UnreadableLog
from orchestrator_bridge.store.read import log, posts

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path


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
    posts.list_unhandled_events(connection)
    posts.list_pending_posts(connection)
    return StoreReport(**dict(connection.execute(_COUNTS).fetchone()), unreadable=log.unreadable_logs(connection))
