"""Runs, and the messages and threads in which they are talked about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.outside import ExternalAgent
from orchestrator_bridge.store.change import Statement

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import RunBusy, RunClosed, RunMessageLinked, RunOpened

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
    """A new run; its number is taken from then on."""
    place, outside = row.place, row.outside or _NOBODY
    who = (row.by, row.person, row.at, outside.token, outside.agent, outside.wish, int(outside.asks))
    return Statement(
        sql=_OPEN,
        values=(row.run, row.task, row.team, place.platform, place.channel, place.thread, *who),
        duplicate_message=f"run {row.run} is there already",
    )


def close_run(row: RunClosed) -> Statement:
    """The first end of a run counts."""
    return Statement(sql=_CLOSE, values=(row.status, row.result, row.at, row.run))


def set_run_busy(row: RunBusy) -> Statement:
    """Whether a live run waits for something but people."""
    return Statement(sql=_BUSY, values=(int(row.busy), row.run))


def link_run_message(row: RunMessageLinked) -> Statement:
    """The same message again replaces what was known of it."""
    place = row.place
    return Statement(sql=_LINK_MESSAGE, values=(place.platform, place.channel, row.message, place.thread, row.thread, row.run))
