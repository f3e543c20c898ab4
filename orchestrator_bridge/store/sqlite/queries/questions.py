"""Queries: questions, and the places that belong to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.interface import Target
from orchestrator_bridge.store.sql.questions import to_audience, to_open_deadline, to_question_summary
from orchestrator_bridge.store.sql.statement import where_clause
from orchestrator_bridge.store.sqlite.queries.runs import viewer_params

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.chat.inbound import Place
    from orchestrator_bridge.run.records import QuestionStatus
    from orchestrator_bridge.store.interface import OpenDeadline, OpenQuestionAudience, QuestionSummary, Viewer


_QUESTIONS = """
SELECT shown.*, platform, channel, coalesce(thread, inside) AS thread, message, posted_at, noted_at
FROM (SELECT * FROM questions {which} ORDER BY question DESC LIMIT :limit) AS shown
LEFT JOIN places ON places.rowid = (
    SELECT rowid FROM places WHERE question = shown.question ORDER BY noted_at LIMIT 1
)
ORDER BY shown.question DESC
"""
_STATUS, _NUMBER = "status = :status", "question = :question"
_SEEN = """(
    EXISTS (
        SELECT 1 FROM runs
        WHERE runs.run = questions.run AND (
            (platform = :platform AND channel = :channel) OR person IN (SELECT value FROM json_each(:persons))
        )
    )
    OR EXISTS (
        SELECT 1 FROM json_each(:asked_as) WHERE instr(char(10) || people || char(10), char(10) || value || char(10))
    )
)"""
# Without the INDEXED BY hint the planner takes the index by status, looks every row up and sorts.
OPEN_DEADLINES = "SELECT question, run, fires_at FROM questions INDEXED BY questions_open WHERE status = 'open' ORDER BY fires_at"
OPEN_FOR = """
SELECT question, run, platform, channel, people FROM questions INDEXED BY questions_open JOIN runs USING (run)
WHERE questions.status = 'open'
"""
_TARGET = """
SELECT coalesce(places.run, questions.run) AS run, places.question
FROM places LEFT JOIN questions USING (question) WHERE platform = ? AND channel = ? AND {which}
ORDER BY places.question DESC, places.run DESC LIMIT 1
"""
TARGET_BY_MESSAGE = _TARGET.format(which="message = ?")
TARGET_BY_THREAD = _TARGET.format(which="thread = ?")
NUMBERS = "SELECT (SELECT coalesce(max(run), 0) FROM runs), (SELECT coalesce(max(question), 0) FROM questions)"


def list_questions(
    connection: sqlite3.Connection, limit: int = 50, status: QuestionStatus | None = None, viewer: Viewer | None = None
) -> list[QuestionSummary]:
    """Questions, newest first; with a viewer, those that the viewer may see."""
    sql = _QUESTIONS.format(which=where_clause(_STATUS if status else "", _SEEN if viewer else ""))
    values = {"limit": limit, "status": status, **viewer_params(viewer)}
    return [to_question_summary(row) for row in connection.execute(sql, values).fetchall()]


def get_question(connection: sqlite3.Connection, question: int, viewer: Viewer | None = None) -> QuestionSummary | None:
    """One question; None if there is none, or if the viewer may not see it."""
    sql = _QUESTIONS.format(which=where_clause(_NUMBER, _SEEN if viewer else ""))
    rows = connection.execute(sql, {"question": question, "limit": 1, **viewer_params(viewer)}).fetchall()
    return to_question_summary(rows[0]) if rows else None


def list_open_deadlines(connection: sqlite3.Connection) -> list[OpenDeadline]:
    """Open questions with the times of their next checks, earliest first."""
    return [to_open_deadline(row) for row in connection.execute(OPEN_DEADLINES).fetchall()]


def list_open_question_audiences(connection: sqlite3.Connection) -> list[OpenQuestionAudience]:
    """Open questions with the people asked."""
    return [to_audience(row) for row in connection.execute(OPEN_FOR).fetchall()]


def get_target(connection: sqlite3.Connection, place: Place, message: str | None = None) -> Target | None:
    """Run or question of a message that is replied to, or else of a thread. A question takes precedence over its run, and of
    several runs the newest one counts."""
    found = _target_at(connection, TARGET_BY_MESSAGE, place, message)
    return found or _target_at(connection, TARGET_BY_THREAD, place, place.thread)


def get_highest_ids(connection: sqlite3.Connection) -> tuple[int, int]:
    """Highest run number and highest question number; 0 if there is none."""
    (numbers,) = connection.execute(NUMBERS).fetchall()
    return int(numbers[0]), int(numbers[1])


def _target_at(connection: sqlite3.Connection, sql: str, place: Place, key: str | None) -> Target | None:
    if key is None:
        return None
    rows = connection.execute(sql, (place.platform, place.channel, key)).fetchall()
    return Target(run=rows[0]["run"], question=rows[0]["question"]) if rows else None
