"""Events behind the end of a run's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.run.events import VERSION, Event, dump
from orchestrator_bridge.store.change import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
