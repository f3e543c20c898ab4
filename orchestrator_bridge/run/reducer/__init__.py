"""Reducer of a run: `apply(state, event)` is the state after one more event, `fold(log)` the state of a whole log.

Both are deterministic: no clock, no I/O, no randomness, no order of a set. The log is all that is stored of a run: after
a crash, on an upgrade and in every test the same events must give the same state, else calls would be made and paid twice, and
questions asked twice. So a reducer reads the time from the event and nothing else, and a rule that changes the meaning of an old
event needs a new event.
"""

from __future__ import annotations

from collections.abc import Iterable
from string import ascii_uppercase
from typing import assert_never

from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.reducer import calls, questions, run, tools
from orchestrator_bridge.run.state import AgentState, RunState, Spent

LABELS = ascii_uppercase
"""Labels under which agents see each other's answers: letters, since the names of agents are free text."""


def initial_state(event: e.RunStarted) -> RunState:
    """The state after a run's first event."""
    external = (run.external_agent_spec(event.outside, event.team),) if event.outside and event.outside.asks else ()
    agents = {
        spec.name: AgentState(spec=spec, label=label)
        for label, spec in zip(LABELS, (*event.team.agents, *external), strict=False)
    }
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
        thread=event.thread,
        model=event.model,
        continues=event.continues,
    )


def apply(state: RunState, event: e.Event) -> RunState:
    """The state after one more event. A run that has ended only advances its position."""
    if state.end is not None:
        return replace(state, seq=state.seq + 1)
    return _reduce(replace(state, seq=state.seq + 1, at=event.at, spent=_with_wall_time(state, event)), event)


def _with_wall_time(state: RunState, event: e.Event) -> Spent:
    """Add the time since the last event to the run's wall time, which its bound limits.

    It stands still while only people are awaited, or a run would end because somebody went to lunch; and while the process is
    down, since nothing worked for the run meanwhile.
    """
    passed = event.at - state.at
    if passed <= 0 or not state.busy or isinstance(event, e.Resumed):
        return state.spent
    return replace(state.spent, wall=state.spent.wall + passed)


def _reduce(state: RunState, event: e.Event) -> RunState:  # noqa: C901  (one case an event)
    """Dispatch an event to its reducer, by its tag: comparing strings is several times faster than matching classes.

    The most frequent events come first, since the cases are tried in order. mypy narrows the event by its tag, and reports a
    missing case at `assert_never`.
    """
    match event.event:
        case "call_started":
            return calls.on_call_started(state, event)
        case "responded":
            return calls.on_responded(state, event)
        case "tool_started":
            return tools.on_tool_started(state, event)
        case "tool_returned":
            return tools.on_tool_returned(state, event)
        case "replied":
            return questions.on_replied(state, event)
        case "question_asked":
            return questions.on_question_asked(state, event)
        case "question_posted":
            return questions.on_question_posted(state, event)
        case "question_settled":
            return questions.on_question_settled(state, event)
        case "call_held":
            return calls.on_call_held(state, event)
        case "call_failed":
            return calls.on_call_failed(state, event)
        case "retry_due":
            return calls.on_retry_due(state, event)
        case "straggler_due":
            return calls.on_straggler_due(state, event)
        case "resumed":
            return calls.on_resumed(state, event)
        case "question_refused":
            return questions.on_question_refused(state, event)
        case "question_joined":
            return questions.on_question_joined(state, event)
        case "decisions_offered":
            return questions.on_decisions_offered(state, event)
        case "decision_used":
            return questions.on_decision_used(state, event)
        case "asked_again":
            return questions.on_asked_again(state, event)
        case "card_lost":
            return questions.on_card_lost(state, event)
        case "unreplied":
            return questions.on_unreplied(state, event)
        case "passed":
            return questions.on_passed(state, event)
        case "extended":
            return questions.on_extended(state, event)
        case "reminded":
            return questions.on_reminded(state, event)
        case "escalated":
            return questions.on_escalated(state, event)
        case "rested":
            return questions.on_rested(state, event)
        case "woken":
            return questions.on_woken(state, event)
        case "fallback_began":
            return questions.on_fallback_began(state, event)
        case "tools_listed":
            return tools.on_tools_listed(state, event)
        case "approval_asked":
            return tools.on_approval_asked(state, event)
        case "guest_asked":
            return run.on_guest_asked(state, event)
        case "guided":
            return run.on_guided(state, event)
        case "thread_read":
            return replace(state, context=event.context)
        case "bound_reached":
            return run.on_bound_reached(state, event)
        case "budget_neared":
            return run.on_budget_neared(state, event)
        case "more_asked":
            return run.on_more_asked(state, event)
        case "backup_taken":
            return run.on_backup_taken(state, event)
        case "agent_retired":
            return run.on_agent_retired(state, event)
        case "finish_asked":
            return run.on_finish_asked(state, event)
        case "run_finished":
            return run.on_run_finished(state, event)
        case "run_failed":
            return run.on_run_failed(state, event)
        case "run_cancelled":
            return run.on_run_cancelled(state, event)
        case "run_started":  # the first event, of which `initial_state` has been made
            return state
        case _:
            assert_never(event)


def fold(log: Iterable[e.Event]) -> RunState:
    """The state of a run from its whole log.

    Raises:
        ValueError: the log is empty or does not begin with `RunStarted`.
    """
    events = iter(log)
    first = next(events, None)
    if not isinstance(first, e.RunStarted):
        raise ValueError(f"found: a log that begins with {first.event if first else 'nothing'}; expected: run_started")
    state = initial_state(first)
    for event in events:
        state = apply(state, event)
    return state
