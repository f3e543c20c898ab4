"""The number in a reply: `about 12`, `1,500`, `3.5 h`, `10k`, `zwölf`. What has two readings is not guessed."""

from __future__ import annotations

import math
import re

from orchestrator_bridge.question.words import EDGES, fold, words

_NUMBER = re.compile(
    r"(?<![\w.,])(?P<sign>(?<![\w)])[-−])?"
    r"(?P<digits>\d[\d.,'\u00a0\u202f]*|\.\d+)(?![^\W\d_]*\d)"  # not `1e6`, `5x6`
    r"(?:\s?(?P<unit>[^\W\d_]+))?"
)
_GROUPED = re.compile(r"\d{1,3}(?:(?P<mark>['\u00a0\u202f])\d{3})(?:(?P=mark)\d{3})*(?:[.,]\d+)?")
_COMMAS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_POINTS = re.compile(r"\d{1,3}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})")
_TWO_READINGS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_PLAIN = re.compile(r"\d*[.,]?\d+")


class Unclear(ValueError):
    """A number can be read in two ways, or in none; the text says which and what to write instead."""


def numbers(text: str) -> frozenset[float]:
    """Every number in `text`, a written-out one only where it stands alone.

    Raises:
        Unclear: one of them can be read in two ways.
    """
    line = _fold_kept(text)
    found = frozenset(_value(match) for match in _NUMBER.finditer(line))
    written = words().numbers.get(_front(line).strip(EDGES))
    return found or (frozenset() if written is None else frozenset({float(written)}))


def leads(text: str) -> bool:
    """Whether `text` begins with its number, filling words aside."""
    front = _front(_fold_kept(text))
    return _NUMBER.match(front) is not None or front.strip(EDGES) in words().numbers


def _fold_kept(text: str) -> str:
    """Folded, but with the spaces that group digits."""
    return fold(re.sub(r"(?<=\d)[\u00a0\u202f](?=\d{3})", "'", text))


def _front(line: str) -> str:
    known = words()
    before = ""
    while line != before:
        before = line
        line = line.lstrip(EDGES.replace("-", "").replace(".", "") + "~≈<>=$€£")
        if match := known.turn.match(line) or known.filler.match(line):
            line = line[match.end() :]
    return line


def _value(match: re.Match[str]) -> float:
    digits = match["digits"].rstrip(".,'")
    number = float(_plain(digits)) * words().multipliers.get(match["unit"] or "", 1)
    if not math.isfinite(number):
        raise Unclear("That number is too large; please write a smaller one.")
    return -number if match["sign"] else number


def _plain(digits: str) -> str:
    """The digits as Python reads them."""
    if _TWO_READINGS.fullmatch(digits):
        whole, _, rest = digits.partition(".")
        raise Unclear(f"{digits} can be read in two ways; please write {whole}{rest} or {whole}.{rest}0.")
    if _GROUPED.fullmatch(digits):
        return digits.replace("'", "").replace(",", ".")
    if _COMMAS.fullmatch(digits):
        return digits.replace(",", "")
    if _POINTS.fullmatch(digits):
        return digits.replace(".", "").replace(",", ".")
    if _PLAIN.fullmatch(digits):
        return digits.replace(",", ".")
    raise Unclear(f"I cannot read {digits} as a number; please write it in digits, such as 1500 or 1.5.")
