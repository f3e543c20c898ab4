"""Which option a reply names: by number, label, id, a beginning that is like no other, or in the middle of a sentence.

The reading is careful, since own words count anyway: where a reply names two options, speaks against one, or asks back, no option
is chosen and the words speak for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from orchestrator_bridge.question.values import Ask, Option
from orchestrator_bridge.question.words import EDGES, fold, words

_KEYCAP = re.compile("[\ufe0f\u20e3]")
_LEADING = re.compile(r"[#(\[]*(\d{1,2})(?!\w)(\s*[).:,;\]!]++(?!\s*\d)|\s+[–—-]+\s|)\s*(.*)")
"""A number at the beginning, the sign after it if any, and the rest."""
_OTHER = re.compile(r"(?<![\w.,])(\d{1,2})(?=\s*(?:$|[).,;:!]))")
"""A number that stands as if it were an option's."""


def named(options: Sequence[Option], text: str) -> Option | None:
    """The one option that `text` names, or None if it names none or several."""
    lines = [fold(_KEYCAP.sub("", line)) for line in text.splitlines() if line.strip()]
    found = [option for line in lines if (option := _by_line(options, line))]
    if found:
        return _only(found)
    return _mentioned(options, " ".join(lines))


def exactly(ask: Ask, text: str) -> Option | None:
    """The option whose label or id is all that `text` says."""
    phrase = fold(text).strip(EDGES)
    return _only(option for option in ask.options if phrase in (fold(option.label).strip(EDGES), fold(option.id)))


def bare_number(text: str) -> int | None:
    """The number that is all that `text` says, filling words and words such as "option" aside."""
    line = _unfilled(fold(_KEYCAP.sub("", text))).strip(EDGES + "#")
    return int(line) if re.fullmatch(r"\d{1,3}", line) else None


def _by_line(options: Sequence[Option], line: str) -> Option | None:
    looks: tuple[Callable[[Sequence[Option], str], Option | None], ...] = (_whole, _leading, _announced, _bare)
    return next((option for look in looks if (option := look(options, line))), None)


def _whole(options: Sequence[Option], line: str) -> Option | None:
    """The line is a label, a number, an id, or the beginning of one label or id, and nothing else.

    Who is not sure ("wait", "maybe") has not begun to say "Wait and measure".
    """
    phrase = line.strip(EDGES + "#")
    if not phrase:
        return None
    label = [option for option in options if fold(option.label).strip(EDGES) == phrase]
    if label:
        return _only(label)
    number = _numbered(options, phrase)
    if number is not None:
        return number
    if words().unsure.fullmatch(phrase):
        return None
    return _by_id(options, phrase) or _only(option for option in options if _begins(option, phrase))


def _only(found: Iterable[Option]) -> Option | None:
    ids = {option.id: option for option in found}
    return next(iter(ids.values())) if len(ids) == 1 else None


def _numbered(options: Sequence[Option], digits: str) -> Option | None:
    number = int(digits) if re.fullmatch(r"\d{1,2}", digits) else words().numbers.get(digits, 0)
    return options[number - 1] if 1 <= number <= len(options) else None


def _by_id(options: Sequence[Option], phrase: str) -> Option | None:
    return _only(option for option in options if fold(option.id) == phrase)


def _begins(option: Option, phrase: str) -> bool:
    """Whether a label or id begins so; a word that says something by itself ("no") must be a whole word of it (not "Node")."""
    beginnings = [name for name in (fold(option.label), fold(option.id)) if name.startswith(phrase)]
    if _says_something(phrase):
        return any(not name[len(phrase) :][:1].isalnum() for name in beginnings)
    return bool(beginnings)


def _says_something(phrase: str) -> bool:
    known = words()
    lists = (known.yes, known.no, known.yes_alone, known.no_alone, known.unsure, known.filler, known.against)
    return any(one.fullmatch(phrase) for one in lists)


def _leading(options: Sequence[Option], line: str) -> Option | None:
    """`2) because …`, `2 please`, `2 postgres`; not `2 concerns`, `2-3` or `2, maybe 1`."""
    match = _LEADING.fullmatch(line)
    option = _numbered(options, match[1]) if match else None
    if match is None or option is None:
        return None
    sign, rest = match[2], match[3]
    others = {_numbered(options, other) for other in _OTHER.findall(rest)} - {None, option}
    plain = bool(sign) or not re.search(r"\w", rest) or bool(words().because.match(rest))
    mentioned = _mentioned(options, rest)
    agrees = mentioned is option or (plain and mentioned is None)
    return option if agrees and not others else None


def _announced(options: Sequence[Option], line: str) -> Option | None:
    """`I'd say option 2`, `#2 looks right`."""
    if _doubtful(line):
        return None
    tails = [line[match.end() :] for match in words().option.finditer(line)] + [f"#{tail}" for tail in line.split("#")[1:]]
    announced = [match[1] for tail in tails if (match := re.match(r"\.?\s*#?\s*(\w+)", tail))]
    return _only(option for one in announced if (option := _numbered(options, one) or _by_id(options, one)))


def _bare(options: Sequence[Option], line: str) -> Option | None:
    """`no wait, the second one`, `I'd go with post`: nothing but filling words around it."""
    phrase = _unfilled(line)
    if not phrase:
        return None
    place = words().ordinals.get(phrase)
    if place is not None:
        return options[place - 1] if place <= len(options) else None
    if words().recommended.fullmatch(phrase):
        return _only(option for option in options if option.recommended)
    return _whole(options, phrase) or _only(option for option in options if _holds(option, phrase))


def _unfilled(line: str) -> str:
    known = words()
    line = known.turn.sub(" ", line)
    line = known.option.sub(" ", known.filler.sub(" ", line))
    return fold(line).strip(EDGES)


def _holds(option: Option, phrase: str) -> bool:
    """Whether a label has this phrase in it as whole words: "postgres" in "Use Postgres 16"."""
    return len(phrase) > 2 and not _says_something(phrase) and _find(phrase).search(fold(option.label)) is not None


def _find(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)")


def _mentioned(options: Sequence[Option], line: str) -> Option | None:
    """`let's go with staging please`: exactly one label stands in the sentence, and nothing speaks against it."""
    line = words().turn.sub(" ", line)
    found: list[Option] = []
    for option in sorted(options, key=lambda option: -len(option.label)):
        label = fold(option.label).strip(EDGES)
        if _telling(label) and _find(label).search(line):
            found += [one for one in options if fold(one.label).strip(EDGES) == label]
            line = _find(label).sub(" ", line)
    return None if _doubtful(line) else _only(found)


def _telling(label: str) -> bool:
    """Whether a label in the middle of a sentence is meant: not a letter, a number or a filling word."""
    return len(label) > 1 and not label.isdecimal() and words().filler.fullmatch(label) is None


def _doubtful(line: str) -> bool:
    return "?" in line or words().against.search(line) is not None
