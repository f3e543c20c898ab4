"""Intents of a typed message other than an answer: pass, delegate, ask for more time, ask again.

An intent is recognised only if it is the whole message, so that no answer is mistaken for one; an option with that label wins.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

from orchestrator_bridge.common.duration import parse_duration
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.question.parsing.choice import find_exact_option
from orchestrator_bridge.question.parsing.lexicon import EDGES, fold_text, lexicon, strip_courtesy
from orchestrator_bridge.question.parsing.own_words import own_words
from orchestrator_bridge.question.parsing.reply import UnparsedReply, parse_reply
from orchestrator_bridge.team.directory import Mentioned

SHORT_REMARK = 3
"""Number of words beside a mention that are not an answer: "@ben please", "over to @ben"."""

_MENTION = re.compile(r"<@[!&]?\w+(?:\|[^>]*)?>|(?<![\w@])@[\w.-]*\w")
_ID = re.compile(r"<@!?(\w+)(?:\|([^>]*))?>")


def declines(ask: Ask, text: str) -> bool:
    """True if a message declines ("Not me")."""
    text = own_words(text)
    return lexicon().not_me.fullmatch(strip_courtesy(text)) is not None and find_exact_option(ask, text) is None


def delegates_to(ask: Ask, text: str, mentions: Sequence[Mentioned]) -> Mentioned | None:
    """Person to whom a message delegates the question: the first one mentioned, unless the rest of the message is an answer."""
    words = own_words(text)
    if not mentions or (words != text.strip() and not has_mention(words)):
        return None
    rest = fold_text(_without_mentions(words, mentions)).strip(EDGES)
    return mentions[0] if not _is_answer(ask, rest) else None


def has_mention(text: str) -> bool:
    """True if a text contains a mention."""
    return _MENTION.search(text) is not None


def mentioned_ids(text: str) -> tuple[tuple[str, str], ...]:
    """Ids and names (or an empty string) in the mentions of a raw text: `<@42>`, `<@U2|ben>`."""
    return tuple((match[1], match[2] or "") for match in _ID.finditer(text))


def unknown_name(ask: Ask, text: str, mentions: Sequence[Mentioned]) -> str | None:
    """Mention that would delegate the question if the name were known; None if there is none."""
    text = own_words(text)
    named = _MENTION.search(text)
    if mentions or named is None:
        return None
    rest = fold_text(_MENTION.sub(" ", text)).strip(EDGES + "?")
    delegates = not rest or (len(rest.split()) <= 2 * SHORT_REMARK and lexicon().hand_over.search(rest) is not None)
    return named[0] if delegates and not _is_answer(ask, rest) else None


def requested_seconds(ask: Ask, text: str, usual: float) -> float | None:
    """Seconds that a message asks for, `usual` if it does not say how many; None if it asks for no time.

    Words that could also answer the question ("I need two days") are an answer, unless the question has options.
    """
    text = own_words(text)
    line = strip_courtesy(text.rstrip("?"))
    if find_exact_option(ask, text) is not None:
        return None
    # Only where the answer is one of few options can "I need two days" mean nothing but a request for time.
    clear = ask.kind in ("choice", "confirm", "approval")
    for template in (*lexicon().more_time, *(lexicon().more_time_if_clear if clear else ())):
        match = _pattern(template).fullmatch(line)
        seconds = (usual if "{}" not in template else parse_time(match[1])) if match else None
        if seconds is not None:
            return seconds
    return None


def asks_to_repeat(text: str) -> bool:
    """True if a message asks to repeat a question that has ended."""
    return lexicon().again.fullmatch(strip_courtesy(own_words(text))) is not None


def asks_to_finish(text: str) -> bool:
    """True if a message in a run's thread asks for the best answer so far."""
    return lexicon().finish.fullmatch(strip_courtesy(own_words(text))) is not None


def _without_mentions(text: str, mentions: Sequence[Mentioned]) -> str:
    for person in mentions:
        text = text.replace(f"@{person.author.name}", " ").replace(f"@{person.who.name}", " ")
    return _MENTION.sub(" ", text)


def _is_answer(ask: Ask, rest: str) -> bool:
    """True if the words beside a mention are an answer; own words must be more than a few, without a phrase of delegation."""
    if not rest:
        return False
    reading = parse_reply(ask, rest)
    if isinstance(reading, UnparsedReply):
        return False
    if reading.choice is not None or reading.number is not None:
        return True
    plain = len(rest.split()) > SHORT_REMARK and "?" not in rest
    return plain and lexicon().hand_over.search(rest) is None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile("(.+?)".join(re.escape(part) for part in template.split("{}")))


def parse_time(text: str) -> float | None:
    """Seconds of a time as people write it: `an hour`, `2 h`, `2 more hours`, `1h 30m`, `zwei Stunden`, `until tomorrow`.

    None if the text is not a time.
    """
    line = strip_courtesy(text)
    if line in lexicon().until:
        return float(lexicon().until[line])
    line = fold_text(lexicon().extra.sub(" ", line))
    try:
        return parse_duration(line) if re.search(r"\d\s*[^\W\d_]", line) else _parse_span(line)
    except ValueError:
        return _parse_span(line)


def _parse_span(text: str) -> float | None:
    known, total = lexicon(), 0.0
    for part in re.split(r"\s*(?:,|\band\b|\bund\b)\s*", text):
        amount, unit = _parse_amount(part)
        if unit not in known.units.get("time", {}):
            return None
        total += amount * known.units["time"][unit]
    return total if total > 0 else None


def _parse_amount(part: str) -> tuple[float, str]:
    """Split a part of a time into amount and unit; the amount is 1 if there is no number, 0 if there is no unit."""
    units = lexicon().units.get("time", {})
    if part in units:
        return 1.0, part
    first, _, rest = part.partition(" ")
    if re.fullmatch(r"\d+(?:[.,]\d+)?", first):
        return float(first.replace(",", ".")), rest
    if first in lexicon().numbers:
        return float(lexicon().numbers[first]), rest
    return (1.0, rest) if lexicon().filler.fullmatch(first) or rest in units else (0.0, part)


QuestionVerb = Literal["cancel", "again", "more", "pass", "hand", "answer"]

_VERBS: dict[str, QuestionVerb] = {
    "cancel": "cancel",
    "close": "cancel",
    "again": "again",
    "more": "more",
    "pass": "pass",
    "hand": "pass",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionAction:
    """Action on a question, with its argument: how long, to whom, or the answer."""

    verb: QuestionVerb
    words: str = ""


def parse_question_action(ask: Ask, text: str) -> QuestionAction:
    """Parse the words of a command on a question. A verb counts only if its argument fits: `cancel the trip` is an answer."""
    text = text.strip()
    first, _, rest = text.partition(" ")
    verb, rest = _VERBS.get(fold_text(first).strip(EDGES)), rest.strip()
    if verb == "more":
        return QuestionAction(verb=verb, words=rest)
    if verb == "pass" and has_mention(rest):
        return QuestionAction(verb="hand", words=rest)
    # Words such as `please` and `it` are no argument.
    if verb is not None and not lexicon().filler.sub(" ", strip_courtesy(rest)).strip(EDGES):
        return QuestionAction(verb=verb)
    if asks_to_repeat(text):
        return QuestionAction(verb="again")
    return QuestionAction(verb="pass") if declines(ask, text) else QuestionAction(verb="answer", words=text)
