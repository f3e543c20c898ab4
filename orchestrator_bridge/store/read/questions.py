"""Questions at a glance, those that are open, and what a place belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.chat import Place
from orchestrator_bridge.store.port import OpenDeadline, OpenQuestionAudience, QuestionSummary, Target
from orchestrator_bridge.store.read.seen import viewer_params, where_clause

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.store.port import Viewer
    from orchestrator_bridge.store.rows import QuestionStatus

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
        WHERE runs.run = questions.run AND ((platform = :platform AND channel = :channel) OR person = :person)
    )
    OR EXISTS (
        SELECT 1 FROM json_each(:asked_as) WHERE instr(char(10) || people || char(10), char(10) || value || char(10))
    )
)"""
# Without the hint the planner takes the index by status, looks every row up and sorts.
OPEN_DEADLINES = "SELECT question, run, fires_at FROM questions INDEXED BY questions_open WHERE status = 'open' ORDER BY fires_at"
OPEN_FOR = """
SELECT question, run, platform, channel, people FROM questions INDEXED BY questions_open JOIN runs USING (run)
WHERE questions.status = 'open'
"""
_TARGET = """
SELECT coalesce(places.run, questions.run) AS run, places.question
FROM places LEFT JOIN questions USING (question) WHERE platform = ? AND channel = ? AND {which}
ORDER BY places.question DESC LIMIT 1
"""
TARGET_BY_MESSAGE = _TARGET.format(which="message = ?")
TARGET_BY_THREAD = _TARGET.format(which="thread = ?")
NUMBERS = "SELECT (SELECT coalesce(max(run), 0) FROM runs), (SELECT coalesce(max(question), 0) FROM questions)"


def list_questions(
    connection: sqlite3.Connection, limit: int, status: QuestionStatus | None, viewer: Viewer | None = None
) -> list[QuestionSummary]:
    """Questions, newest first; those that a viewer may see, where there is one."""
    sql = _QUESTIONS.format(which=where_clause(_STATUS if status else "", _SEEN if viewer else ""))
    values = {"limit": limit, "status": status, **viewer_params(viewer)}
    return [_summary(row) for row in connection.execute(sql, values).fetchall()]


def get_question(connection: sqlite3.Connection, question: int, viewer: Viewer | None = None) -> QuestionSummary | None:
    """One question, by its number; None also where there is a viewer who may not see it."""
    sql = _QUESTIONS.format(which=where_clause(_NUMBER, _SEEN if viewer else ""))
    rows = connection.execute(sql, {"question": question, "limit": 1, **viewer_params(viewer)}).fetchall()
    return _summary(rows[0]) if rows else None


def list_open_deadlines(connection: sqlite3.Connection) -> list[OpenDeadline]:
    """Every open question, the next to be looked at first."""
    rows = connection.execute(OPEN_DEADLINES).fetchall()
    return [OpenDeadline(question=question, run=run, fires_at=fires_at) for question, run, fires_at in rows]


def list_open_question_audiences(connection: sqlite3.Connection) -> list[OpenQuestionAudience]:
    """Every open question, with those whom it asks."""
    rows = connection.execute(OPEN_FOR).fetchall()
    return [
        OpenQuestionAudience(question=question, run=run, place=Place(platform=platform, channel=channel), people=_people(people))
        for question, run, platform, channel, people in rows
    ]


def _people(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


def get_target(connection: sqlite3.Connection, place: Place, message: str | None) -> Target | None:
    """The message that is replied to says more than the thread; a question more than its run."""
    found = _target_at(connection, TARGET_BY_MESSAGE, place, message)
    return found or _target_at(connection, TARGET_BY_THREAD, place, place.thread)


def get_highest_ids(connection: sqlite3.Connection) -> tuple[int, int]:
    """The highest run and the highest question; 0 where there is none."""
    (numbers,) = connection.execute(NUMBERS).fetchall()
    return int(numbers[0]), int(numbers[1])


def _target_at(connection: sqlite3.Connection, sql: str, place: Place, key: str | None) -> Target | None:
    if key is None:
        return None
    rows = connection.execute(sql, (place.platform, place.channel, key)).fetchall()
    return Target(run=rows[0]["run"], question=rows[0]["question"]) if rows else None


def _summary(row: sqlite3.Row) -> QuestionSummary:
    return QuestionSummary(
        question=row["question"],
        run=row["run"],
        agent=row["agent"],
        text=row["text"],
        asked=row["asked"],
        status=row["status"],
        line=row["line"],
        asked_at=row["asked_at"],
        fires_at=row["fires_at"],
        closed_at=row["closed_at"],
        place=None if row["message"] is None else _place(row),
        message=row["message"],
        posted_at=row["posted_at"],
        noted_at=row["noted_at"],
        expires_at=row["expires_at"],
        silence=row["silence"],
        people=_people(row["people"]),
    )


def _place(row: sqlite3.Row) -> Place:
    return Place(platform=row["platform"], channel=row["channel"], thread=row["thread"])
