"""What counts against shared budgets: the calls and the raises since a moment."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator_bridge.store.port import BudgetCharge
from orchestrator_bridge.store.rows import BudgetRaised

if TYPE_CHECKING:
    import sqlite3

SETTLED = """
SELECT platform || ':' || channel AS channel, max(calls.at) AS at,
    dollars_sum(CASE state WHEN 'booked' THEN coalesce(cost, reserved) WHEN 'unknown' THEN reserved END) AS amount
FROM calls JOIN runs USING (run) WHERE calls.at >= :since AND state <> 'reserved' GROUP BY 1
"""
OPEN = """
SELECT platform || ':' || channel AS channel, calls.at AS at, coalesce(reserved, '0') AS amount, run, action, attempt
FROM calls JOIN runs USING (run) WHERE calls.at >= :since AND state = 'reserved'
"""
GRANTS = "SELECT question, channel, amount, at FROM raises WHERE at >= :since ORDER BY at"


def list_budget_charges(connection: sqlite3.Connection, since: float) -> list[BudgetCharge]:
    """What is settled, summed by channel, and every call that is still reserved."""
    settled = [
        BudgetCharge(key=(0, row["channel"], 0), channel=row["channel"], amount=Decimal(row["amount"]), at=row["at"], open=False)
        for row in connection.execute(SETTLED, {"since": since}).fetchall()
    ]
    reserved = [
        BudgetCharge(
            key=(row["run"], row["action"], row["attempt"]),
            channel=row["channel"],
            amount=Decimal(row["amount"]),
            at=row["at"],
            open=True,
        )
        for row in connection.execute(OPEN, {"since": since}).fetchall()
    ]
    return settled + reserved


def list_budget_grants(connection: sqlite3.Connection, since: float) -> list[BudgetRaised]:
    """What people have granted, in the order of time."""
    return [
        BudgetRaised(question=row["question"], channel=row["channel"], amount=Decimal(row["amount"]), at=row["at"])
        for row in connection.execute(GRANTS, {"since": since}).fetchall()
    ]
