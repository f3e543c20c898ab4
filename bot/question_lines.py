"""A question as `townhall questions` prints it: in lines for people, as an object for programs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from adapters.terminal.adapter import PLATFORM
from adapters.terminal.hints import how_to_answer
from bot.open_questions import OpenQuestion
from bot.tables import format_time
from orchestrator_bridge.chat import QuestionCard
from orchestrator_bridge.question.options_line import options_summary
from orchestrator_bridge.text import one_line

_MAX_QUESTION = 500
"""Characters of a question's text, which may have no more."""


def question_lines(one: OpenQuestion) -> Iterator[str]:
    """What is asked, what can be chosen, until when, what happens then, and where to answer."""
    summary = one.summary
    yield f"Question {summary.question} (run {summary.run}): {one_line(summary.agent, 40)} asks {one_line(summary.asked, 200)}"
    yield f"  {one_line(summary.text, _MAX_QUESTION)}"
    if one.card is not None:
        yield from _open_lines(one.card)
        yield f"  {_where(one)}"
    elif summary.status != "open":
        yield f"  {format_time(summary.closed_at)}, {summary.status.replace('_', ' ')}: {one_line(summary.line, _MAX_QUESTION)}"


def _open_lines(card: QuestionCard) -> Iterator[str]:
    if card.options:
        yield f"  {options_summary(card.options)}"
    yield f"  Expires {format_time(card.expires_at)}. Then: {one_line(card.silence, _MAX_QUESTION)}"


def _where(one: OpenQuestion) -> str:
    place = one.summary.place
    if place is None or one.card is None:
        return "It has not been posted yet."
    if place.platform == PLATFORM:
        return f"Answer where the bot runs (`townhall run`): {how_to_answer(one.card)}."
    return f"Answer in its thread on {place.platform}."


def question_object(one: OpenQuestion) -> dict[str, Any]:
    """The question for a program. Of one that has ended there are no options any more, and nothing that could happen."""
    card = one.card
    options = [{"number": number, **dataclasses.asdict(option)} for number, option in enumerate(card.options, 1)] if card else []
    return {
        **dataclasses.asdict(one.summary),
        "kind": card.answer_kind if card else None,
        "options": options,
        "expires_at": card.expires_at if card else None,
        "silence": card.silence if card else None,
    }
