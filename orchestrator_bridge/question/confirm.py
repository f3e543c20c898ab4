"""Whether a reply says yes or no. Where it says neither, or both, nobody guesses: the person is asked again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from orchestrator_bridge.question.values import Option
from orchestrator_bridge.question.words import EDGES, fold_text, lexicon

YES_NO = (Option(id="yes", label="Yes"), Option(id="no", label="No"))
"""A confirm as people see it: as two options, so that a number counts too."""

ConfirmSide = Literal["yes", "no", "unsure"]
_LEADING_SIGNS = EDGES.replace("-", "")
"""Signs before a phrase that say nothing; `-1` is a no."""
_SIGNS = ".,;:!…–—-)\n"


def parse_yes_no(text: str) -> Literal["yes", "no"] | None:
    """What `text` says, by the words it begins with once filling words are taken off; None if that is neither or not clear."""
    line = fold_text(text)
    number = re.fullmatch(r"[#(]*([12])[).!]*", line)
    if number:
        return "yes" if number[1] == "1" else "no"
    return _parse_line(line)


def _parse_line(line: str) -> Literal["yes", "no"] | None:
    side, rest = _opening_side(line)
    if side is None or side == "unsure" or rest.lstrip().startswith("?"):
        return None
    if _opening_side(rest)[0] == "unsure" or _ending_side(rest) not in (None, side):
        return None
    return side


def _opening_side(line: str) -> tuple[ConfirmSide | None, str]:
    """The side of the first words that have one, and what follows them."""
    line = line.lstrip(_LEADING_SIGNS)
    while line:
        sides = [(end, side) for end, side in _leading_sides(line)]
        if sides:
            end, side = max(sides)
            return side, line[end:]
        filler = lexicon().filler.match(line)
        if filler is None:
            return None, line
        line = line[filler.end() :].lstrip(_LEADING_SIGNS)
    return None, ""


def _leading_sides(line: str) -> Iterator[tuple[int, ConfirmSide]]:
    """Every phrase with a side that the line begins with: where it ends, and its side."""
    known = lexicon()
    clear: tuple[tuple[ConfirmSide, re.Pattern[str]], ...] = (("yes", known.yes), ("no", known.no), ("unsure", known.unsure))
    alone: tuple[tuple[ConfirmSide, re.Pattern[str]], ...] = (("yes", known.yes_alone), ("no", known.no_alone))
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
    known = lexicon()
    lists = (known.filler, known.because, known.yes, known.no, known.yes_alone)
    return not rest or rest[0] in _SIGNS or not rest[0].isalnum() or any(one.match(rest) for one in lists)


def _ending_side(line: str) -> ConfirmSide | None:
    """The side of the words that the line ends with; of two that end there, the longer."""
    known = lexicon()
    lists: tuple[tuple[ConfirmSide, re.Pattern[str]], ...] = (
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
