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
    """Dispatch an event to its reducer. The most frequent events come first, since the cases are tried in order."""
    match event:
        case e.CallStarted():
            return calls.on_call_started(state, event)
        case e.Responded():
            return calls.on_responded(state, event)
        case e.ToolStarted():
            return tools.on_tool_started(state, event)
        case e.ToolReturned():
            return tools.on_tool_returned(state, event)
        case e.Replied():
            return questions.on_replied(state, event)
        case e.QuestionAsked():
            return questions.on_question_asked(state, event)
        case e.QuestionPosted():
            return questions.on_question_posted(state, event)
        case e.QuestionSettled():
            return questions.on_question_settled(state, event)
        case e.CallHeld():
            return calls.on_call_held(state, event)
        case e.CallFailed():
            return calls.on_call_failed(state, event)
        case e.RetryDue():
            return calls.on_retry_due(state, event)
        case e.StragglerDue():
            return calls.on_straggler_due(state, event)
        case e.Resumed():
            return calls.on_resumed(state, event)
        case e.QuestionRefused():
            return questions.on_question_refused(state, event)
        case e.QuestionJoined():
            return questions.on_question_joined(state, event)
        case e.AskedAgain():
            return questions.on_asked_again(state, event)
        case e.CardLost():
            return questions.on_card_lost(state, event)
        case e.Unreplied():
            return questions.on_unreplied(state, event)
        case e.Passed():
            return questions.on_passed(state, event)
        case e.Extended():
            return questions.on_extended(state, event)
        case e.Reminded():
            return questions.on_reminded(state, event)
        case e.Escalated():
            return questions.on_escalated(state, event)
        case e.Rested():
            return questions.on_rested(state, event)
        case e.Woken():
            return questions.on_woken(state, event)
        case e.FallbackBegan():
            return questions.on_fallback_began(state, event)
        case e.ToolsListed():
            return tools.on_tools_listed(state, event)
        case e.ApprovalAsked():
            return tools.on_approval_asked(state, event)
        case e.GuestAsked():
            return run.on_guest_asked(state, event)
        case e.Guided():
            return run.on_guided(state, event)
        case e.BoundReached():
            return run.on_bound_reached(state, event)
        case e.BudgetNeared():
            return run.on_budget_neared(state, event)
        case e.MoreAsked():
            return run.on_more_asked(state, event)
        case e.BackupTaken():
            return run.on_backup_taken(state, event)
        case e.AgentRetired():
            return run.on_agent_retired(state, event)
        case e.RunFinished():
            return run.on_run_finished(state, event)
        case e.RunFailed():
            return run.on_run_failed(state, event)
        case e.RunCancelled():
            return run.on_run_cancelled(state, event)
        case e.RunStarted():  # the first event, of which `initial_state` has been made
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
