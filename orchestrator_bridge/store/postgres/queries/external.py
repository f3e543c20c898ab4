"""Queries: access tokens of external agents, and the runs and questions that came through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.interface import TokenActivity
from orchestrator_bridge.store.sql.external import to_external_question, to_external_run, to_token

if TYPE_CHECKING:
    from orchestrator_bridge.chat.inbound import Place
    from orchestrator_bridge.store.interface import ExternalQuestionSummary, ExternalRun, StoredToken
    from orchestrator_bridge.store.postgres.connection import Connection


_TOKENS = "SELECT name, hash, terms, made_at, withdrawn_at FROM tokens ORDER BY name"
_ACTIVITY = """
SELECT
    (
        SELECT count(*) FROM runs JOIN questions USING (run)
        WHERE token = %(token)s AND token <> '' AND guest = 1 AND asked_at >= %(since)s
    ) AS asked,
    (
        SELECT count(*) FROM runs WHERE token = %(token)s AND token <> '' AND guest = 0 AND started_at >= %(since)s
    ) AS runs,
    (
        SELECT coalesce(sum(
            CASE WHEN state = 'booked' THEN cost WHEN state IN ('reserved', 'unknown') THEN reserved END::numeric
        ), 0) FROM calls JOIN runs USING (run) WHERE at >= %(since)s AND token = %(token)s
    ) AS cost,
    ARRAY(
        SELECT question FROM runs JOIN questions USING (run)
        WHERE runs.status = 'running' AND guest = 1 AND token = %(token)s AND questions.status = 'open' ORDER BY question
    ) AS open
"""
_QUESTIONS = """
SELECT question, run, text, questions.status, told_at FROM runs JOIN questions USING (run)
WHERE token = %(token)s AND token <> '' AND guest = 1 AND outsider = %(agent)s AND platform = %(platform)s
    AND channel = %(channel)s AND asked_at >= %(since)s AND questions.agent = %(agent)s
ORDER BY question DESC
"""
_RUNS = "SELECT run, token, outsider, wish, guest, platform, channel, thread, team, task, status, started_at FROM runs"
_STARTED = f"{_RUNS} WHERE token = %s AND token <> '' AND guest = 0 AND started_at >= %s ORDER BY run DESC"
_GUESTS = f"{_RUNS} WHERE status = 'running' AND guest = 1 ORDER BY run"


async def list_tokens(connection: Connection) -> list[StoredToken]:
    """Access tokens by name, with revoked ones."""
    return [to_token(row) async for row in await connection.execute(_TOKENS)]


async def get_token_activity(connection: Connection, token: str, since: float) -> TokenActivity:
    """Use of an access token since a time."""
    row = await (await connection.execute(_ACTIVITY, {"token": token, "since": since})).fetchone()
    assert row is not None
    return TokenActivity(open=tuple(row["open"]), asked=row["asked"], runs=row["runs"], cost=row["cost"])


async def list_external_questions(
    connection: Connection, token: str, agent: str, place: Place, since: float
) -> list[ExternalQuestionSummary]:
    """Questions of an external agent in a place since a time, newest first."""
    values = {"token": token, "agent": agent, "since": since, "platform": place.platform, "channel": place.channel}
    return [to_external_question(row) async for row in await connection.execute(_QUESTIONS, values)]


async def list_external_runs(connection: Connection, token: str, since: float) -> list[ExternalRun]:
    """Runs started through a token since a time, newest first."""
    return [to_external_run(row) async for row in await connection.execute(_STARTED, (token, since))]


async def list_external_question_runs(connection: Connection) -> list[ExternalRun]:
    """Live runs that hold the questions of external agents."""
    return [to_external_run(row) async for row in await connection.execute(_GUESTS)]
