"""`apply(state, event)`: the state of a run after one more event. A plain function: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import on_call, on_question, on_run
from orchestrator_bridge.run.state import AgentState, RunState

_MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {**on_call.MEANINGS, **on_question.MEANINGS, **on_run.MEANINGS}


def begin(event: e.RunStarted) -> RunState:
    """The state after a run's first event."""
    agents = {spec.name: AgentState(spec=spec, label=f"agent{number}") for number, spec in enumerate(event.team.agents, 1)}
    return RunState(
        run=event.run,
        task=event.task,
        team=event.team,
        place=event.place,
        by=event.by,
        started_at=event.at,
        at=event.at,
        seq=1,
        agents=agents,
    )


def apply(state: RunState, event: e.Event) -> RunState:
    """The state after one more event. Nothing but its position changes a run that has ended."""
    state = replace(state, seq=state.seq + 1)
    if state.end is not None:
        return state
    state = _pass_time(state, event)
    meaning = _MEANINGS.get(type(event))
    return meaning(state, event) if meaning else state


def _pass_time(state: RunState, event: e.Event) -> RunState:
    """Wall time passes while the run is busy; it stands still while only people are awaited, and while the process is down."""
    counts = state.busy and not isinstance(event, e.Resumed)
    wall = state.spent.wall + (max(0.0, event.at - state.at) if counts else 0.0)
    return replace(state, at=event.at, spent=replace(state.spent, wall=wall))


def fold(log: Iterable[e.Event]) -> RunState:
    """The state of a run from its whole log.

    Raises:
        ValueError: the log is empty or does not begin with `RunStarted`.
    """
    events = iter(log)
    first = next(events, None)
    if not isinstance(first, e.RunStarted):
        raise ValueError(f"a run's log begins with run_started, found {first.event if first else 'nothing'}")
    state = begin(first)
    for event in events:
        state = apply(state, event)
    return state
