"""Recognition of the number in a reply: `about 12`, `1,500`, `3.5 h`, `10k`, `zwölf`. Ambiguous numbers are refused."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.question.parsing.lexicon import EDGES, fold_text, lexicon


@dataclass(frozen=True, kw_only=True, slots=True)
class Units:
    """The unit of the question and its family (word -> size). Without a family, numbers are not converted."""

    name: str = ""
    family: Mapping[str, float] = field(default_factory=dict)

    def knows(self, word: str) -> bool:
        """True if a word is a unit of the same family."""
        return word in self.family

    def accepts(self, word: str) -> bool:
        """True if a number with this word fits the question: a unit of the family, or the unit's own name (`servers`)."""
        return self.knows(word) or word == fold_text(self.name)

    def size(self, word: str) -> float:
        """Size of a unit of the family, in the smallest unit of the family."""
        return self.family[word]

    def is_foreign(self, word: str) -> bool:
        """True if a word is a unit of another family: `GB` where the question asks for hours."""
        if not self.name or self.knows(word) or word == fold_text(self.name):
            return False
        return any(word in family for family in lexicon().units.values())

    def convert(self, value: float, word: str) -> float:
        """Convert a number with a unit word to the unit of the question, rounded to 12 digits against binary noise."""
        if not self.knows(word):
            return value
        return float(f"{value * self.family[word] / self.family[fold_text(self.name)]:.12g}")


def find_units(unit: str) -> Units:
    """Look up a unit and its family; an unknown unit (`servers`) has none."""
    word = fold_text(unit)
    family = next((family for family in lexicon().units.values() if word in family), {})
    return Units(name=unit, family=family)


_NUMBER = re.compile(
    r"(?<![\w.,])(?:(?P<before>[$€£])\s?)?(?P<sign>(?<![\w)])[-−])?"
    r"(?P<digits>\d[\d.,'\u00a0\u202f]*|\.\d+)(?![^\W\d_]*\d)"  # not `1e6`, `5x6`
)
_WORD = re.compile(r"\s?([^\W\d_]+|[%$€£])")
_BETWEEN = re.compile(r"[\s,]*(?:and|und)?\s*")
_GROUPED = re.compile(r"\d{1,3}(?:(?P<mark>['\u00a0\u202f])\d{3})(?:(?P=mark)\d{3})*(?:[.,]\d+)?")
_COMMAS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_POINTS = re.compile(r"\d{1,3}(?:(?:\.\d{3})+,\d+|(?:\.\d{3}){2,})")
_TWO_READINGS = re.compile(r"[1-9]\d{0,2}\.\d{3}")
_PLAIN = re.compile(r"\d*[.,]?\d+")


