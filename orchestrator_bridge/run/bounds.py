"""What bounds a run: calls, tokens, money and time. Money counts what is booked, what is reserved, and what nobody knows."""

from __future__ import annotations

from decimal import Decimal

from orchestrator_bridge.run.events import Bound
from orchestrator_bridge.run.state import RunState

NAMES: dict[Bound, str] = {"calls": "model calls", "tokens": "tokens", "money": "money", "wall": "time"}
"""The bounds in words for people."""


def used_up(state: RunState) -> Bound | None:
    """The bound that allows no further call."""
    bounds, spent = state.team.bounds, state.spent
    if spent.wall >= bounds.wall:
        return "wall"
    if spent.calls >= bounds.calls:
        return "calls"
    if spent.tokens >= bounds.tokens:
        return "tokens"
    return "money" if committed(state) >= bounds.money else None


def committed(state: RunState) -> Decimal:
    """US dollars booked, unknown, and reserved for calls under way."""
    reserved = sum((call.reserved or Decimal(0) for call in state.calls.values() if call.phase == "out"), Decimal(0))
    return state.spent.cost + state.spent.unknown + reserved
