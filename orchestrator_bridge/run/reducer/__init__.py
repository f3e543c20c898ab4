"""`apply(state, event)`: the state of a run after one more event. A plain function: no clock, no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from string import ascii_uppercase
from typing import Any

from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.reducer import calls, questions, run, tools
from orchestrator_bridge.run.reducer.run import guest_of
from orchestrator_bridge.run.state import AgentState, RunState, Spent

LABELS = ascii_uppercase
"""Under which others see an agent's answers. Letters, for agents have names of their own choice."""

_MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {
    **calls.MEANINGS,
    **run.EXTERNAL_MEANINGS,
    **run.BUDGET_MEANINGS,
    **questions.MEANINGS,
    **run.MEANINGS,
    **tools.MEANINGS,
}


def initial_state(event: e.RunStarted) -> RunState:
    """The state after a run's first event."""
    specs = (*event.team.agents, *((guest_of(event.outside, event.team),) if event.outside and event.outside.asks else ()))
    agents = {spec.name: AgentState(spec=spec, label=label) for label, spec in zip(LABELS, specs, strict=False)}
    return RunState(
        run=event.run,
        task=event.task,
        team=event.team,
        place=event.place,
        by=event.by,
        askable=event.askable,
        started_at=event.at,
        at=event.at,
        seq=1,
        agents=agents,
        files=event.files,
        notices=event.notices,
        outside=event.outside,
    )


def apply(state: RunState, event: e.Event) -> RunState:
    """The state after one more event. Nothing but its position changes a run that has ended."""
    if state.end is not None:
        return replace(state, seq=state.seq + 1)
    state = replace(state, seq=state.seq + 1, at=event.at, spent=_time_passed(state, event))
    meaning = _MEANINGS.get(type(event))
    return meaning(state, event) if meaning else state


def _time_passed(state: RunState, event: e.Event) -> Spent:
    """Wall time passes while the run is busy; it stands still while only people are awaited, and while the process is down."""
    passed = event.at - state.at
    if passed <= 0 or not state.busy or isinstance(event, e.Resumed):
        return state.spent
    return replace(state.spent, wall=state.spent.wall + passed)


def fold(log: Iterable[e.Event]) -> RunState:
    """The state of a run from its whole log.

    Raises:
        ValueError: the log is empty or does not begin with `RunStarted`.
    """
    events = iter(log)
    first = next(events, None)
    if not isinstance(first, e.RunStarted):
        raise ValueError(f"a run's log begins with run_started, found {first.event if first else 'nothing'}")
    state = initial_state(first)
    for event in events:
        state = apply(state, event)
    return state
