"""Questions, their posted copies and their replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Statement

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import (
        QuestionClosed,
        QuestionMessageLinked,
        QuestionOpened,
        QuestionUpdated,
        ReplyRemoved,
        ReplyStored,
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
    """A new question; its number is taken from then on."""
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
        duplicate_message=f"question {row.question} is there already",
    )


def update_question(row: QuestionUpdated) -> Statement:
    """A closed question does not move."""
    people = None if row.people is None else "\n".join(row.people)
    return Statement(sql=_UPDATE, values=(row.fires_at, row.asked, row.expires_at, row.silence, people, row.question))


def close_question(row: QuestionClosed) -> Statement:
    """The compare-and-set: exactly one end wins."""
    return Statement(
        sql=_CLOSE, values=(row.status, row.line, row.at, row.question), missing_message=f"question {row.question} is not open"
    )


def link_question_message(row: QuestionMessageLinked) -> Statement:
    """The same message again replaces what was known of it."""
    place = row.place
    where = (place.platform, place.channel, row.message, place.thread, row.thread)
    return Statement(sql=_LINK_MESSAGE, values=(*where, row.question, row.posted_at, row.noted_at))


def upsert_reply(row: ReplyStored) -> Statement:
    """The same key again replaces the reply."""
    return Statement(
        sql=_UPSERT_REPLY, values=(row.question, row.key, row.author, row.name, row.text, row.choice, int(row.late), row.at)
    )


def delete_reply(row: ReplyRemoved) -> Statement:
    """The log keeps what was said; this table only what stands."""
    return Statement(sql=_DELETE_REPLY, values=(row.question, row.key))
