"""What the words of a reply say, by the kind of the question.

Own words always count for a `text`, and for a `choice` unless they are only a number that no option has; for an approval they
are a no. A `confirm` needs a yes or a no and a `number` one number in its range: what they cannot take becomes a `Misread`, one
friendly line for the person, who may try again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_bridge.question.confirm import yes_or_no
from orchestrator_bridge.question.consent import consent
from orchestrator_bridge.question.number import Unclear, leads, numbers
from orchestrator_bridge.question.option import bare_number, named
from orchestrator_bridge.question.values import Ask
from orchestrator_bridge.question.words import bare, words
from orchestrator_bridge.text import clean

LIMIT = 10_000
"""Characters of one message that are kept; no platform's message is longer than 40,000, and few answers than 1,000."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What was understood, with the words kept. `choice` is an option's id, or `yes` or `no`."""

    text: str
    choice: str | None = None
    number: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Misread:
    """What was said cannot be taken as an answer; `hint` says to the person what is expected."""

    text: str
    hint: str


def read(ask: Ask, text: str) -> Reading | Misread:
    """One message as an answer to what was asked."""
    return read_parts(ask, (text,))


def read_parts(ask: Ask, parts: Sequence[str]) -> Reading | Misread:
    """Several messages of one person, oldest first, as one answer: the newest that decides something does."""
    texts = [kept for part in parts if (kept := clean(part, LIMIT).strip())]
    whole = "\n".join(texts)
    if not texts:
        return Misread(text="", hint="Your reply came without any words; please write your answer.")
    if ask.kind == "approval":
        return _approval(ask, texts, whole)
    if words().holding.fullmatch(bare(texts[-1])):
        return Misread(text=whole, hint="No hurry, I wait for your answer. If it takes long, say “more time”, or “not me”.")
    if ask.kind == "choice":
        return _choice(ask, texts, whole)
    if ask.kind == "confirm":
        return _confirm(texts, whole)
    if ask.kind == "number":
        return _number(ask, texts, whole)
    return Reading(text=whole)


def _choice(ask: Ask, texts: Sequence[str], whole: str) -> Reading | Misread:
    option = next((found for text in reversed(texts) if (found := named(ask.options, text))), None)
    number = bare_number(texts[-1]) if option is None else None
    if number is not None:
        hint = f"There is no option {number}; please reply with a number from 1 to {len(ask.options)}, or in your own words."
        return Misread(text=whole, hint=hint)
    return Reading(text=whole, choice=option.id if option else None)


def _approval(ask: Ask, texts: Sequence[str], whole: str) -> Reading | Misread:
    choice = consent(ask.options, texts)
    if choice is None:
        return Misread(
            text=whole, hint="Please approve or deny; write why, and the agent reads it. Nobody can be asked back here."
        )
    return Reading(text=whole, choice=choice)


def _confirm(texts: Sequence[str], whole: str) -> Reading | Misread:
    side = next((found for text in reversed(texts) if (found := yes_or_no(text))), None)
    if side is None:
        return Misread(
            text=whole, hint="I need a yes or a no here; please begin your reply with one of them, more words are welcome."
        )
    return Reading(text=whole, choice=side)


def _number(ask: Ask, texts: Sequence[str], whole: str) -> Reading | Misread:
    unit = ask.unit
    try:
        leading = (found for text in reversed(texts) if leads(text) and len(found := numbers(text, unit)) == 1)
        found = next(leading, frozenset[float]()) or numbers(whole, unit)
    except Unclear as unclear:
        return Misread(text=whole, hint=str(unclear))
    if len(found) == 1:
        return _in_range(ask, next(iter(found)), whole)
    problem = f"I found {len(found)} numbers in that" if found else "I found no number in that"
    return Misread(text=whole, hint=f"{problem}; please reply with one number{expected(ask)}.")


def _in_range(ask: Ask, number: float, whole: str) -> Reading | Misread:
    low, high = ask.min is not None and number < ask.min, ask.max is not None and number > ask.max
    if not low and not high:
        return Reading(text=whole, number=number)
    problem = f"{f'{round(number, 4):.15g} {ask.unit}'.strip()} is too {'small' if low else 'large'}"
    return Misread(text=whole, hint=f"{problem}; please reply with a number{expected(ask)}.")


def expected(ask: Ask) -> str:
    """What a number must be, to follow the word "number": ` of GB from 1 to 10`; nothing in particular: `, such as 12 or 3.5`."""
    unit = f" of {ask.unit}" if ask.unit else ""
    if ask.min is not None and ask.max is not None:
        return f"{unit} from {ask.min:.15g} to {ask.max:.15g}"
    if ask.min is not None:
        return f"{unit}, at least {ask.min:.15g}"
    if ask.max is not None:
        return f"{unit}, at most {ask.max:.15g}"
    return unit or ", such as 12 or 3.5"
