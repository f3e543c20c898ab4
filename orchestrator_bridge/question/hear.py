"""What a question hears: a question in, the question after it out.

Hearing the same thing twice changes nothing, the order of arrival changes nothing, and nothing changes a question that is
settled: the very same object comes back. Words are cleaned before they are kept.
"""

from __future__ import annotations

from typing import Any

from orchestrator_bridge.question.read import LIMIT
from orchestrator_bridge.question.values import Delivery, Heard, Outcome, Question, Responder
from orchestrator_bridge.question.voice import choices, passes, version, voices
from orchestrator_bridge.text import clean


def may_answer(question: Question, responder: Responder) -> bool:
    """Whether a reply by this responder is taken. Agents advise each other freely; the one who asked cannot answer."""
    if responder.kind == "agent":
        return responder.id != f"agent:{question.agent}"
    return question.policy.responders == "anyone" or any(one.id == responder.id for one in question.asked)


def replied(
    question: Question,
    *,
    author: Responder,
    message: str,
    text: str,
    at: float,
    choice: str | None = None,
    edit: str = "",
) -> Question:
    """Somebody typed a message, edited it (`edit` tells the versions apart), or clicked the option whose id is `choice`.

    Whoever may not answer changes nothing, nor does a click on an option that is not there; an agent without words passes.
    """
    words = clean(text, LIMIT).strip()
    if not may_answer(question, author) or (choice is not None and choice not in {one.id for one in choices(question.ask)}):
        return question
    if author.kind == "agent" and choice is None and not words:
        return passed(question, author.id, at)
    return _hear(question, Heard(message=message, author=author, text=words, choice=choice, edit=edit, at=at))


def unreplied(question: Question, message: str) -> Question:
    """A message was deleted, perhaps one that is yet to arrive."""
    return _with(question, withdrawn=question.withdrawn | {message})


def passed(question: Question, responder: str, at: float = 0.0) -> Question:
    """Somebody who was asked said "not me". Words of a later time than `at` take it back, so without a time it outweighs none."""
    author = next((one for one in question.asked if one.id == responder), None)
    if author is None:
        return question
    return _hear(question, Heard(message=f"pass:{responder}:{at!r}", author=author, passed=True, at=at))


def left(question: Question, responder: str) -> Question:
    """Somebody cannot be reached any more: nobody waits for them, but what they have said stands."""
    return _with(question, gone=question.gone | {responder})


def extended(question: Question, seconds: float) -> Question:
    """Somebody who was asked wants more time, in seconds: every call adds some, up to the policy's `extend_max` in all."""
    return _with(question, extended=min(question.extended + max(0.0, seconds), question.policy.extend_max))


def posted(question: Question, delivery: Delivery) -> Question:
    """People can see the question. Only the first delivery sets the deadline."""
    return question if question.delivery else _with(question, delivery=delivery)


def reminded(question: Question) -> Question:
    """Those who have not replied were reminded."""
    return _with(question, reminded=question.reminded + 1)


def settled(question: Question, outcome: Outcome) -> Question:
    """The question has ended; the first outcome stands."""
    return _with(question, outcome=outcome)


def _hear(question: Question, heard: Heard) -> Question:
    if heard in question.heard:
        return question
    return _with(
        question, heard=tuple(sorted((*question.heard, heard), key=lambda one: (one.message, version(one), one.author.id)))
    )


def _with(question: Question, **changes: Any) -> Question:
    """The question with changes and all that follows from them; the same object if nothing changes, or nothing may."""
    if not question.open or all(getattr(question, field) == value for field, value in changes.items()):
        return question
    question = question.model_copy(update=changes)
    if _SPOKEN.isdisjoint(changes):
        return question
    return question.model_copy(update={"replies": voices(question), "passed": passes(question)})


_SPOKEN = frozenset({"heard", "withdrawn", "delivery", "extended"})
"""What replies follow from: what was heard, and until when it was in time."""
