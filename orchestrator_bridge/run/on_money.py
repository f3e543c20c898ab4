"""What the events of budgets mean for a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator_bridge.frozen import replace
from orchestrator_bridge.money.more import parse_grant
from orchestrator_bridge.question.values import Outcome
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.change import update_question
from orchestrator_bridge.run.state import Pause, RunState


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


MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {
    e.BudgetNeared: _on_budget_neared,
    e.MoreAsked: _on_more_asked,
}
