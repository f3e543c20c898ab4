"""Calls and what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.model.port import Usage
from orchestrator_bridge.store.change import Statement
from orchestrator_bridge.store.codec import dump_dollars

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import CallUsageRecorded

_NOTHING = Usage()
_UPSERT_CALL = """
INSERT INTO calls (run, action, attempt, agent, model, state, reserved, cost, served, input, output, cached, reasoning, at,
    began_at, expected)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, action, attempt) DO UPDATE
SET agent = excluded.agent, model = excluded.model, state = excluded.state,
    reserved = coalesce(excluded.reserved, reserved), cost = excluded.cost, served = excluded.served,
    input = excluded.input, output = excluded.output, cached = excluded.cached, reasoning = excluded.reasoning,
    at = excluded.at
"""


def upsert_call(row: CallUsageRecorded) -> Statement:
    """The same attempt again moves it on, such as from reserved to booked; what was reserved, when it began and what was expected
    of it are kept."""
    usage = row.usage or _NOTHING
    what = (row.run, row.action, row.attempt, row.agent, row.model, row.state)
    money = (dump_dollars(row.reserved), dump_dollars(row.cost))
    tokens = (usage.input, usage.output, usage.cached, usage.reasoning)
    return Statement(sql=_UPSERT_CALL, values=(*what, *money, row.served, *tokens, row.at, row.at, row.expected))
