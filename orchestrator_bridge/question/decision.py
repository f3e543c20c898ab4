"""What several voices decide together. They are counted and told, never averaged: a split or a tie is told with names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_bridge.question.values import Ask, Reply
from orchestrator_bridge.question.voice import clickable_options, label_of
from orchestrator_bridge.question.words import EDGES, fold_text
from orchestrator_bridge.text import listed


@dataclass(frozen=True, kw_only=True, slots=True)
class CombinedDecision:
    """The decision in words, and the option or number in it if there is one."""

    text: str
    choice: str | None = None
    number: float | None = None


ReplyGroup = Sequence[Reply]
"""Those who say the same."""


def combine_replies(ask: Ask, replies: Sequence[Reply]) -> CombinedDecision:
    """The decision of these voices, at least one.

    Where they agree, that; else what most of them say, with the others' names and words; in a tie no side is taken.
    """
    camps = _group_replies(replies)
    first = camps[0]
    if len(camps) == 1:
        return _group_decision(first, _position_text(ask, first))
    others = "; ".join(_attributed_text(ask, camp) for camp in camps[1:])
    if len(first) == len(camps[1]):
        return CombinedDecision(text=f"Replies differ: {_attributed_text(ask, first)}; {others}")
    return _group_decision(
        first, f"{_position_text(ask, first)}, by {len(first)} of {len(replies)}: {_attributed_text(ask, first)}; {others}"
    )


def _group_decision(camp: ReplyGroup, text: str) -> CombinedDecision:
    return CombinedDecision(text=text, choice=camp[0].choice, number=camp[0].number)


def _group_replies(replies: Sequence[Reply]) -> list[ReplyGroup]:
    """The replies by what they say, the largest camp first, else in order of time."""
    camps: dict[tuple[str | float | None, ...], list[Reply]] = {}
    for reply in replies:
        camps.setdefault(position_key(reply), []).append(reply)
    return sorted(camps.values(), key=len, reverse=True)


def position_key(reply: Reply) -> tuple[str | float | None, ...]:
    """What tells one camp from another: the option, the number, or the words."""
    if reply.choice is not None or reply.number is not None:
        return reply.choice, reply.number
    return None, None, fold_text(reply.text)


def _position_text(ask: Ask, camp: ReplyGroup) -> str:
    """What a camp says: the option with what was added to it, or the words."""
    choice = camp[0].choice
    if choice is None:
        return camp[0].text if len(camp) == 1 or camp[0].number is None else f"{camp[0].number:.15g}"
    added = [reply for reply in camp if _adds_words(ask, reply)]
    if not added:
        return label_of(ask, choice)
    words = (f"“{reply.text}”" if len(camp) == 1 else f"{reply.author.name}: “{reply.text}”" for reply in added)
    return f"{label_of(ask, choice)} ({'; '.join(words)})"


def _attributed_text(ask: Ask, camp: ReplyGroup) -> str:
    names = listed([reply.author.name for reply in camp])
    quoted = _position_text(ask, camp) if camp[0].choice is not None else f"“{_position_text(ask, camp)}”"
    return f"{names} {'says' if len(camp) == 1 else 'say'} {quoted}"


def _adds_words(ask: Ask, reply: Reply) -> bool:
    """Whether a reply says more than its option."""
    places = [str(number) for number, option in enumerate(clickable_options(ask), 1) if option.id == reply.choice]
    plain = {fold_text(reply.choice or ""), fold_text(label_of(ask, reply.choice)), *places}
    return fold_text(reply.text).strip(EDGES + "#") not in plain
