"""A run's log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_bridge.run.events import VERSION, Event, load
from orchestrator_bridge.store.faults import damaged
from orchestrator_bridge.store.port import TooNew

if TYPE_CHECKING:
    import sqlite3

EVENTS = "SELECT seq, version, body FROM log WHERE run = ? AND seq > ? ORDER BY seq"


def events(connection: sqlite3.Connection, run: int, after: int) -> list[Event]:
    """The events behind a position.

    Raises:
        TooNew: a newer release wrote one of them.
        Damaged: one of them is not an event.
    """
    return [_event(connection, run, row) for row in connection.execute(EVENTS, (run, after)).fetchall()]


def _event(connection: sqlite3.Connection, run: int, row: sqlite3.Row) -> Event:
    try:
        return load(row["version"], row["body"])
    except ValueError as error:
        found = f"event {row['seq']} of run {run}: {error}"
        if row["version"] > VERSION:
            raise TooNew(found, f"version {VERSION} or older", "Use the release that wrote it, or a newer one") from error
        raise damaged(_path(connection), found) from error


def _path(connection: sqlite3.Connection) -> Path:
    return Path(connection.execute("PRAGMA database_list").fetchone()[2])
