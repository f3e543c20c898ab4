"""Whether a reply says yes or no. Where it says neither, or both, nobody guesses: the person is asked again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from orchestrator_bridge.question.values import Option
from orchestrator_bridge.question.words import EDGES, fold, words

YES_NO = (Option(id="yes", label="Yes"), Option(id="no", label="No"))
"""A confirm as people see it: as two options, so that a number counts too."""

Side = Literal["yes", "no", "unsure"]
_FRONT = EDGES.replace("-", "")
"""Signs before a phrase that say nothing; `-1` is a no."""
_SIGNS = ".,;:!…–—-)\n"


def yes_or_no(text: str) -> Literal["yes", "no"] | None:
    """What `text` says, by the words it begins with once filling words are taken off; None if that is neither or not clear."""
    line = fold(text)
    number = re.fullmatch(r"[#(]*([12])[).!]*", line)
    if number:
        return "yes" if number[1] == "1" else "no"
    return _said(line)


def _said(line: str) -> Literal["yes", "no"] | None:
    side, rest = _opening(line)
    if side is None or side == "unsure" or rest.lstrip().startswith("?"):
        return None
    if _opening(rest)[0] == "unsure" or _ending(rest) not in (None, side):
        return None
    return side


def _opening(line: str) -> tuple[Side | None, str]:
    """The side of the first words that have one, and what follows them."""
    line = line.lstrip(_FRONT)
    while line:
        sides = [(end, side) for end, side in _sides(line)]
        if sides:
            end, side = max(sides)
            return side, line[end:]
        filler = words().filler.match(line)
        if filler is None:
            return None, line
        line = line[filler.end() :].lstrip(_FRONT)
    return None, ""


def _sides(line: str) -> Iterator[tuple[int, Side]]:
    """Every phrase with a side that the line begins with: where it ends, and its side."""
    known = words()
    clear: tuple[tuple[Side, re.Pattern[str]], ...] = (("yes", known.yes), ("no", known.no), ("unsure", known.unsure))
    alone: tuple[tuple[Side, re.Pattern[str]], ...] = (("yes", known.yes_alone), ("no", known.no_alone))
    for side, pattern in clear:
        if match := pattern.match(line):
            yield match.end(), side
    for side, pattern in alone:
        if (match := pattern.match(line)) and _stands_alone(line[match.end() :]):
            yield match.end(), side


def _stands_alone(rest: str) -> bool:
    """Whether a word is not part of what follows: "no" before "backups exist" is no answer, nor "sure" before "about that?"."""
    rest = rest.lstrip()
    if "?" in rest:
        return False
    known = words()
    lists = (known.filler, known.because, known.yes, known.no, known.yes_alone)
    return not rest or rest[0] in _SIGNS or not rest[0].isalnum() or any(one.match(rest) for one in lists)


def _ending(line: str) -> Side | None:
    """The side of the words that the line ends with; of two that end there, the longer."""
    known = words()
    lists: tuple[tuple[Side, re.Pattern[str]], ...] = (
        ("yes", known.yes),
        ("no", known.no),
        ("yes", known.yes_alone),
        ("no", known.no_alone),
    )
    ends = [
        (match.start(), side)
        for side, pattern in lists
        for match in pattern.finditer(line)
        if not re.search(r"\w", line[match.end() :])
    ]
    return min(ends)[1] if ends else None
