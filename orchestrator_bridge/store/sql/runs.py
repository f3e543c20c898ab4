"""Runs, and what they cost: statements, and rows as values."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from orchestrator_bridge.chat.inbound import ExternalAgent, Place
from orchestrator_bridge.store.interface import CostLine, RunSummary
from orchestrator_bridge.store.sql.codec import load_dollars, read_sources
from orchestrator_bridge.store.sql.statement import Row, Statement

if TYPE_CHECKING:
    from orchestrator_bridge.run.records import RunBusy, RunClosed, RunMessageLinked, RunOpened


def to_run_summary(row: Row) -> RunSummary:
    """A run as listed."""
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


def to_cost_line(row: Row) -> CostLine:
    """Costs of an agent and model in a run."""
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
