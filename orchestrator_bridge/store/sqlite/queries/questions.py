"""Queries and statements: questions and replies, and the places that belong to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.store.interface import OpenDeadline, OpenQuestionAudience, QuestionSummary, Target
from orchestrator_bridge.store.sqlite.queries.runs import viewer_params, where_clause
from orchestrator_bridge.store.sqlite.writer import Statement

if TYPE_CHECKING:
    import sqlite3

    from orchestrator_bridge.run.records import (
        QuestionClosed,
        QuestionMessageLinked,
        QuestionOpened,
        QuestionStatus,
        QuestionUpdated,
        ReplyRemoved,
        ReplyStored,
    )
    from orchestrator_bridge.store.interface import Viewer


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
# Without the INDEXED BY hint the planner takes the index by status, looks every row up and sorts.
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
    connection: sqlite3.Connection, limit: int = 50, status: QuestionStatus | None = None, viewer: Viewer | None = None
) -> list[QuestionSummary]:
    """Questions, newest first; with a viewer, those that the viewer may see."""
    sql = _QUESTIONS.format(which=where_clause(_STATUS if status else "", _SEEN if viewer else ""))
    values = {"limit": limit, "status": status, **viewer_params(viewer)}
    return [_summary(row) for row in connection.execute(sql, values).fetchall()]


def get_question(connection: sqlite3.Connection, question: int, viewer: Viewer | None = None) -> QuestionSummary | None:
    """One question; None if there is none, or if the viewer may not see it."""
    sql = _QUESTIONS.format(which=where_clause(_NUMBER, _SEEN if viewer else ""))
    rows = connection.execute(sql, {"question": question, "limit": 1, **viewer_params(viewer)}).fetchall()
    return _summary(rows[0]) if rows else None


def list_open_deadlines(connection: sqlite3.Connection) -> list[OpenDeadline]:
    """Open questions with the times of their next checks, earliest first."""
    rows = connection.execute(OPEN_DEADLINES).fetchall()
    return [OpenDeadline(question=question, run=run, fires_at=fires_at) for question, run, fires_at in rows]


def list_open_question_audiences(connection: sqlite3.Connection) -> list[OpenQuestionAudience]:
    """Open questions with the people asked."""
    rows = connection.execute(OPEN_FOR).fetchall()
    return [
        OpenQuestionAudience(question=question, run=run, place=Place(platform=platform, channel=channel), people=_people(people))
        for question, run, platform, channel, people in rows
    ]


def _people(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


def get_target(connection: sqlite3.Connection, place: Place, message: str | None = None) -> Target | None:
    """Run or question of a message that is replied to, or else of a thread. A question takes precedence over its run."""
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


def _summary(row: sqlite3.Row) -> QuestionSummary:
    posted = row["message"] is not None
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
        place=Place(platform=row["platform"], channel=row["channel"], thread=row["thread"]) if posted else None,
        message=row["message"],
        posted_at=row["posted_at"],
        noted_at=row["noted_at"],
        expires_at=row["expires_at"],
        silence=row["silence"],
        people=_people(row["people"]),
    )


_OPEN = """
INSERT INTO questions (question, run, agent, text, asked, fires_at, asked_at, expires_at, silence, people)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE = """
UPDATE questions SET fires_at = ?, asked = coalesce(?, asked), expires_at = coalesce(?, expires_at),
    silence = coalesce(?, silence), people = coalesce(?, people)
WHERE question = ? AND status = 'open'
"""
_CLOSE = "UPDATE questions SET status = ?, line = ?, closed_at = ? WHERE question = ? AND status = 'open'"
_LINK_MESSAGE = """
INSERT INTO places (platform, channel, message, inside, thread, question, posted_at, noted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (platform, channel, message) DO UPDATE
SET inside = excluded.inside, thread = excluded.thread, run = NULL, question = excluded.question,
    posted_at = excluded.posted_at, noted_at = excluded.noted_at
"""
_UPSERT_REPLY = """
INSERT INTO replies (question, key, author, name, text, choice, late, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (question, key) DO UPDATE
SET author = excluded.author, name = excluded.name, text = excluded.text, choice = excluded.choice,
    late = excluded.late, at = excluded.at
"""
_DELETE_REPLY = "DELETE FROM replies WHERE question = ? AND key = ?"


def insert_question(row: QuestionOpened) -> Statement:
    """Store a new question under its number."""
    return Statement(
        sql=_OPEN,
        values=(
            row.question,
            row.run,
            row.agent,
            row.text,
            row.asked,
            row.fires_at,
            row.at,
            row.expires_at,
            row.silence,
            "\n".join(row.people),
        ),
        duplicate_message=f"question {row.question} exists already",
    )


def update_question(row: QuestionUpdated) -> Statement:
    """Update an open question; a closed one does not change."""
    people = None if row.people is None else "\n".join(row.people)
    return Statement(sql=_UPDATE, values=(row.fires_at, row.asked, row.expires_at, row.silence, people, row.question))


def close_question(row: QuestionClosed) -> Statement:
    """Close a question. This is the compare-and-set by which a question ends once: of two transactions, one gets `Conflict`."""
    return Statement(
        sql=_CLOSE, values=(row.status, row.line, row.at, row.question), missing_message=f"question {row.question} is not open"
    )


def link_question_message(row: QuestionMessageLinked) -> Statement:
    """Link a message and its thread to a question, in place of an earlier link."""
    place = row.place
    where = (place.platform, place.channel, row.message, place.thread, row.thread)
    return Statement(sql=_LINK_MESSAGE, values=(*where, row.question, row.posted_at, row.noted_at))


def upsert_reply(row: ReplyStored) -> Statement:
    """Store a reply, in place of an earlier one with the same key."""
    return Statement(
        sql=_UPSERT_REPLY, values=(row.question, row.key, row.author, row.name, row.text, row.choice, int(row.late), row.at)
    )


def delete_reply(row: ReplyRemoved) -> Statement:
    """Delete a reply that no longer counts. The log keeps what was said."""
    return Statement(sql=_DELETE_REPLY, values=(row.question, row.key))
