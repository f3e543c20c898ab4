"""Events behind the end of a run's log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.run.events import VERSION, Event, dump
from orchestrator_bridge.store.change import Change

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ENDS_AT = "SELECT 1 WHERE (SELECT coalesce(max(seq), 0) FROM log WHERE run = ?) = ?"
_APPEND = "INSERT INTO log (run, seq, version, event, action, at, body) VALUES (?, ?, ?, ?, ?, ?, ?)"


def appended(run: int, after: int, events: Sequence[Event]) -> Iterator[Change]:
    """The log ends at `after`, and goes on with these events.

    Raises:
        ValueError: there are events and no run.
    """
    if run:
        yield Change(sql=ENDS_AT, values=(run, after), missed=f"the log of run {run} does not end at position {after}")
    elif events:
        raise ValueError(f"{len(events)} events for run 0; expected the number of the run to whose log they belong")
    for seq, event in enumerate(events, after + 1):
        yield _appended(run, seq, event)


def _appended(run: int, seq: int, event: Event) -> Change:
    action: str | None = getattr(event, "action", None)
    return Change(
        sql=_APPEND,
        values=(run, seq, VERSION, event.event, action, event.at, dump(event).decode()),
        taken=f"action {action!r} of run {run} has a response already",
    )
