"""Parsing of a reply by the kind of the question.

Own words are always valid for a `text`, and for a `choice` unless they are only a number that no option has. A `confirm` and an
approval need a yes or a no, and a `number` one number in its range. Any other reply becomes an `UnparsedReply`, whose hint tells
the person what is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.common.text import clean
from orchestrator_bridge.question.model import Ask, Option
from orchestrator_bridge.question.parsing.choice import find_ambiguous_number, find_exact_option, find_option, parse_option_number
from orchestrator_bridge.question.parsing.lexicon import EDGES, fold_text, lexicon, strip_courtesy
from orchestrator_bridge.question.parsing.number import AmbiguousNumber, parse_numbers, starts_with_number
from orchestrator_bridge.question.parsing.own_words import has_words, own_words

YES_NO = (Option(id="yes", label="Yes"), Option(id="no", label="No"))
"""Options of a confirm as people see them; so `1` and `2` are valid replies too."""

ConfirmSide = Literal["yes", "no", "unsure"]
_LEADING_SIGNS = EDGES.replace("-", "")
"""Characters without a meaning before a phrase; the minus stays, because `-1` is a no."""
_SIGNS = ".,;:!…–—-)\n"


def parse_yes_no(text: str) -> Literal["yes", "no"] | None:
    """Recognise a yes or a no by the first words after filler words; None if it is neither, or unclear.

    The end of the text must not contradict its beginning: "yes … or rather not" is unclear.
    """
    line = fold_text(text)
    number = re.fullmatch(r"[#(]*([12])[).!]*", line)
    if number:
        return "yes" if number[1] == "1" else "no"
    return _parse_line(line)


def _parse_line(line: str) -> Literal["yes", "no"] | None:
    if _only_agrees(line):
        return "yes"
    side, rest = _opening_side(line)
    if side is None or side == "unsure" or rest.lstrip().startswith("?"):
        return None
    if _opening_side(rest)[0] == "unsure" or _ending_side(rest) not in (None, side):
        return None
    return side


def _only_agrees(line: str) -> bool:
    """True if a line consists of phrases of consent and words that say nothing beside them: "I have no objection, go ahead"."""
    known = lexicon()
    rest = known.yes.sub(" ", line)
    if rest == line or "?" in line:
        return False
    return not known.beside_yes.sub(" ", known.filler.sub(" ", rest)).strip(EDGES)


def _opening_side(line: str) -> tuple[ConfirmSide | None, str]:
    """Side of the first words that have one, and the rest of the line."""
    line = line.lstrip(_LEADING_SIGNS)
    while line:
        if sides := list(_leading_sides(line)):
            end, side = max(sides)  # of several phrases, the longest
            return side, line[end:]
        filler = lexicon().filler.match(line)
        if filler is None:
            return None, line
        line = line[filler.end() :].lstrip(_LEADING_SIGNS)
    return None, ""


def _leading_sides(line: str) -> Iterator[tuple[int, ConfirmSide]]:
    """End and side of every phrase with a side that the line begins with."""
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
    """True if a word is independent of what follows: "no" before "backups exist" is not, nor "sure" before "about that?"."""
    rest = rest.lstrip()
    if "?" in rest:
        return False
    known = lexicon()
    lists = (known.filler, known.because, known.yes, known.no, known.yes_alone)
    return not rest or rest[0] in _SIGNS or not rest[0].isalnum() or any(pattern.match(rest) for pattern in lists)


def _ending_side(line: str) -> ConfirmSide | None:
    """Side of the phrase that the line ends with; of several, the longest."""
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


APPROVE, APPROVE_TOOL, DENY = "approve", "approve_tool", "deny"
"""Ids of the options of an approval."""


def parse_consent(options: Sequence[Option], texts: Sequence[str]) -> str | None:
    """Id of the option that a person's messages (oldest first) choose; None where that would be a guess.

    The newest message counts. Only an unconditional yes approves. A no denies, and so does a condition or an objection, which the
    agent reads. Other words, doubts, questions, unknown numbers and unclear emoji are asked about.
    """
    newest = texts[-1]
    option = find_option(options, newest)
    if option is None and (newest.rstrip().endswith("?") or parse_option_number(newest) is not None):
        return None
    side = parse_yes_no(newest)
    if option is None and side is None and not has_words(newest):
        return None
    if _is_qualified(newest):
        return DENY
    if option is not None or side is None:
        return option.id if option is not None else None
    return APPROVE if side == "yes" else DENY


def _is_qualified(text: str) -> bool:
    """True if a condition or an objection limits a consent ("but", "if", "not"); "no problem" is none of them."""
    known = lexicon()
    # Doubts and phrases of consent are no objections, although "not sure" contains a "not" and "no problem" a "no".
    line = known.yes.sub(" ", known.unsure.sub(" ", fold_text(text)))
    return any(words.search(line) is not None for words in (known.condition, known.no, known.against))


MAX_REPLY = 10_000
"""Characters of one message that are stored. Platforms allow up to 40,000; answers rarely have more than 1,000."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParsedReply:
    """A valid reply with its words. `choice` is the id of an option, or `yes` or `no`."""

    text: str
    choice: str | None = None
    number: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnparsedReply:
    """A reply that is not a valid answer; `hint` tells the person what is expected."""

    text: str
    hint: str


def parse_reply(ask: Ask, text: str) -> ParsedReply | UnparsedReply:
    """Parse one message as an answer."""
    return parse_messages(ask, (text,))


