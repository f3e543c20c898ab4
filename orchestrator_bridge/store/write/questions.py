"""Questions, their posted copies and their replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator_bridge.store.change import Change

if TYPE_CHECKING:
    from orchestrator_bridge.store.rows import (
        QuestionClosed,
        QuestionMoved,
        QuestionOpened,
        QuestionPlaced,
        ReplyGone,
        ReplyTaken,
    )

_OPEN = """
INSERT INTO questions (question, run, agent, text, asked, fires_at, asked_at, expires_at, silence, people)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_MOVE = """
UPDATE questions SET fires_at = ?, asked = coalesce(?, asked), expires_at = coalesce(?, expires_at),
    silence = coalesce(?, silence), people = coalesce(?, people)
WHERE question = ? AND status = 'open'
"""
_CLOSE = "UPDATE questions SET status = ?, line = ?, closed_at = ? WHERE question = ? AND status = 'open'"
_PLACE = """
INSERT INTO places (platform, channel, message, inside, thread, question, posted_at, noted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (platform, channel, message) DO UPDATE
SET inside = excluded.inside, thread = excluded.thread, run = NULL, question = excluded.question,
    posted_at = excluded.posted_at, noted_at = excluded.noted_at
"""
_TAKE = """
INSERT INTO replies (question, key, author, name, text, choice, late, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (question, key) DO UPDATE
SET author = excluded.author, name = excluded.name, text = excluded.text, choice = excluded.choice,
    late = excluded.late, at = excluded.at
"""
_TAKE_BACK = "DELETE FROM replies WHERE question = ? AND key = ?"


def opened(row: QuestionOpened) -> Change:
    """A new question; its number is taken from then on."""
    return Change(
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
        taken=f"question {row.question} is there already",
    )


def moved(row: QuestionMoved) -> Change:
    """A closed question does not move."""
    people = None if row.people is None else "\n".join(row.people)
    return Change(sql=_MOVE, values=(row.fires_at, row.asked, row.expires_at, row.silence, people, row.question))


def closed(row: QuestionClosed) -> Change:
    """The compare-and-set: exactly one end wins."""
    return Change(sql=_CLOSE, values=(row.status, row.line, row.at, row.question), missed=f"question {row.question} is not open")


def placed(row: QuestionPlaced) -> Change:
    """The same message again replaces what was known of it."""
    place = row.place
    where = (place.platform, place.channel, row.message, place.thread, row.thread)
    return Change(sql=_PLACE, values=(*where, row.question, row.posted_at, row.noted_at))


def reply_taken(row: ReplyTaken) -> Change:
    """The same key again replaces the reply."""
    return Change(sql=_TAKE, values=(row.question, row.key, row.author, row.name, row.text, row.choice, int(row.late), row.at))


def reply_gone(row: ReplyGone) -> Change:
    """The log keeps what was said; this table only what stands."""
    return Change(sql=_TAKE_BACK, values=(row.question, row.key))
