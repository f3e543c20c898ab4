"""Queries: runs, and what they cost. Also the condition by which a viewer sees runs and questions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from orchestrator_bridge.store.sql.runs import to_cost_line, to_run_summary
from orchestrator_bridge.store.sql.statement import where_clause

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.run.records import RunStatus
    from orchestrator_bridge.store.interface import CostLine, RunSummary, Viewer


def viewer_params(viewer: Viewer | None) -> dict[str, str]:
    """Parameters of the conditions on a viewer; `persons` and `asked_as` are JSON arrays."""
    if viewer is None:
        return {}
    place = {"platform": viewer.place.platform, "channel": viewer.place.channel} if viewer.place else {}
    people = {"persons": json.dumps(viewer.persons), "asked_as": json.dumps(viewer.asked_as)}
    return {"platform": "", "channel": "", **place, **people}


# NULL if a part is unknown: a call that was booked without a price makes the whole sum unknown.
_COST = "CASE WHEN total(state = 'booked' AND cost IS NULL) = 0 THEN dollars_sum(cost) END AS cost"
_RUNS = f"""
SELECT shown.*, count(calls.run) AS calls, total(input + output) AS tokens, {_COST}
FROM (SELECT * FROM runs {{which}} ORDER BY run DESC LIMIT :limit) AS shown LEFT JOIN calls USING (run)
GROUP BY shown.run ORDER BY shown.run DESC
"""
_STATUS = "status = :status"
_SEEN = "((platform = :platform AND channel = :channel) OR person IN (SELECT value FROM json_each(:persons)))"
# Without the INDEXED BY hint the planner takes the index of all live runs, most of which are idle.
BUSY = "SELECT run FROM runs INDEXED BY runs_busy WHERE status = 'running' AND busy = 1 ORDER BY run"
_COSTS = f"""
SELECT run, agent, model, count(*) AS calls, sum(input) AS input, sum(output) AS output, sum(cached) AS cached, {_COST},
    dollars_sum(CASE WHEN state IN ('reserved', 'unknown') OR (state = 'booked' AND cost IS NULL) THEN reserved END) AS unknown,
    group_concat(DISTINCT nullif(cost_source, '')) AS sources
FROM calls {{which}} GROUP BY run, agent, model ORDER BY run DESC, agent, model
"""
SEEN_RUNS = f"calls.run IN (SELECT runs.run FROM runs WHERE {_SEEN})"
"""Condition on calls: those of runs that the viewer may see."""


def list_runs(
    connection: sqlite3.Connection, limit: int = 50, status: RunStatus | None = None, viewer: Viewer | None = None
) -> list[RunSummary]:
    """Runs, newest first; with a viewer, those that the viewer may see."""
    sql = _RUNS.format(which=where_clause(_STATUS if status else "", _SEEN if viewer else ""))
    values = {"limit": limit, "status": status, **viewer_params(viewer)}
    return [to_run_summary(row) for row in connection.execute(sql, values).fetchall()]


def list_busy_runs(connection: sqlite3.Connection) -> list[int]:
    """Live runs that wait for something other than people, oldest first."""
    return [row["run"] for row in connection.execute(BUSY).fetchall()]


def list_costs(connection: sqlite3.Connection, run: int | None = None, viewer: Viewer | None = None) -> list[CostLine]:
    """Costs of one run or of all, by run, agent and model, newest run first; with a viewer, those that the viewer may see."""
    sql = _COSTS.format(which=where_clause("" if run is None else "run = :run", SEEN_RUNS if viewer else ""))
    return [to_cost_line(row) for row in connection.execute(sql, {"run": run, **viewer_params(viewer)}).fetchall()]
