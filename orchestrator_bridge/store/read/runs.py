"""Runs at a glance, and what they cost."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator_bridge.chat import Place
from orchestrator_bridge.store.codec import load_dollars
from orchestrator_bridge.store.port import CostLine, RunSummary
from orchestrator_bridge.store.read.seen import viewer_params, where_clause

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.store.port import Viewer
    from orchestrator_bridge.store.rows import RunStatus

# Whether the cost is known: a call that was booked without a price makes the whole unknown.
_COST = "CASE WHEN total(state = 'booked' AND cost IS NULL) = 0 THEN dollars_sum(cost) END AS cost"
_RUNS = f"""
SELECT shown.*, count(calls.run) AS calls, total(input + output) AS tokens, {_COST}
FROM (SELECT * FROM runs {{which}} ORDER BY run DESC LIMIT :limit) AS shown LEFT JOIN calls USING (run)
GROUP BY shown.run ORDER BY shown.run DESC
"""
_STATUS = "status = :status"
_SEEN = "((platform = :platform AND channel = :channel) OR person = :person)"
# Without the hint the planner takes the index of all live runs, most of which sleep.
BUSY = "SELECT run FROM runs INDEXED BY runs_busy WHERE status = 'running' AND busy = 1 ORDER BY run"
_COSTS = f"""
SELECT run, agent, model, count(*) AS calls, sum(input) AS input, sum(output) AS output, sum(cached) AS cached, {_COST},
    dollars_sum(CASE WHEN state IN ('reserved', 'unknown') OR (state = 'booked' AND cost IS NULL) THEN reserved END) AS unknown
FROM calls {{which}} GROUP BY run, agent, model ORDER BY run DESC, agent, model
"""
ALL_COSTS = _COSTS.format(which="")
COSTS_OF_RUN = _COSTS.format(which="WHERE run = :run")


def list_runs(
    connection: sqlite3.Connection, limit: int, status: RunStatus | None, viewer: Viewer | None = None
) -> list[RunSummary]:
    """Runs, newest first; those that a viewer may see, where there is one."""
    sql = _RUNS.format(which=where_clause(_STATUS if status else "", _SEEN if viewer else ""))
    values = {"limit": limit, "status": status, **viewer_params(viewer)}
    return [_summary(row) for row in connection.execute(sql, values).fetchall()]


def list_busy_runs(connection: sqlite3.Connection) -> list[int]:
    """Live runs that wait for something but people, oldest first."""
    return [row["run"] for row in connection.execute(BUSY).fetchall()]


def list_costs(connection: sqlite3.Connection, run: int | None) -> list[CostLine]:
    """What one run or all runs cost, newest first."""
    sql = ALL_COSTS if run is None else COSTS_OF_RUN
    return [_cost_line(row) for row in connection.execute(sql, {"run": run}).fetchall()]


def _summary(row: sqlite3.Row) -> RunSummary:
    return RunSummary(
        run=row["run"],
        task=row["task"],
        team=row["team"],
        place=Place(platform=row["platform"], channel=row["channel"], thread=row["thread"]),
        by=row["started_by"],
        status=row["status"],
        busy=row["status"] == "running" and bool(row["busy"]),
        result=row["result"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        calls=row["calls"],
        tokens=int(row["tokens"]),
        cost=load_dollars(row["cost"]),
    )


def _cost_line(row: sqlite3.Row) -> CostLine:
    return CostLine(
        run=row["run"],
        agent=row["agent"],
        model=row["model"],
        calls=row["calls"],
        input=row["input"],
        output=row["output"],
        cached=row["cached"],
        cost=load_dollars(row["cost"]),
        unknown=Decimal(row["unknown"]),
    )
