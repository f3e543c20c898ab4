"""Model calls, their costs, budgets, rate limits and token counts: statements, and rows as values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator_bridge.model.estimator import DECAY, Ratio
from orchestrator_bridge.model.interface import Usage
from orchestrator_bridge.run.records import BudgetRaised
from orchestrator_bridge.store.interface import BudgetCharge, RateSample, Spending, TokenCalibration
from orchestrator_bridge.store.sql.codec import dump_dollars, read_sources
from orchestrator_bridge.store.sql.statement import Row, Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator_bridge.run.records import CallUsageRecorded, PromptTokensObserved


def to_spending(row: Row) -> Spending:
    """Costs summed by a key."""
    return Spending(
        key=str(row["key"]),
        name=str(row["name"]),
        calls=row["calls"],
        input=row["input"],
        output=row["output"],
        cached=row["cached"],
        cost=Decimal(row["cost"]),
        unknown=Decimal(row["unknown"]),
        complete=bool(row["complete"]),
        sources=read_sources(row["sources"]),
    )


def to_settled_charge(row: Row) -> BudgetCharge:
    """The final charges of a channel, summed."""
    return BudgetCharge(
        key=(0, row["channel"], 0), channel=row["channel"], amount=Decimal(row["amount"]), at=row["at"], open=False
    )


def to_open_charge(row: Row) -> BudgetCharge:
    """The charge of a call that is still reserved."""
    key = (row["run"], row["action"], row["attempt"])
    return BudgetCharge(key=key, channel=row["channel"], amount=Decimal(row["amount"]), at=row["at"], open=True)


def to_budget_grant(row: Row) -> BudgetRaised:
    """A grant beyond a shared budget."""
    return BudgetRaised(question=row["question"], channel=row["channel"], amount=Decimal(row["amount"]), at=row["at"])


def sort_rate_samples(rows: Sequence[Row]) -> list[RateSample]:
    """Attempts in the order in which they were sent."""
    samples = (RateSample(model=row["model"], tokens=row["tokens"], at=row["at"]) for row in rows)
    return sorted(samples, key=lambda sample: sample.at)


def to_token_calibration(row: Row) -> TokenCalibration:
    """The ratio of reported to counted tokens of a model."""
    ratio = Ratio(counted=row["counted"], reported=row["reported"], calls=row["calls"])
    return TokenCalibration(model=row["model"], by=row["by"], ratio=ratio)


_NO_USAGE = Usage()
_UPSERT_CALL = """
INSERT INTO calls (run, action, attempt, agent, model, state, reserved, cost, served, input, output, cached, reasoning, at,
    began_at, expected, cost_source)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, action, attempt) DO UPDATE
SET agent = excluded.agent, model = excluded.model, state = excluded.state,
    reserved = coalesce(excluded.reserved, calls.reserved), cost = excluded.cost, served = excluded.served,
    input = excluded.input, output = excluded.output, cached = excluded.cached, reasoning = excluded.reasoning,
    at = excluded.at, cost_source = excluded.cost_source
"""


def upsert_call(row: CallUsageRecorded) -> Statement:
    """Store an attempt of a call, or its next state, such as from reserved to booked. The reserved amount, the start and the
    expected tokens of a known attempt are kept."""
    usage = row.usage or _NO_USAGE
    what = (row.run, row.action, row.attempt, row.agent, row.model, row.state)
    money = (dump_dollars(row.reserved), dump_dollars(row.cost))
    tokens = (usage.input, usage.output, usage.cached, usage.reasoning)
    return Statement(sql=_UPSERT_CALL, values=(*what, *money, row.served, *tokens, row.at, row.at, row.expected, row.cost_source))


_INSERT_GRANT = "INSERT INTO raises (question, channel, amount, at) VALUES (?, ?, ?, ?)"


def insert_budget_grant(row: BudgetRaised) -> Statement:
    """Store a grant; each question grants once."""
    message = f"question {row.question} has raised a budget already"
    return Statement(
        sql=_INSERT_GRANT, values=(row.question, row.channel, dump_dollars(row.amount), row.at), duplicate_message=message
    )


_UPSERT_CALIBRATION = """
INSERT INTO counting (model, by, counted, reported, calls, at) VALUES (?, ?, ?, ?, 1, ?)
ON CONFLICT (model, by) DO UPDATE
SET counted = counting.counted * ? + excluded.counted, reported = counting.reported * ? + excluded.reported,
    calls = counting.calls + 1, at = excluded.at
"""


def upsert_token_calibration(row: PromptTokensObserved) -> Statement:
    """Count one more call; earlier ones lose weight, as in `Ratio.updated`."""
    values = (row.model, row.by, float(row.counted), float(row.reported), row.at, DECAY, DECAY)
    return Statement(sql=_UPSERT_CALIBRATION, values=values)
