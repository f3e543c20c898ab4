"""What several voices decide together. They are counted and told, never averaged: a split or a tie is told with names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_bridge.question.values import Ask, Reply
from orchestrator_bridge.question.voice import choices, label_of
from orchestrator_bridge.question.words import EDGES, fold
from orchestrator_bridge.text import listed


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The decision in words, and the option or number in it if there is one."""

    text: str
    choice: str | None = None
    number: float | None = None


Camp = Sequence[Reply]
"""Those who say the same."""


def decide(ask: Ask, replies: Sequence[Reply]) -> Decision:
    """The decision of these voices, at least one.

    Where they agree, that; else what most of them say, with the others' names and words; in a tie no side is taken.
    """
    camps = _camps(replies)
    first = camps[0]
    if len(camps) == 1:
        return _sided(first, _position(ask, first))
    others = "; ".join(_says(ask, camp) for camp in camps[1:])
    if len(first) == len(camps[1]):
        return Decision(text=f"Replies differ: {_says(ask, first)}; {others}")
    return _sided(first, f"{_position(ask, first)}, by {len(first)} of {len(replies)}: {_says(ask, first)}; {others}")


def _sided(camp: Camp, text: str) -> Decision:
    return Decision(text=text, choice=camp[0].choice, number=camp[0].number)


def _camps(replies: Sequence[Reply]) -> list[Camp]:
    """The replies by what they say, the largest camp first, else in order of time."""
    camps: dict[tuple[str | float | None, ...], list[Reply]] = {}
    for reply in replies:
        camps.setdefault(side(reply), []).append(reply)
    return sorted(camps.values(), key=len, reverse=True)


def side(reply: Reply) -> tuple[str | float | None, ...]:
    """What tells one camp from another: the option, the number, or the words."""
    if reply.choice is not None or reply.number is not None:
        return reply.choice, reply.number
    return None, None, fold(reply.text)


def _position(ask: Ask, camp: Camp) -> str:
    """What a camp says: the option with what was added to it, or the words."""
    choice = camp[0].choice
    if choice is None:
        return camp[0].text if len(camp) == 1 or camp[0].number is None else f"{camp[0].number:.15g}"
    added = [reply for reply in camp if _adds(ask, reply)]
    if not added:
        return label_of(ask, choice)
    words = (f"“{reply.text}”" if len(camp) == 1 else f"{reply.author.name}: “{reply.text}”" for reply in added)
    return f"{label_of(ask, choice)} ({'; '.join(words)})"


def _says(ask: Ask, camp: Camp) -> str:
    names = listed([reply.author.name for reply in camp])
    quoted = _position(ask, camp) if camp[0].choice is not None else f"“{_position(ask, camp)}”"
    return f"{names} {'says' if len(camp) == 1 else 'say'} {quoted}"


def _adds(ask: Ask, reply: Reply) -> bool:
    """Whether a reply says more than its option."""
    places = [str(number) for number, option in enumerate(choices(ask), 1) if option.id == reply.choice]
    plain = {fold(reply.choice or ""), fold(label_of(ask, reply.choice)), *places}
    return fold(reply.text).strip(EDGES + "#") not in plain
