"""Queries: model calls, their costs, budgets, rate limits and token counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator_bridge.store.postgres.queries.runs import SEEN_RUNS, SOURCES, UNKNOWN, viewer_params
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

if TYPE_CHECKING:
    from datetime import tzinfo

    from orchestrator_bridge.run.records import BudgetRaised
    from orchestrator_bridge.store.interface import BudgetCharge, CostBy, RateSample, Spending, TokenCalibration, Viewer
    from orchestrator_bridge.store.postgres.connection import Connection


_KEYS: Mapping[CostBy, str] = MappingProxyType(
    {
        "call": "calls.run || '/' || action || '/' || attempt",
        "agent": "agent",
        "run": "calls.run",
        "channel": "(platform || ':' || channel) COLLATE \"C\"",
        "person": "(CASE person WHEN '' THEN started_by ELSE person END) COLLATE \"C\"",
        "day": f"floor(calls.at)::bigint / {QUARTER}",
        "model": "CASE served WHEN '' THEN model ELSE served END",
    }
)
_SPENDING = """
SELECT {key} AS key, {name} AS name, count(*) AS calls, sum(input)::bigint AS input, sum(output)::bigint AS output,
    sum(cached)::bigint AS cached, coalesce(sum(cost::numeric), 0)::text AS cost,
    count(*) FILTER (WHERE state = 'booked' AND cost IS NULL) = 0 AS complete, {unknown}, {sources}
FROM calls JOIN runs USING (run) {which} GROUP BY 1 ORDER BY {order}
"""


async def list_spending(
    connection: Connection, by: CostBy, run: int | None = None, zone: tzinfo = UTC, viewer: Viewer | None = None
) -> list[Spending]:
    """Costs summed by a key, with a viewer those that they may see. Newest first for calls, runs and days (of `zone`); highest
    cost first otherwise."""
    key = _KEYS[by]
    sql = _SPENDING.format(
        key=key,
        name="max(started_by)" if by == "person" else key,
        which=where_clause("" if run is None else "calls.run = %(run)s", SEEN_RUNS if viewer else ""),
        order="max(calls.at), 1" if by == "call" else "1",
        unknown=UNKNOWN,
        sources=SOURCES,
    )
    rows = await connection.execute(sql.encode(), {"run": run, **viewer_params(viewer)})
    return order_spending([to_spending(row) async for row in rows], by, zone)


_SETTLED = """
SELECT platform || ':' || channel AS channel, max(calls.at) AS at, coalesce(sum(
    CASE state WHEN 'booked' THEN coalesce(cost, reserved) WHEN 'unknown' THEN reserved END::numeric
), 0)::text AS amount
FROM calls JOIN runs USING (run) WHERE calls.at >= %s AND state <> 'reserved' GROUP BY 1
"""
_OPEN = """
SELECT platform || ':' || channel AS channel, calls.at AS at, coalesce(reserved, '0') AS amount, run, action, attempt
FROM calls JOIN runs USING (run) WHERE calls.at >= %s AND state = 'reserved'
"""
_GRANTS = "SELECT question, channel, amount, at FROM raises WHERE at >= %s ORDER BY at"


async def list_budget_charges(connection: Connection, since: float) -> list[BudgetCharge]:
    """Charges since a time: summed by channel where they are final, and one for each call that is still reserved."""
    settled = [to_settled_charge(row) async for row in await connection.execute(_SETTLED, (since,))]
    return settled + [to_open_charge(row) async for row in await connection.execute(_OPEN, (since,))]


async def list_budget_grants(connection: Connection, since: float) -> list[BudgetRaised]:
    """Grants since a time, oldest first."""
    return [to_budget_grant(row) async for row in await connection.execute(_GRANTS, (since,))]


# A row is last written after its call began, so the index on that time finds all rows that are wanted, and few others.
_RATE_SAMPLES = """
SELECT model, began_at AS at, CASE state WHEN 'booked' THEN input + output ELSE expected END AS tokens
FROM calls WHERE at >= %(since)s AND began_at > %(since)s
"""
_CALIBRATIONS = "SELECT model, by, counted, reported, calls FROM counting ORDER BY model, by"


async def list_rate_samples(connection: Connection, since: float) -> list[RateSample]:
    """Attempts that were sent after a time, oldest first."""
    return sort_rate_samples(await (await connection.execute(_RATE_SAMPLES, {"since": since})).fetchall())


async def list_token_calibrations(connection: Connection) -> list[TokenCalibration]:
    """Token calibrations by model."""
    return [to_token_calibration(row) async for row in await connection.execute(_CALIBRATIONS)]
