"""Queries and statements: the event logs of runs, and their unreadable rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator_bridge.run.events import VERSION, Event, dump, load
from orchestrator_bridge.store.interface import LogRow, SchemaTooNew, StoreError, UnreadableLog
from orchestrator_bridge.store.sqlite.errors import corrupt_row
from orchestrator_bridge.store.sqlite.writer import Statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence


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
    return [_event(connection, row) for row in connection.execute(EVENTS, (run, after)).fetchall()]


def list_log_rows(connection: sqlite3.Connection, run: int) -> list[LogRow]:
    """Rows of a run's log in order, with those that cannot be read."""
    return [_row(connection, row) for row in connection.execute(EVENTS, (run, 0)).fetchall()]


def unreadable_logs(connection: sqlite3.Connection) -> tuple[UnreadableLog, ...]:
    """Runs with unreadable rows. Reads every row of every log."""
    found: dict[int, UnreadableLog] = {}
    for raw in connection.execute(EVERYTHING):
        row = _row(connection, raw)
        if row.fault is not None:
            known = found.get(raw["run"])
            first = UnreadableLog(run=raw["run"], seq=row.seq, fault=row.fault, rows=1)
            found[raw["run"]] = first if known is None else replace(known, rows=known.rows + 1)
    return tuple(found.values())


def _row(connection: sqlite3.Connection, row: sqlite3.Row) -> LogRow:
    try:
        return LogRow(seq=row["seq"], event=_event(connection, row))
    except StoreError as error:
        return LogRow(seq=row["seq"], fault=error)


def _event(connection: sqlite3.Connection, row: sqlite3.Row) -> Event:
    try:
        return load(row["version"], row["body"])
    except ValueError as error:
        name = f"event {row['seq']} of run {row['run']}"
        if row["version"] > VERSION:
            expected, fix = f"version {VERSION} or older", "Use the release that wrote it, or a newer one"
            raise SchemaTooNew(f"{name} has version {row['version']}", expected, fix) from error
        raise corrupt_row(connection, name, row["body"], error) from error


ENDS_AT = "SELECT 1 WHERE (SELECT coalesce(max(seq), 0) FROM log WHERE run = ?) = ?"
_APPEND = "INSERT INTO log (run, seq, version, event, action, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"


def append_events(run: int, after: int, events: Sequence[Event]) -> Iterator[Statement]:
    """Check that a log ends at `after`, and append events.

    Raises:
        ValueError: there are events and no run.
    """
    if run:
        yield Statement(
            sql=ENDS_AT, values=(run, after), missing_message=f"the log of run {run} does not end at position {after}"
        )
    elif events:
        raise ValueError(f"{len(events)} events for run 0; expected the number of the run that they belong to")
    for seq, event in enumerate(events, after + 1):
        yield _insert_event(run, seq, event)


def _insert_event(run: int, seq: int, event: Event) -> Statement:
    action: str | None = getattr(event, "action", None)
    return Statement(
        sql=_APPEND,
        values=(run, seq, VERSION, event.event, action, event.at, dump(event).decode()),
        duplicate_message=f"action {action!r} of run {run} has a response already",
    )
