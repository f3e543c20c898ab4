"""A run's log, and the rows of it that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.run.events import VERSION, Event, dump, load
from orchestrator_bridge.store.interface import LogRow, SchemaTooNew, StoreError, UnreadableLog
from orchestrator_bridge.store.sqlite.errors import corrupt_row
from orchestrator_bridge.store.sqlite.writer import Statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence


# As bytes: SQLite would refuse a text that is no UTF-8 without a word on which row it is.
_BODY = "version, CAST(body AS BLOB) AS body"
EVENTS = f"SELECT run, seq, {_BODY} FROM log WHERE run = ? AND seq > ? ORDER BY seq"
EVERYTHING = f"SELECT run, seq, {_BODY} FROM log"


def list_events(connection: sqlite3.Connection, run: int, after: int) -> list[Event]:
    """The events behind a position.

    Raises:
        SchemaTooNew: a newer release wrote one of them.
        Corrupted: one of them is not an event.
    """
    return [_event(connection, row) for row in connection.execute(EVENTS, (run, after)).fetchall()]


def list_log_rows(connection: sqlite3.Connection, run: int) -> list[LogRow]:
    """Every row of a run's log, those too that cannot be read."""
    return [_row(connection, row) for row in connection.execute(EVENTS, (run, 0)).fetchall()]


def unreadable_logs(connection: sqlite3.Connection) -> tuple[UnreadableLog, ...]:
    """The runs in whose logs something cannot be read. Looks at every row of every log."""
    found: dict[int, UnreadableLog] = {}
    for raw in connection.execute(EVERYTHING):
        row = _row(connection, raw)
        if row.fault is not None:
            first = found.get(raw["run"])
            count = first.rows + 1 if first else 1
            seq, fault = (first.seq, first.fault) if first else (row.seq, row.fault)
            found[raw["run"]] = UnreadableLog(run=raw["run"], seq=seq, fault=fault, rows=count)
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
        what = f"event {row['seq']} of run {row['run']}"
        if row["version"] > VERSION:
            expected, mend = f"version {VERSION} or older", "Use the release that wrote it, or a newer one"
            raise SchemaTooNew(f"{what} is of version {row['version']}", expected, mend) from error
        raise corrupt_row(connection, what, row["body"], error) from error


ENDS_AT = "SELECT 1 WHERE (SELECT coalesce(max(seq), 0) FROM log WHERE run = ?) = ?"
_APPEND = "INSERT INTO log (run, seq, version, event, action, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"


def append_events(run: int, after: int, events: Sequence[Event]) -> Iterator[Statement]:
    """The log ends at `after`, and goes on with these events.

    Raises:
        ValueError: there are events and no run.
    """
    if run:
        yield Statement(
            sql=ENDS_AT, values=(run, after), missing_message=f"the log of run {run} does not end at position {after}"
        )
    elif events:
        raise ValueError(f"{len(events)} events for run 0; expected the number of the run to whose log they belong")
    for seq, event in enumerate(events, after + 1):
        yield _insert_event(run, seq, event)


def _insert_event(run: int, seq: int, event: Event) -> Statement:
    action: str | None = getattr(event, "action", None)
    return Statement(
        sql=_APPEND,
        values=(run, seq, VERSION, event.event, action, event.at, dump(event).decode()),
        duplicate_message=f"action {action!r} of run {run} has a response already",
    )
