"""Event logs of runs: statements, and rows as events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator_bridge.run.events import VERSION, Event, dump, load
from orchestrator_bridge.store.interface import LogRow, SchemaTooNew, StoreError, UnreadableLog
from orchestrator_bridge.store.sql.statement import Damaged, Row, Statement, corrupt_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


def to_event(row: Row, damaged: Damaged) -> Event:
    """The event of a row.

    Raises:
        SchemaTooNew: a newer release wrote it.
        Corrupted: it is not an event.
    """
    try:
        return load(row["version"], row["body"])
    except ValueError as error:
        name = f"event {row['seq']} of run {row['run']}"
        if row["version"] > VERSION:
            expected, fix = f"version {VERSION} or older", "Use the release that wrote it, or a newer one"
            raise SchemaTooNew(f"{name} has version {row['version']}", expected, fix) from error
        raise corrupt_row(damaged, name, row["body"], error) from error


def to_log_row(row: Row, damaged: Damaged) -> LogRow:
    """A row of a log, also one that cannot be read."""
    try:
        return LogRow(seq=row["seq"], event=to_event(row, damaged))
    except StoreError as error:
        return LogRow(seq=row["seq"], fault=error)


def unreadable_logs(rows: Iterable[Row], damaged: Damaged) -> tuple[UnreadableLog, ...]:
    """Runs with unreadable rows, from the rows of all logs."""
    found: dict[int, UnreadableLog] = {}
    for raw in rows:
        row = to_log_row(raw, damaged)
        if row.fault is not None:
            known = found.get(raw["run"])
            first = UnreadableLog(run=raw["run"], seq=row.seq, fault=row.fault, rows=1)
            found[raw["run"]] = first if known is None else replace(known, rows=known.rows + 1)
    return tuple(found.values())


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