class AmbiguousNumber(TownhallError, ValueError):
    """A number with two readings, or with none; the text says which, and what to write instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _NumberMatch:
    """A number in a line with its unit word if there is one, and the span of both."""

    value: float
    unit: str
    start: int
    end: int


def parse_numbers(text: str, unit: str = "") -> frozenset[float]:
    """Return all numbers in a text, converted to `unit`. A number in words counts only if it is the whole text.

    Raises:
        AmbiguousNumber: a number has two readings, or a unit of another family.
    """
    units = find_units(unit)
    # Spaces are inserted after known units: `1h30m` becomes `1h 30m`.
    line = re.sub(r"(?<=\d)(\s?)([^\W\d_]+)(?=\d)", lambda found: found[0] + " " * units.knows(found[2]), _fold_kept(text))
    found = frozenset(_converted(group, units) for group in _groups(list(_number_matches(line, units)), line, units))
    written = _number_words(_strip_leading(line).strip(EDGES), units)
    return found or (frozenset() if written is None else frozenset({written}))


def starts_with_number(text: str) -> bool:
    """True if a text begins with a number, apart from filler words."""
    front = _strip_leading(_fold_kept(text), "")
    return _NUMBER.match(front) is not None or front.strip(EDGES) in lexicon().numbers


def _fold_kept(text: str) -> str:
    """Fold a text, but keep spaces that group digits (`1 500`), as apostrophes."""
    return fold_text(re.sub(r"(?<=\d)[\u00a0\u202f](?=\d{3})", "'", text))


def _number_words(phrase: str, units: Units) -> float | None:
    """Value of `twelve`, `two hours`, `half an hour`; None for any other phrase."""
    number, _, unit = phrase.rpartition(" ")
    known = lexicon().numbers
    if phrase in known:
        return float(known[phrase])
    if units.knows(phrase):
        return units.convert(1.0, phrase)
    return units.convert(float(known[number]), unit) if number in known and units.accepts(unit) else None


def _strip_leading(line: str, currencies: str = "$€£") -> str:
    """Remove punctuation, currency signs and filler words before a number."""
    known = lexicon()
    before = ""
    while line != before:
        before = line
        line = line.lstrip(EDGES.replace("-", "").replace(".", "") + "~≈<>=" + currencies)
        if match := known.turn.match(line) or known.filler.match(line):
            line = line[match.end() :]
    return line


def _number_matches(line: str, units: Units) -> Iterator[_NumberMatch]:
    for match in _NUMBER.finditer(line):
        if _preceded_by(lexicon().no_alone, line, match.start()):
            raise AmbiguousNumber("That rules a number out; please write the number that you mean.")
        value = float(_normalise_digits(match["digits"].rstrip(".,'")))
        if match["sign"] or _preceded_by(lexicon().minus, line, match.start()):
            value = -value
        word, end = _next_word(line, match.end())
        # `10k` and `3 million` are one number, unless the word is a unit of the question (`m` for minutes).
        if word in lexicon().multipliers and not units.knows(word):
            value *= lexicon().multipliers[word]
            word, end = _next_word(line, end)
        if not math.isfinite(value):
            raise AmbiguousNumber("That number is too large; please write a smaller one.")
        yield _NumberMatch(value=value, unit=match["before"] or word, start=match.start(), end=end)


def _next_word(line: str, at: int) -> tuple[str, int]:
    """The word that begins at a position of a line, and its end."""
    match = _WORD.match(line, at)
    return (match[1], match.end()) if match else ("", at)


def _groups(found: Sequence[_NumberMatch], line: str, units: Units) -> Iterator[tuple[_NumberMatch, ...]]:
    """Group numbers that are one quantity together: `1 h 30 min`."""
    group: tuple[_NumberMatch, ...] = ()
    for match in found:
        # Only a smaller unit continues a quantity: `1 h 30 min` is one, `30 min 1 h` and `1 h, 2 h` are two.
        if group and not _continues(group[-1], match, line, units):
            yield group
            group = ()
        group = (*group, match)
    if group:
        yield group


def _continues(first: _NumberMatch, second: _NumberMatch, line: str, units: Units) -> bool:
    larger = units.knows(first.unit) and units.knows(second.unit) and units.size(first.unit) > units.size(second.unit)
    return larger and _BETWEEN.fullmatch(line[first.end : second.start].strip()) is not None


def _converted(group: Sequence[_NumberMatch], units: Units) -> float:
    foreign = next((match for match in group if units.is_foreign(match.unit)), None)
    if foreign is not None:
        raise AmbiguousNumber(f"I need a number in {units.name}, and found one in {foreign.unit}.")
    if len(group) == 1:
        return units.convert(group[0].value, group[0].unit)
    return round(sum(units.convert(match.value, match.unit) for match in group), 12)


def _preceded_by(phrases: re.Pattern[str], line: str, at: int) -> bool:
    """True if one of the phrases ends right before a position of a line."""
    return any(match.end() == len(line[:at].rstrip()) for match in phrases.finditer(line[:at].rstrip()))


def _normalise_digits(digits: str) -> str:
    """Rewrite digits as Python reads them.

    `1,500` is read as fifteen hundred and `1.500,00` too, but `1.500` is ambiguous: English reads one and a half, German fifteen
    hundred. Refusing it costs the person one message; guessing wrong costs a factor of a thousand.
    """
    if _TWO_READINGS.fullmatch(digits):
        whole, _, rest = digits.partition(".")
        raise AmbiguousNumber(f"{digits} can be read in two ways; please write {whole}{rest} or {float(digits):g}.")
    if _GROUPED.fullmatch(digits):
        return digits.replace("'", "").replace(",", ".")
    if _COMMAS.fullmatch(digits):
        return digits.replace(",", "")
    if _POINTS.fullmatch(digits):
        return digits.replace(".", "").replace(",", ".")
    if _PLAIN.fullmatch(digits):
        return digits.replace(",", ".")
    raise AmbiguousNumber(f"I cannot read {digits} as a number; please write it in digits, such as 1500 or 1.5.")
