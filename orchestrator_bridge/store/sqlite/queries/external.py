"""Queries: access tokens of external agents, and the runs and questions that came through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.interface import TokenActivity
from orchestrator_bridge.store.sql.codec import load_dollars
from orchestrator_bridge.store.sql.external import to_external_question, to_external_run, to_token

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.chat.inbound import Place
    from orchestrator_bridge.store.interface import ExternalQuestionSummary, ExternalRun, StoredToken


TOKENS = "SELECT name, hash, terms, made_at, withdrawn_at FROM tokens ORDER BY name"
# Without the INDEXED BY hints the planner scans all questions, or all calls.
OPEN = """
SELECT question FROM runs INDEXED BY runs_of_guests JOIN questions INDEXED BY questions_by_run USING (run)
WHERE runs.status = 'running' AND guest = 1 AND token = :token AND questions.status = 'open'
"""
ASKED = """
SELECT count(*) FROM runs INDEXED BY runs_by_token JOIN questions INDEXED BY questions_by_run USING (run)
WHERE token = :token AND token <> '' AND guest = 1 AND asked_at >= :since
"""
STARTS = """
SELECT count(*) FROM runs INDEXED BY runs_by_token
WHERE token = :token AND token <> '' AND guest = 0 AND started_at >= :since
"""
COST = """
SELECT dollars_sum(CASE WHEN state = 'booked' THEN cost WHEN state IN ('reserved', 'unknown') THEN reserved END)
FROM calls INDEXED BY calls_by_time JOIN runs USING (run) WHERE at >= :since AND token = :token
"""
QUESTIONS = """
SELECT question, run, text, questions.status, told_at FROM runs INDEXED BY runs_by_token
JOIN questions INDEXED BY questions_by_run USING (run)
WHERE token = :token AND token <> '' AND guest = 1 AND outsider = :agent AND platform = :platform AND channel = :channel
    AND asked_at >= :since AND questions.agent = :agent
"""
_RUNS = "SELECT run, token, outsider, wish, guest, platform, channel, thread, team, task, status, started_at FROM runs"
STARTED = f"""
{_RUNS} INDEXED BY runs_by_token WHERE token = :token AND token <> '' AND guest = 0 AND started_at >= :since ORDER BY run DESC
"""
GUESTS = f"{_RUNS} INDEXED BY runs_of_guests WHERE status = 'running' AND guest = 1"


def list_tokens(connection: sqlite3.Connection) -> list[StoredToken]:
    """Access tokens by name, with revoked ones."""
    return [to_token(row) for row in connection.execute(TOKENS).fetchall()]


def get_token_activity(connection: sqlite3.Connection, token: str, since: float) -> TokenActivity:
    """Use of an access token since a time."""
    values = {"token": token, "since": since}
    ((asked,),) = connection.execute(ASKED, values).fetchall()
    ((runs,),) = connection.execute(STARTS, values).fetchall()
    ((cost,),) = connection.execute(COST, values).fetchall()
    open_ = tuple(sorted(row["question"] for row in connection.execute(OPEN, values).fetchall()))
    spent = load_dollars(cost)
    return TokenActivity(open=open_, asked=asked, runs=runs, **({} if spent is None else {"cost": spent}))


def list_external_questions(
    connection: sqlite3.Connection, token: str, agent: str, place: Place, since: float
) -> list[ExternalQuestionSummary]:
    """Questions of an external agent in a place since a time, newest first."""
    where = {"platform": place.platform, "channel": place.channel}
    rows = connection.execute(QUESTIONS, {"token": token, "agent": agent, "since": since, **where}).fetchall()
    return [to_external_question(row) for row in sorted(rows, key=lambda row: row["question"], reverse=True)]


def list_external_runs(connection: sqlite3.Connection, token: str, since: float) -> list[ExternalRun]:
    """Runs started through a token since a time, newest first."""
    return [to_external_run(row) for row in connection.execute(STARTED, {"token": token, "since": since}).fetchall()]


def list_external_question_runs(connection: sqlite3.Connection) -> list[ExternalRun]:
    """Live runs that hold the questions of external agents."""
    return [to_external_run(row) for row in connection.execute(GUESTS).fetchall()]
