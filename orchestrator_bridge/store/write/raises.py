"""What people grant beyond a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Change
from orchestrator_bridge.store.codec import dump_dollars

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import BudgetRaised

_RAISE = "INSERT INTO raises (question, channel, amount, at) VALUES (?, ?, ?, ?)"


def raised(row: BudgetRaised) -> Change:
    """One grant for each question."""
    taken = f"question {row.question} has raised a budget already"
    return Change(sql=_RAISE, values=(row.question, row.channel, dump_dollars(row.amount), row.at), taken=taken)
