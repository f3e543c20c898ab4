"""What the events of the run itself mean: guidance, bounds, retirement, the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace as _replace
from typing import Any

from orchestrator_bridge.chat.inbound import ExternalAgent
from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.common.text import one_line
from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import Outcome
from orchestrator_bridge.question.system_questions import parse_grant
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.reducer.helpers import agent_responder, charge_unknown, remove_call, update_agent, update_question
from orchestrator_bridge.run.state import AgentMessage, End, Pause, PendingAsk, RunState, Turn, Use
from orchestrator_bridge.team.team import AgentSpec, Team


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
        state = update_question(state, transitions.passed(question, agent_responder(event.agent)))
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


def _on_budget_neared(state: RunState, event: e.BudgetNeared) -> RunState:
    return replace(state, warned=state.warned | {(event.budget, event.limit)})


def _on_more_asked(state: RunState, event: e.MoreAsked) -> RunState:
    return replace(update_question(state, event.question), pause=Pause(question=event.question.id, budget=event.budget))


def decided(state: RunState, question: int, outcome: Outcome) -> RunState:
    """The run goes on once it knows whether it gets more: it asks for the same budget again only after it got some."""
    pause = state.pause
    if pause is None or pause.question != question:
        return state
    more = parse_grant(outcome)
    refused = state.refused if more else state.refused | {pause.budget}
    raised = state.raised + more if pause.budget == "money" else state.raised
    return replace(state, pause=None, raised=raised, refused=refused)


BUDGET_MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {
    e.BudgetNeared: _on_budget_neared,
    e.MoreAsked: _on_more_asked,
}


# A run that is made of the questions of an agent outside: that agent is a guest among the team's, and nobody calls it.
#
# What it asks is a turn of its own with one tool use, so that all else is as for any agent: the use gets one result, which is
# the
# outcome, and the outcome is there for whoever comes back for it.


def guest_of(outside: ExternalAgent, team: Team) -> AgentSpec:
    """The guest among the team's agents. Where a judge is to decide and the team names none, the team's first model judges."""
    return AgentSpec(name=outside.agent, model=team.agents[0].model)


def _on_guest_asked(state: RunState, event: e.GuestAsked) -> RunState:
    guest = state.external_agent
    if guest is None:
        return state
    use = Use(id=event.action, name="ask_others", arguments=event.ask.model_dump_json())
    turn = Turn(seen_from_seq=state.seq, seen_seq=state.seq, text="", uses=(use,))
    state = update_agent(state, guest, turns=(*state.agents[guest].turns, turn))
    return _replace(state, asks={**state.asks, event.action: PendingAsk(agent=guest, use=event.action, ask=event.ask)})


EXTERNAL_MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {e.GuestAsked: _on_guest_asked}
