"""Queries and statements: runs, and what they cost. Also the condition by which a viewer sees runs and questions."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator_bridge.chat.inbound import ExternalAgent, Place
from orchestrator_bridge.store.interface import CostLine, RunSummary
from orchestrator_bridge.store.sqlite.codec import load_dollars, read_sources
from orchestrator_bridge.store.sqlite.writer import Statement

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.run.records import RunBusy, RunClosed, RunMessageLinked, RunOpened, RunStatus
    from orchestrator_bridge.store.interface import Viewer


_OPEN = """
INSERT INTO runs (run, task, team, platform, channel, thread, started_by, person, started_at, token, outsider, wish, guest)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_NOBODY = ExternalAgent(token="", agent="")
_CLOSE = "UPDATE runs SET status = ?, result = ?, ended_at = ? WHERE run = ? AND status = 'running'"
_BUSY = "UPDATE runs SET busy = ? WHERE run = ?"
_LINK_MESSAGE = """
INSERT INTO places (platform, channel, message, inside, thread, run) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (platform, channel, message) DO UPDATE
SET inside = excluded.inside, thread = excluded.thread, run = excluded.run, question = NULL
"""


def insert_run(row: RunOpened) -> Statement:
    """Store a new run under its number."""
    place, outside = row.place, row.outside or _NOBODY
    who = (row.by, row.person, row.at, outside.token, outside.agent, outside.wish, int(outside.asks))
    return Statement(
        sql=_OPEN,
        values=(row.run, row.task, row.team, place.platform, place.channel, place.thread, *who),
        duplicate_message=f"run {row.run} exists already",
    )


def close_run(row: RunClosed) -> Statement:
    """Store the end of a live run; a second end changes nothing."""
    return Statement(sql=_CLOSE, values=(row.status, row.result, row.at, row.run))


def set_run_busy(row: RunBusy) -> Statement:
    """Note whether a run waits for something other than people."""
    return Statement(sql=_BUSY, values=(int(row.busy), row.run))


def link_run_message(row: RunMessageLinked) -> Statement:
    """Link a message and its thread to a run, in place of an earlier link."""
    place = row.place
    return Statement(sql=_LINK_MESSAGE, values=(place.platform, place.channel, row.message, place.thread, row.thread, row.run))


def where_clause(*conditions: str) -> str:
    """WHERE clause of those conditions that are not empty."""
    given = " AND ".join(condition for condition in conditions if condition)
    return f"WHERE {given}" if given else ""


def viewer_params(viewer: Viewer | None) -> dict[str, str]:
    """Parameters of the conditions on a viewer; `asked_as` is a JSON array."""
    if viewer is None:
        return {}
    place = {"platform": viewer.place.platform, "channel": viewer.place.channel}
    return {**place, "person": viewer.person, "asked_as": json.dumps(viewer.asked_as)}


# NULL if a part is unknown: a call that was booked without a price makes the whole sum unknown.
_COST = "CASE WHEN total(state = 'booked' AND cost IS NULL) = 0 THEN dollars_sum(cost) END AS cost"
_RUNS = f"""
SELECT shown.*, count(calls.run) AS calls, total(input + output) AS tokens, {_COST}
FROM (SELECT * FROM runs {{which}} ORDER BY run DESC LIMIT :limit) AS shown LEFT JOIN calls USING (run)
GROUP BY shown.run ORDER BY shown.run DESC
"""
_STATUS = "status = :status"
_SEEN = "((platform = :platform AND channel = :channel) OR person = :person)"
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
    return [_summary(row) for row in connection.execute(sql, values).fetchall()]


def list_busy_runs(connection: sqlite3.Connection) -> list[int]:
    """Live runs that wait for something other than people, oldest first."""
    return [row["run"] for row in connection.execute(BUSY).fetchall()]


def list_costs(connection: sqlite3.Connection, run: int | None = None, viewer: Viewer | None = None) -> list[CostLine]:
    """Costs of one run or of all, by run, agent and model, newest run first; with a viewer, those that the viewer may see."""
    sql = _COSTS.format(which=where_clause("" if run is None else "run = :run", SEEN_RUNS if viewer else ""))
    return [_cost_line(row) for row in connection.execute(sql, {"run": run, **viewer_params(viewer)}).fetchall()]


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
        sources=read_sources(row["sources"]),
    )
