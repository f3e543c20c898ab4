"""Queries: runs, and what they cost. Also the condition by which a viewer sees runs and questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.sql.runs import to_cost_line, to_run_summary
from orchestrator_bridge.store.sql.statement import where_clause

if TYPE_CHECKING:
    from orchestrator_bridge.run.records import RunStatus
    from orchestrator_bridge.store.interface import CostLine, RunSummary, Viewer
    from orchestrator_bridge.store.postgres.connection import Connection


# NULL if a part is unknown: a call that was booked without a price makes the whole sum unknown.
_COST = """
CASE WHEN count(*) FILTER (WHERE state = 'booked' AND cost IS NULL) = 0 THEN coalesce(sum(cost::numeric), 0)::text END AS cost
"""
UNKNOWN = """
coalesce(
    sum(reserved::numeric) FILTER (WHERE state IN ('reserved', 'unknown') OR (state = 'booked' AND cost IS NULL)), 0
)::text AS unknown
"""
"""Sum of the amounts that are reserved for calls whose bill is not known."""
SOURCES = "string_agg(DISTINCT nullif(cost_source, ''), ',') AS sources"

_RUNS = f"""
SELECT shown.*, sums.calls, sums.tokens, sums.cost
FROM (SELECT * FROM runs {{which}} ORDER BY run DESC LIMIT %(limit)s) AS shown
CROSS JOIN LATERAL (
    SELECT count(*) AS calls, coalesce(sum(input + output), 0)::bigint AS tokens, {_COST} FROM calls WHERE calls.run = shown.run
) AS sums
ORDER BY shown.run DESC
"""
_STATUS = "status = %(status)s"
_SEEN = "((platform = %(platform)s AND channel = %(channel)s) OR person = ANY(%(persons)s::text[]))"
_BUSY = "SELECT run FROM runs WHERE status = 'running' AND busy = 1 ORDER BY run"
_COSTS = f"""
SELECT run, agent, model, count(*) AS calls, sum(input)::bigint AS input, sum(output)::bigint AS output,
    sum(cached)::bigint AS cached, {_COST}, {UNKNOWN}, {SOURCES}
FROM calls {{which}} GROUP BY run, agent, model ORDER BY run DESC, agent, model
"""
SEEN_RUNS = f"calls.run IN (SELECT runs.run FROM runs WHERE {_SEEN})"
"""Condition on calls: those of runs that the viewer may see."""


def viewer_params(viewer: Viewer | None) -> dict[str, object]:
    """Parameters of the conditions on a viewer."""
    if viewer is None:
        return {}
    place = {"platform": viewer.place.platform, "channel": viewer.place.channel} if viewer.place else {}
    return {"platform": "", "channel": "", **place, "persons": list(viewer.persons), "asked_as": list(viewer.asked_as)}


async def list_runs(
    connection: Connection, limit: int = 50, status: RunStatus | None = None, viewer: Viewer | None = None
) -> list[RunSummary]:
    """Runs, newest first; with a viewer, those that the viewer may see."""
    sql = _RUNS.format(which=where_clause(_STATUS if status else "", _SEEN if viewer else ""))
    values = {"limit": limit, "status": status, **viewer_params(viewer)}
    return [to_run_summary(row) async for row in await connection.execute(sql.encode(), values)]


async def list_busy_runs(connection: Connection) -> list[int]:
    """Live runs that wait for something other than people, oldest first."""
    return [row["run"] async for row in await connection.execute(_BUSY)]


async def list_costs(connection: Connection, run: int | None = None, viewer: Viewer | None = None) -> list[CostLine]:
    """Costs of one run or of all, by run, agent and model, newest run first; with a viewer, those that the viewer may see."""
    sql = _COSTS.format(which=where_clause("" if run is None else "run = %(run)s", SEEN_RUNS if viewer else ""))
    rows = await connection.execute(sql.encode(), {"run": run, **viewer_params(viewer)})
    return [to_cost_line(row) async for row in rows]
