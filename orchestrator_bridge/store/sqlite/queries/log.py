"""Queries: the event logs of runs, and their unreadable rows."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from orchestrator_bridge.store.sql.log import to_event, to_log_row, unreadable_logs
from orchestrator_bridge.store.sqlite.errors import corrupted_content

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.run.events import Event
    from orchestrator_bridge.store.interface import LogRow, UnreadableLog


# As bytes: SQLite refuses a text that is not UTF-8 without naming its row.
_BODY = "version, CAST(body AS BLOB) AS body"
EVENTS = f"SELECT run, seq, {_BODY} FROM log WHERE run = ? AND seq > ? ORDER BY seq"
EVERYTHING = f"SELECT run, seq, {_BODY} FROM log"


def list_events(connection: sqlite3.Connection, run: int, after: int = 0) -> list[Event]:
    """Events of a run after a position, in order.

    Raises:
        SchemaTooNew: a newer release wrote one of them.
        Corrupted: one of them is not an event.
    """
    damaged = partial(corrupted_content, connection)
    return [to_event(row, damaged) for row in connection.execute(EVENTS, (run, after)).fetchall()]


def list_log_rows(connection: sqlite3.Connection, run: int) -> list[LogRow]:
    """Rows of a run's log in order, with those that cannot be read."""
    damaged = partial(corrupted_content, connection)
    return [to_log_row(row, damaged) for row in connection.execute(EVENTS, (run, 0)).fetchall()]


def list_unreadable_logs(connection: sqlite3.Connection) -> tuple[UnreadableLog, ...]:
    """Runs with unreadable rows. Reads every row of every log."""
    return unreadable_logs(connection.execute(EVERYTHING), partial(corrupted_content, connection))
