"""What people grant beyond a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Statement
from orchestrator_bridge.store.codec import dump_dollars

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import BudgetRaised

_INSERT_GRANT = "INSERT INTO raises (question, channel, amount, at) VALUES (?, ?, ?, ?)"


def insert_budget_grant(row: BudgetRaised) -> Statement:
    """One grant for each question."""
    taken = f"question {row.question} has raised a budget already"
    return Statement(
        sql=_INSERT_GRANT, values=(row.question, row.channel, dump_dollars(row.amount), row.at), duplicate_message=taken
    )
