"""What a typed message does beside answering: pass, hand over, ask for more time, ask again.

Each is read only where it is the whole message, so that no answer is taken for one; an option that is called so comes first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from orchestrator_bridge.duration import parse_duration
from orchestrator_bridge.question.option import exactly
from orchestrator_bridge.question.read import Misread, read
from orchestrator_bridge.question.values import Ask, Mentioned
from orchestrator_bridge.question.words import EDGES, bare, fold, words

SHORT = 3
"""Words beside a mention that say nothing of their own: "@ben please", "over to @ben"."""

_MENTION = re.compile(r"<@[!&]?\w+(?:\|[^>]*)?>|(?<![\w@])@[\w.-]*\w")
_ID = re.compile(r"<@!?(\w+)(?:\|([^>]*))?>")


def passes_on(ask: Ask, text: str) -> bool:
    """Whether a message says "not me"."""
    return words().not_me.fullmatch(bare(text)) is not None and exactly(ask, text) is None


def hands_over(ask: Ask, text: str, mentions: Sequence[Mentioned]) -> Mentioned | None:
    """The person to whom a message hands the question over: the first one named in it, unless the rest of it is an answer."""
    if not mentions:
        return None
    rest = fold(_without(text, mentions)).strip(EDGES)
    return mentions[0] if not _answers(ask, rest) else None


def names_somebody(text: str) -> bool:
    """Whether there is a mention in it, of whomever."""
    return _MENTION.search(text) is not None


def ids_named(text: str) -> tuple[tuple[str, str], ...]:
    """The ids in the mentions of a text that no adapter has read, each with a name or nothing: `<@42>`, `<@U2|ben>`."""
    return tuple((match[1], match[2] or "") for match in _ID.finditer(text))


def unknown_name(ask: Ask, text: str, mentions: Sequence[Mentioned]) -> str | None:
    """The name in a message that would hand the question over if anybody were called so, or None."""
    named = _MENTION.search(text)
    if mentions or named is None:
        return None
    rest = fold(_MENTION.sub(" ", text)).strip(EDGES + "?")
    hands = not rest or (len(rest.split()) <= 2 * SHORT and words().hand_over.search(rest) is not None)
    return named[0] if hands and not _answers(ask, rest) else None


def more_time(ask: Ask, text: str, usual: float) -> float | None:
    """The seconds that a message asks for, `usual` where it does not say how many; None if it asks for none.

    What could be a time as an answer ("I need two days") is one, unless what is asked for are options, or yes or no.
    """
    line = bare(text.rstrip().rstrip("?"))
    if exactly(ask, text) is not None:
        return None
    clear = ask.kind in ("choice", "confirm", "approval")
    for template in (*words().more_time, *(words().more_time_if_clear if clear else ())):
        match = _pattern(template).fullmatch(line)
        seconds = (usual if "{}" not in template else time_in_words(match[1])) if match else None
        if seconds is not None:
            return seconds
    return None


def asks_again(text: str) -> bool:
    """Whether a message wants a question that has ended to be asked again."""
    return words().again.fullmatch(bare(text)) is not None


def _without(text: str, mentions: Sequence[Mentioned]) -> str:
    for one in mentions:
        text = text.replace(f"@{one.author.name}", " ").replace(f"@{one.who.name}", " ")
    return _MENTION.sub(" ", text)


def _answers(ask: Ask, rest: str) -> bool:
    """Whether what stands beside a mention answers: for own words, more than a few, and none that hand over."""
    if not rest:
        return False
    reading = read(ask, rest)
    if isinstance(reading, Misread):
        return False
    if reading.choice is not None or reading.number is not None:
        return True
    plain = len(rest.split()) > SHORT and "?" not in rest
    return plain and words().hand_over.search(rest) is None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(re.escape(part) for part in template.split("{}")))


def time_in_words(text: str) -> float | None:
    """Seconds of a time as people say it: `an hour`, `2 h`, `2 more hours`, `1h 30m`, `zwei Stunden`, `until tomorrow`."""
    line = bare(text)
    if line in words().until:
        return float(words().until[line])
    line = fold(words().extra.sub(" ", line))
    try:
        return parse_duration(line) if re.search(r"\d\s*[^\W\d_]", line) else _said(line)
    except ValueError:
        return _said(line)


def _said(text: str) -> float | None:
    known, total = words(), 0.0
    for part in re.split(r"\s*(?:,|\band\b|\bund\b)\s*", text):
        amount, unit = _amount(part)
        if unit not in known.units.get("time", {}):
            return None
        total += amount * known.units["time"][unit]
    return total if total > 0 else None


def _amount(part: str) -> tuple[float, str]:
    """How many, and of what; one where no number stands before."""
    units = words().units.get("time", {})
    if part in units:
        return 1.0, part
    first, _, rest = part.partition(" ")
    if re.fullmatch(r"\d+(?:[.,]\d+)?", first):
        return float(first.replace(",", ".")), rest
    if first in words().numbers:
        return float(words().numbers[first]), rest
    return (1.0, rest) if words().filler.fullmatch(first) or rest in units else (0.0, part)
