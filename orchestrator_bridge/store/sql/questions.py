"""Questions, replies and the places that belong to them: statements, and rows as values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.store.interface import OpenDeadline, OpenQuestionAudience, QuestionSummary
from orchestrator_bridge.store.sql.statement import Row, Statement

if TYPE_CHECKING:
    from orchestrator_bridge.run.records import (
        QuestionClosed,
        QuestionMessageLinked,
        QuestionOpened,
        QuestionUpdated,
        ReplyRemoved,
        ReplyStored,
    )


def to_question_summary(row: Row) -> QuestionSummary:
    """A question as listed."""
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


def to_open_deadline(row: Row) -> OpenDeadline:
    """An open question with the time of its next check."""
    return OpenDeadline(question=row["question"], run=row["run"], fires_at=row["fires_at"])


def to_audience(row: Row) -> OpenQuestionAudience:
    """An open question with the people asked."""
    return OpenQuestionAudience(
        question=row["question"],
        run=row["run"],
        place=Place(platform=row["platform"], channel=row["channel"]),
        people=_people(row["people"]),
    )


def _people(text: str) -> tuple[str, ...]:
    return tuple(text.split("\n")) if text else ()


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
