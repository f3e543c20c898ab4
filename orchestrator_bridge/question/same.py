"""Whether two questions are the same, so that people are asked once, or only alike, which is never answered for people."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from orchestrator_bridge.question.quorum import group_id
from orchestrator_bridge.question.values import Ask, Question
from orchestrator_bridge.question.words import fold_text

SIMILARITY = 0.5
"""The part of all their words that two similar questions have in common."""


def is_duplicate(question: Question, ask: Ask, audience: frozenset[str]) -> bool:
    """Whether this is asked, of the same people and agents (their ids), in the same words but for case, spaces and signs."""
    return _duplicate_key(question.ask) == _duplicate_key(ask) and intended_audience(question) == audience


def is_same_wording(ask: Ask, other: Ask | str) -> bool:
    """Whether this is put like another question, to the same by name; of one whose words alone are known, whether in those."""
    if isinstance(other, str):
        return _normalised(ask.question) == _normalised(other)
    return _duplicate_key(ask) == _duplicate_key(other) and frozenset(ask.to) == frozenset(other.to)


def intended_audience(question: Question) -> frozenset[str]:
    """The ids of all whom a question was meant for, whether or not they were asked: some are spared, or asleep."""
    asked = (*(one.id for one in question.asked), *(group_id(group.name) for group in question.groups))
    return frozenset(question.meant or asked)


def is_reusable(question: Question) -> bool:
    """Whether an outcome may be given to whoever asks the same later: people gave it, and it was no leave for one deed."""
    outcome = question.outcome
    return outcome is not None and outcome.decided_by == "human" and question.ask.kind not in ("confirm", "approval")


def similar_questions(question: Question, others: Iterable[Question]) -> Sequence[Question]:
    """Those of the other questions, ended, that are like this one."""
    own = _words(question.ask)
    return [one for one in others if one.id != question.id and one.outcome and _overlaps(own, _words(one.ask))]


def _duplicate_key(ask: Ask) -> tuple[object, ...]:
    options = tuple((one.id, fold_text(one.label)) for one in ask.options)
    return ask.kind, options, ask.unit, ask.min, ask.max, _normalised(ask.question)


def _normalised(text: str) -> str:
    return " ".join(re.findall(r"\w+", fold_text(text)))


def _words(ask: Ask) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", fold_text(ask.question)))


def _overlaps(one: frozenset[str], other: frozenset[str]) -> bool:
    return len(one & other) >= SIMILARITY * max(1, len(one | other))
