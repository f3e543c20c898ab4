"""Queries: model calls, their costs, budgets, rate limits and token counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.store.spending import QUARTER, order_spending
from orchestrator_bridge.store.sql.statement import where_clause
from orchestrator_bridge.store.sql.usage import (
    sort_rate_samples,
    to_budget_grant,
    to_open_charge,
    to_settled_charge,
    to_spending,
    to_token_calibration,
)
from orchestrator_bridge.store.sqlite.queries.runs import SEEN_RUNS, viewer_params

if TYPE_CHECKING:
    import sqlite3
    from datetime import tzinfo

    from orchestrator_bridge.run.records import BudgetRaised
    from orchestrator_bridge.store.interface import BudgetCharge, CostBy, RateSample, Spending, TokenCalibration, Viewer


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
    rows = connection.execute(sql, {"run": run, **viewer_params(viewer)}).fetchall()
    return order_spending([to_spending(row) for row in rows], by, zone)


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
    settled = [to_settled_charge(row) for row in connection.execute(SETTLED, {"since": since}).fetchall()]
    return settled + [to_open_charge(row) for row in connection.execute(OPEN, {"since": since}).fetchall()]


def list_budget_grants(connection: sqlite3.Connection, since: float) -> list[BudgetRaised]:
    """Grants since a time, oldest first."""
    return [to_budget_grant(row) for row in connection.execute(GRANTS, {"since": since}).fetchall()]


# A row is last written after its call began, so the index on that time finds all rows that are wanted, and few others.
RATE_SAMPLES = """
SELECT model, began_at AS at, CASE state WHEN 'booked' THEN input + output ELSE expected END AS tokens
FROM calls WHERE at >= :since AND began_at > :since
"""


def list_rate_samples(connection: sqlite3.Connection, since: float) -> list[RateSample]:
    """Attempts that were sent after a time, oldest first."""
    return sort_rate_samples(connection.execute(RATE_SAMPLES, {"since": since}).fetchall())


_CALIBRATIONS = "SELECT model, by, counted, reported, calls FROM counting ORDER BY model, by"


def list_token_calibrations(connection: sqlite3.Connection) -> list[TokenCalibration]:
    """Token calibrations by model."""
    return [to_token_calibration(row) for row in connection.execute(_CALIBRATIONS).fetchall()]