def parse_messages(ask: Ask, parts: Sequence[str]) -> ParsedReply | UnparsedReply:
    """Parse several messages of one person, oldest first, as one answer: the newest that contains a decision counts."""
    texts = [kept for part in parts if (kept := clean(part, MAX_REPLY).strip())]
    whole = "\n".join(texts)
    if not texts:
        return UnparsedReply(text="", hint="Your reply is empty; please write your answer.")
    texts = [own for text in texts if (own := text if find_exact_option(ask, text) else own_words(text))]
    if not texts:
        return UnparsedReply(text=whole, hint="Your reply only quotes; please write your answer below the quotation.")
    if ask.kind == "approval":
        return _parse_approval(ask, texts, whole)
    # "Wait" or "let me check" is not an answer, not even to a question for own words.
    if lexicon().holding.fullmatch(strip_courtesy(texts[-1])):
        return UnparsedReply(
            text=whole, hint="No hurry: the question stays open. If it takes long, reply “more time”, or “not me”."
        )
    if ask.kind == "choice":
        return _parse_choice(ask, texts, whole)
    if ask.kind == "confirm":
        return _parse_confirm(texts, whole)
    if ask.kind == "number":
        return _parse_number(ask, texts, whole)
    return ParsedReply(text=whole)


def is_complete(ask: Ask, text: str) -> bool:
    """True if a text is one clear answer and nothing else, so that nothing more is to be expected from its author.

    That is an option's number, label or id, a yes or a no, or a number in range with or without its unit. Own words never are:
    people send one thought in several messages. Nor is an approval, which often cannot be taken back: a "no, stop" can follow.
    """
    parsed = parse_reply(ask, text)
    if isinstance(parsed, UnparsedReply) or ask.kind == "approval":
        return False
    line = fold_text(text).strip(EDGES)
    if ask.kind == "confirm":
        known = lexicon()
        phrases = (known.yes, known.no, known.yes_alone, known.no_alone)
        return line in ("1", "2") or any(phrase.fullmatch(line) for phrase in phrases)
    if ask.kind == "number":
        unit = re.escape(fold_text(ask.unit))
        return bool(re.fullmatch(rf"[-+]?\d[\d.,'\u2019\u202f\u00a0 ]*(?:{unit})?", fold_text(text).rstrip(".!")))
    return parsed.choice is not None and (line.isdecimal() or find_exact_option(ask, text) is not None)


def _parse_choice(ask: Ask, texts: Sequence[str], whole: str) -> ParsedReply | UnparsedReply:
    for text in reversed(texts):
        if ambiguous := find_ambiguous_number(ask.options, text):
            return UnparsedReply(text=whole, hint=_ambiguous_hint(ask, *ambiguous))
        if option := find_option(ask.options, text):
            return ParsedReply(text=whole, choice=option.id)
    number = parse_option_number(texts[-1])
    if number is not None:
        hint = f"There is no option {number}; please reply with a number from 1 to {len(ask.options)}, or in your own words."
        return UnparsedReply(text=whole, hint=hint)
    if not has_words(texts[-1]):
        hint = f"That names none of the options; please reply with a number from 1 to {len(ask.options)}, or in words."
        return UnparsedReply(text=whole, hint=hint)
    return ParsedReply(text=whole)


def _ambiguous_hint(ask: Ask, numbered: Option, labelled: Option) -> str:
    number, other = ask.options.index(numbered) + 1, ask.options.index(labelled) + 1
    return (
        f"{number} can mean option {number}, “{numbered.label}”, or “{labelled.label}”; please reply “option {number}” for the "
        f"first, or “option {other}” for the second."
    )


def _parse_approval(ask: Ask, texts: Sequence[str], whole: str) -> ParsedReply | UnparsedReply:
    choice = parse_consent(ask.options, texts)
    if choice is None:
        return UnparsedReply(
            text=whole,
            hint="Please approve or deny. You can add a reason, which the agent reads; it cannot answer questions here.",
        )
    return ParsedReply(text=whole, choice=choice)


def _parse_confirm(texts: Sequence[str], whole: str) -> ParsedReply | UnparsedReply:
    side = next((found for text in reversed(texts) if (found := parse_yes_no(text))), None)
    if side is None:
        return UnparsedReply(text=whole, hint="I need a yes or a no here; please begin your reply with one of them.")
    return ParsedReply(text=whole, choice=side)


def _parse_number(ask: Ask, texts: Sequence[str], whole: str) -> ParsedReply | UnparsedReply:
    unit = ask.unit
    try:
        # A message that begins with its number is a correction of the earlier ones; otherwise all of them must have one number.
        leading = (found for text in reversed(texts) if starts_with_number(text) and len(found := parse_numbers(text, unit)) == 1)
        found = next(leading, frozenset[float]()) or parse_numbers("\n".join(texts), unit)
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
    """Describe the expected number, to follow the word "number": ` of GB from 1 to 10`, or `, such as 12 or 3.5`."""
    unit = f" of {ask.unit}" if ask.unit else ""
    if ask.min is not None and ask.max is not None:
        return f"{unit} from {ask.min:.15g} to {ask.max:.15g}"
    if ask.min is not None:
        return f"{unit}, at least {ask.min:.15g}"
    if ask.max is not None:
        return f"{unit}, at most {ask.max:.15g}"
    return unit or ", such as 12 or 3.5"
