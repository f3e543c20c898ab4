"""What the words of a reply say, by the kind of the question.

Own words always count for a `text`, and for a `choice` unless they are only a number that no option has; for an approval they
are a no. A `confirm` needs a yes or a no and a `number` one number in its range: what they cannot take becomes a `UnparsedReply`,
one friendly line for the person, who may try again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_bridge.question.confirm import parse_yes_no
from orchestrator_bridge.question.consent import parse_consent
from orchestrator_bridge.question.number import AmbiguousNumber, parse_numbers, starts_with_number
from orchestrator_bridge.question.option import find_option, parse_option_number
from orchestrator_bridge.question.values import Ask
from orchestrator_bridge.question.words import lexicon, strip_courtesy
from orchestrator_bridge.text import clean

MAX_REPLY = 10_000
"""Characters of one message that are kept; no platform's message is longer than 40,000, and few answers than 1,000."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedReply:
    """What was understood, with the words kept. `choice` is an option's id, or `yes` or `no`."""

    text: str
    choice: str | None = None
    number: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnparsedReply:
    """What was said cannot be taken as an answer; `hint` says to the person what is expected."""

    text: str
    hint: str


def parse_reply(ask: Ask, text: str) -> ParsedReply | UnparsedReply:
    """One message as an answer to what was asked."""
    return parse_messages(ask, (text,))


def parse_messages(ask: Ask, parts: Sequence[str]) -> ParsedReply | UnparsedReply:
    """Several messages of one person, oldest first, as one answer: the newest that decides something does."""
    texts = [kept for part in parts if (kept := clean(part, MAX_REPLY).strip())]
    whole = "\n".join(texts)
    if not texts:
        return UnparsedReply(text="", hint="Your reply came without any words; please write your answer.")
    if ask.kind == "approval":
        return _parse_approval(ask, texts, whole)
    if lexicon().holding.fullmatch(strip_courtesy(texts[-1])):
        return UnparsedReply(text=whole, hint="No hurry, I wait for your answer. If it takes long, say “more time”, or “not me”.")
    if ask.kind == "choice":
        return _parse_choice(ask, texts, whole)
    if ask.kind == "confirm":
        return _parse_confirm(texts, whole)
    if ask.kind == "number":
        return _parse_number(ask, texts, whole)
    return ParsedReply(text=whole)


def _parse_choice(ask: Ask, texts: Sequence[str], whole: str) -> ParsedReply | UnparsedReply:
    option = next((found for text in reversed(texts) if (found := find_option(ask.options, text))), None)
    number = parse_option_number(texts[-1]) if option is None else None
    if number is not None:
        hint = f"There is no option {number}; please reply with a number from 1 to {len(ask.options)}, or in your own words."
        return UnparsedReply(text=whole, hint=hint)
    return ParsedReply(text=whole, choice=option.id if option else None)


def _parse_approval(ask: Ask, texts: Sequence[str], whole: str) -> ParsedReply | UnparsedReply:
    choice = parse_consent(ask.options, texts)
    if choice is None:
        return UnparsedReply(
            text=whole, hint="Please approve or deny; write why, and the agent reads it. Nobody can be asked back here."
        )
    return ParsedReply(text=whole, choice=choice)


def _parse_confirm(texts: Sequence[str], whole: str) -> ParsedReply | UnparsedReply:
    side = next((found for text in reversed(texts) if (found := parse_yes_no(text))), None)
    if side is None:
        return UnparsedReply(
            text=whole, hint="I need a yes or a no here; please begin your reply with one of them, more words are welcome."
        )
    return ParsedReply(text=whole, choice=side)


def _parse_number(ask: Ask, texts: Sequence[str], whole: str) -> ParsedReply | UnparsedReply:
    unit = ask.unit
    try:
        leading = (found for text in reversed(texts) if starts_with_number(text) and len(found := parse_numbers(text, unit)) == 1)
        found = next(leading, frozenset[float]()) or parse_numbers(whole, unit)
    except AmbiguousNumber as unclear:
        return UnparsedReply(text=whole, hint=str(unclear))
    if len(found) == 1:
        return _check_range(ask, next(iter(found)), whole)
    problem = f"I found {len(found)} numbers in that" if found else "I found no number in that"
    return UnparsedReply(text=whole, hint=f"{problem}; please reply with one number{expected_number(ask)}.")


def _check_range(ask: Ask, number: float, whole: str) -> ParsedReply | UnparsedReply:
    low, high = ask.min is not None and number < ask.min, ask.max is not None and number > ask.max
    if not low and not high:
        return ParsedReply(text=whole, number=number)
    problem = f"{f'{round(number, 4):.15g} {ask.unit}'.strip()} is too {'small' if low else 'large'}"
    return UnparsedReply(text=whole, hint=f"{problem}; please reply with a number{expected_number(ask)}.")


def expected_number(ask: Ask) -> str:
    """What a number must be, to follow the word "number": ` of GB from 1 to 10`; nothing in particular: `, such as 12 or 3.5`."""
    unit = f" of {ask.unit}" if ask.unit else ""
    if ask.min is not None and ask.max is not None:
        return f"{unit} from {ask.min:.15g} to {ask.max:.15g}"
    if ask.min is not None:
        return f"{unit}, at least {ask.min:.15g}"
    if ask.max is not None:
        return f"{unit}, at most {ask.max:.15g}"
    return unit or ", such as 12 or 3.5"
