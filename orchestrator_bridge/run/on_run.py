"""What the events of the run itself mean: guidance, bounds, retirement, the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator_bridge.frozen import replace
from orchestrator_bridge.question import hear
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.change import agent_responder, charge_unknown, remove_call, update_agent, update_question
from orchestrator_bridge.run.state import AgentMessage, End, RunState
from orchestrator_bridge.text import one_line


def _on_guided(state: RunState, event: e.Guided) -> RunState:
    author = one_line(event.author.name, 80).replace('"', "'")
    news = AgentMessage(seq=state.seq, kind="guidance", text=event.text, author=author, files=event.files)
    return replace(state, messages=(*state.messages, news))


def _on_bound_reached(state: RunState, event: e.BoundReached) -> RunState:
    return state if state.bound else replace(state, bound=event.bound, limit=event.limit)


def _on_backup_taken(state: RunState, event: e.BackupTaken) -> RunState:
    return update_agent(state, event.agent, backed_up=True, failure=None)


def _on_agent_retired(state: RunState, event: e.AgentRetired) -> RunState:
    """A retired agent's votes go, its answers stay, and it is out of every question as a peer."""
    state = update_agent(state, event.agent, retired=event.reason, vote=None)
    calls = [call for call in state.calls.values() if call.agent == event.agent]
    state = charge_unknown(state, calls)
    for call in calls:
        state = remove_call(state, call.action)
    for question in state.questions.values():
        state = update_question(state, hear.passed(question, agent_responder(event.agent)))
    return state


def _on_run_finished(state: RunState, event: e.RunFinished) -> RunState:
    return _ended(state, End(status="finished", text=event.text, how=event.how, by=event.by))


def _on_run_failed(state: RunState, event: e.RunFailed) -> RunState:
    return _ended(state, End(status="failed", text=event.reason))


def _on_run_cancelled(state: RunState, event: e.RunCancelled) -> RunState:
    return _ended(state, End(status="cancelled", text=f"Cancelled by {event.by.name}.", by=event.by.name))


def _ended(state: RunState, end: End) -> RunState:
    return replace(charge_unknown(state, state.calls.values()), end=end, calls={}, asks={}, uses={})


MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {
    e.Guided: _on_guided,
    e.BoundReached: _on_bound_reached,
    e.BackupTaken: _on_backup_taken,
    e.AgentRetired: _on_agent_retired,
    e.RunFinished: _on_run_finished,
    e.RunFailed: _on_run_failed,
    e.RunCancelled: _on_run_cancelled,
}
