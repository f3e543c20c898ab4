"""Queries and statements: model calls, their costs, budgets, rate limits and token counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.model.estimator import DECAY, Ratio
from orchestrator_bridge.model.interface import Usage
from orchestrator_bridge.run.records import BudgetRaised
from orchestrator_bridge.store.interface import BudgetCharge, CostBy, RateSample, Spending, TokenCalibration
from orchestrator_bridge.store.sqlite.codec import dump_dollars, read_sources
from orchestrator_bridge.store.sqlite.queries.runs import SEEN_RUNS, viewer_params, where_clause
from orchestrator_bridge.store.sqlite.writer import Statement

if TYPE_CHECKING:
    import sqlite3
    from datetime import tzinfo

    from orchestrator_bridge.run.records import CallUsageRecorded, PromptTokensObserved
    from orchestrator_bridge.store.interface import Viewer


QUARTER = 900
"""Seconds. Every zone of the tz database is a multiple of 15 minutes from UTC, so its days are sums of these intervals."""

_KEYS: Mapping[CostBy, str] = MappingProxyType(
    {
        "call": "calls.run || '/' || action || '/' || attempt",
        "agent": "agent",
        "run": "run",
        "channel": "platform || ':' || channel",
        "person": "CASE person WHEN '' THEN started_by ELSE person END",
        "day": f"CAST(calls.at AS INTEGER) / {QUARTER}",
        "model": "CASE served WHEN '' THEN model ELSE served END",
    }
)
_SPENDING = """
SELECT {key} AS key, {name} AS name, count(*) AS calls, sum(input) AS input, sum(output) AS output, sum(cached) AS cached,
    dollars_sum(cost) AS cost, total(state = 'booked' AND cost IS NULL) = 0 AS complete,
    dollars_sum(CASE WHEN state IN ('reserved', 'unknown') OR (state = 'booked' AND cost IS NULL) THEN reserved END) AS unknown,
    group_concat(DISTINCT nullif(cost_source, '')) AS sources
FROM calls JOIN runs USING (run) {which} GROUP BY 1 ORDER BY {order}
"""


def list_spending(
    connection: sqlite3.Connection, by: CostBy, run: int | None = None, zone: tzinfo = UTC, viewer: Viewer | None = None
) -> list[Spending]:
    """Costs summed by a key, with a viewer those that they may see. Newest first for calls, runs and days (of `zone`); highest
    cost first otherwise."""
    key = _KEYS[by]
    name = "max(started_by)" if by == "person" else key
    which = where_clause("" if run is None else "calls.run = :run", SEEN_RUNS if viewer else "")
    sql = _SPENDING.format(key=key, name=name, which=which, order="max(calls.at), 1" if by == "call" else "1")
    lines = [_spending_line(row) for row in connection.execute(sql, {"run": run, **viewer_params(viewer)}).fetchall()]
    if by == "day":
        return _days(lines, zone)[::-1]
    return lines[::-1] if by in ("call", "run") else sorted(lines, key=lambda line: (-line.cost, line.name))


def _spending_line(row: sqlite3.Row) -> Spending:
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


def _days(quarters: Iterable[Spending], zone: tzinfo) -> list[Spending]:
    """Sum intervals of 15 minutes to days, in order."""
    ordered = sorted(quarters, key=lambda quarter: int(quarter.key))
    return [sum_spending(day, day, lines) for day, lines in groupby(ordered, key=lambda quarter: _day(int(quarter.key), zone))]


def _day(quarter: int, zone: tzinfo) -> str:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=quarter * QUARTER)
    return f"{at.astimezone(zone):%Y-%m-%d}"


def sum_spending(key: str, name: str, lines: Iterable[Spending]) -> Spending:
    """Sum lines to one line."""
    parts = list(lines)
    return Spending(
        key=key,
        name=name,
        calls=sum(part.calls for part in parts),
        input=sum(part.input for part in parts),
        output=sum(part.output for part in parts),
        cached=sum(part.cached for part in parts),
        cost=sum((part.cost for part in parts), Decimal(0)),
        unknown=sum((part.unknown for part in parts), Decimal(0)),
        complete=all(part.complete for part in parts),
        sources=tuple(sorted({source for part in parts for source in part.sources})),
    )


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
    """Charges since a time: summed by channel where they are final, and one for each call that is still reserved."""
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
    """Grants since a time, oldest first."""
    return [
        BudgetRaised(question=row["question"], channel=row["channel"], amount=Decimal(row["amount"]), at=row["at"])
        for row in connection.execute(GRANTS, {"since": since}).fetchall()
    ]


# A row is last written after its call began, so the index on that time finds all rows that are wanted, and few others.
RATE_SAMPLES = """
SELECT model, began_at AS at, CASE state WHEN 'booked' THEN input + output ELSE expected END AS tokens
FROM calls WHERE at >= :since AND began_at > :since
"""


def list_rate_samples(connection: sqlite3.Connection, since: float) -> list[RateSample]:
    """Attempts that were sent after a time, oldest first."""
    rows = connection.execute(RATE_SAMPLES, {"since": since}).fetchall()
    samples = (RateSample(model=row["model"], tokens=row["tokens"], at=row["at"]) for row in rows)
    return sorted(samples, key=lambda sample: sample.at)


_CALIBRATIONS = "SELECT model, by, counted, reported, calls FROM counting ORDER BY model, by"


def list_token_calibrations(connection: sqlite3.Connection) -> list[TokenCalibration]:
    """Token calibrations by model."""
    return [
        TokenCalibration(
            model=row["model"],
            by=row["by"],
            ratio=Ratio(counted=row["counted"], reported=row["reported"], calls=row["calls"]),
        )
        for row in connection.execute(_CALIBRATIONS).fetchall()
    ]


_NO_USAGE = Usage()
_UPSERT_CALL = """
INSERT INTO calls (run, action, attempt, agent, model, state, reserved, cost, served, input, output, cached, reasoning, at,
    began_at, expected, cost_source)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, action, attempt) DO UPDATE
SET agent = excluded.agent, model = excluded.model, state = excluded.state,
    reserved = coalesce(excluded.reserved, reserved), cost = excluded.cost, served = excluded.served,
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
INSERT INTO counting (model, by, counted, reported, calls, at) VALUES (:model, :by, :counted, :reported, 1, :at)
ON CONFLICT (model, by) DO UPDATE
SET counted = counted * :fades + excluded.counted, reported = reported * :fades + excluded.reported, calls = calls + 1,
    at = excluded.at
"""


def upsert_token_calibration(row: PromptTokensObserved) -> Statement:
    """Count one more call; earlier ones lose weight, as in `Ratio.updated`."""
    fields = {name: getattr(row, name) for name in ("model", "by", "counted", "reported", "at")}
    return Statement(sql=_UPSERT_CALIBRATION, values={**fields, "fades": DECAY})
