"""Queries: questions, and the places that belong to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.interface import Target
from orchestrator_bridge.store.postgres.queries.runs import viewer_params
from orchestrator_bridge.store.sql.questions import to_audience, to_open_deadline, to_question_summary
from orchestrator_bridge.store.sql.statement import where_clause

if TYPE_CHECKING:
    from orchestrator_bridge.chat.inbound import Place
    from orchestrator_bridge.run.records import QuestionStatus
    from orchestrator_bridge.store.interface import OpenDeadline, OpenQuestionAudience, QuestionSummary, Viewer
    from orchestrator_bridge.store.postgres.connection import Connection


_QUESTIONS = """
SELECT shown.*, platform, channel, coalesce(thread, inside) AS thread, message, posted_at, noted_at
FROM (SELECT * FROM questions {which} ORDER BY question DESC LIMIT %(limit)s) AS shown
LEFT JOIN LATERAL (
    SELECT platform, channel, inside, thread, message, posted_at, noted_at FROM places
    WHERE places.question = shown.question ORDER BY noted_at NULLS FIRST LIMIT 1
) AS card ON true
ORDER BY shown.question DESC
"""
_STATUS, _NUMBER = "status = %(status)s", "question = %(question)s"
_SEEN = """(
    EXISTS (
        SELECT 1 FROM runs
        WHERE runs.run = questions.run AND (
            (platform = %(platform)s AND channel = %(channel)s) OR person = ANY(%(persons)s::text[])
        )
    )
    OR string_to_array(people, E'\\n') && %(asked_as)s::text[]
)"""
_OPEN_DEADLINES = "SELECT question, run, fires_at FROM questions WHERE status = 'open' ORDER BY fires_at"
_OPEN_FOR = """
SELECT question, run, platform, channel, people FROM questions JOIN runs USING (run)
WHERE questions.status = 'open' ORDER BY fires_at
"""
_TARGET = """
SELECT coalesce(places.run, questions.run) AS run, places.question
FROM places LEFT JOIN questions USING (question) WHERE platform = %s AND channel = %s AND {which}
ORDER BY places.question DESC NULLS LAST, places.run DESC LIMIT 1
"""
_TARGET_BY_MESSAGE = _TARGET.format(which="message = %s")
_TARGET_BY_THREAD = _TARGET.format(which="thread = %s")
_NUMBERS = """
SELECT (SELECT coalesce(max(run), 0) FROM runs) AS run, (SELECT coalesce(max(question), 0) FROM questions) AS question
"""


async def list_questions(
    connection: Connection, limit: int = 50, status: QuestionStatus | None = None, viewer: Viewer | None = None
) -> list[QuestionSummary]:
    """Questions, newest first; with a viewer, those that the viewer may see."""
    sql = _QUESTIONS.format(which=where_clause(_STATUS if status else "", _SEEN if viewer else ""))
    values = {"limit": limit, "status": status, **viewer_params(viewer)}
    return [to_question_summary(row) async for row in await connection.execute(sql.encode(), values)]


async def get_question(connection: Connection, question: int, viewer: Viewer | None = None) -> QuestionSummary | None:
    """One question; None if there is none, or if the viewer may not see it."""
    sql = _QUESTIONS.format(which=where_clause(_NUMBER, _SEEN if viewer else ""))
    values = {"question": question, "limit": 1, **viewer_params(viewer)}
    row = await (await connection.execute(sql.encode(), values)).fetchone()
    return None if row is None else to_question_summary(row)


async def list_open_deadlines(connection: Connection) -> list[OpenDeadline]:
    """Open questions with the times of their next checks, earliest first."""
    return [to_open_deadline(row) async for row in await connection.execute(_OPEN_DEADLINES)]


async def list_open_question_audiences(connection: Connection) -> list[OpenQuestionAudience]:
    """Open questions with the people asked."""
    return [to_audience(row) async for row in await connection.execute(_OPEN_FOR)]


async def get_target(connection: Connection, place: Place, message: str | None = None) -> Target | None:
    """Run or question of a message that is replied to, or else of a thread. A question takes precedence over its run."""
    found = await _target_at(connection, _TARGET_BY_MESSAGE, place, message)
    return found or await _target_at(connection, _TARGET_BY_THREAD, place, place.thread)


async def get_highest_ids(connection: Connection) -> tuple[int, int]:
    """Highest run number and highest question number; 0 if there is none."""
    row = await (await connection.execute(_NUMBERS)).fetchone()
    assert row is not None
    return row["run"], row["question"]


async def _target_at(connection: Connection, sql: str, place: Place, key: str | None) -> Target | None:
    if key is None:
        return None
    row = await (await connection.execute(sql.encode(), (place.platform, place.channel, key))).fetchone()
    return None if row is None else Target(run=row["run"], question=row["question"])
