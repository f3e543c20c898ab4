"""What bounds a run: calls, tokens, money and time. Money counts what is booked, what is reserved, and what nobody knows."""

from __future__ import annotations

from decimal import Decimal

from orchestrator_bridge.money.standing import BudgetStatus, say_budget
from orchestrator_bridge.run.events import Bound
from orchestrator_bridge.run.state import RunState

NAMES: dict[Bound, str] = {"calls": "model calls", "tokens": "tokens", "wall": "time"}
"""The bounds that are no budgets in words for people."""


def say_bound(bound: Bound, limit: Decimal | None) -> str:
    """What ended a run, in words for people; a budget with its limit in US dollars."""
    if bound in ("money", "channel", "day") and limit is not None:
        return say_budget(bound, limit)
    return f"its bound on {NAMES.get(bound, bound)}"


def used_up(state: RunState) -> Bound | None:
    """The bound that allows no further call, budgets aside: they are looked at before each call, with what it may cost."""
    bounds, spent = state.team.bounds, state.spent
    if spent.wall >= bounds.wall:
        return "wall"
    if spent.calls >= bounds.calls:
        return "calls"
    return "tokens" if spent.tokens >= bounds.tokens else None


def own_budget(state: RunState) -> BudgetStatus:
    """How the run's own budget stands; what people have granted beyond it is part of it."""
    return BudgetStatus(budget="money", limit=state.team.bounds.money + state.raised, used=committed(state))


def committed(state: RunState) -> Decimal:
    """US dollars booked, unknown, and reserved for calls under way."""
    reserved = sum((call.reserved or Decimal(0) for call in state.calls.values() if call.phase == "out"), Decimal(0))
    return state.spent.cost + state.spent.unknown + reserved
