"""Recognition of the option that a reply names: by number, label, id, unique beginning, or a label within a sentence.

The parser is careful, because a reply in a person's own words counts anyway: if a reply names two options, speaks against one,
or asks a question, no option is chosen and the words are the answer.

A number is an option's number only where it can be nothing else. `2`, `2)`, `option 2`, `#2` and `2 please` choose option 2;
`2 concerns` and `2-3` do not, because the number counts something or is part of a range, and `2, maybe 1` names two options.
Beside a first option labelled `2 nodes`, `2` means two things and chooses nothing; `option 2` and `2 nodes` are clear.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from orchestrator_bridge.question.model import Ask, Option
from orchestrator_bridge.question.parsing.lexicon import EDGES, fold_text, lexicon

_LEADING = re.compile(r"[#(\[]*(\d{1,2})(?!\w)(\s*[).:,;\]!]++(?!\s*\d)|\s+[–—-]+\s|)\s*(.*)")
"""A number at the beginning, the punctuation after it if any, and the rest."""
_OTHER = re.compile(r"(?<![\w.,])(\d{1,2})(?=\s*(?:$|[).,;:!]))")
"""A number that could be an option's: the end of the line or punctuation follows."""
_LABEL_NUMBER = re.compile(r"\W*(\d{1,2})(?!\d|[.,]\d)")
"""The number with which a label begins."""


def find_option(options: Sequence[Option], text: str) -> Option | None:
    """Return the one option that `text` names; None if it names none or several."""
    # A line that names an option by itself counts before labels within the sentences of other lines.
    lines = [fold_text(line) for line in text.splitlines() if line.strip()]
    found = [option for line in lines if (option := _match_line(options, line))]
    if found:
        return _only_match(found)
    return _match_in_sentence(options, " ".join(lines))


def find_exact_option(ask: Ask, text: str) -> Option | None:
    """Return the option whose label or id is the whole text, None if there is none."""
    phrase = fold_text(text).strip(EDGES)
    return _only_match(option for option in ask.options if phrase in (fold_text(option.label).strip(EDGES), fold_text(option.id)))


def find_ambiguous_number(options: Sequence[Option], text: str) -> tuple[Option, Option] | None:
    """Return the option whose number a text gives and another whose label begins with it, if the text can mean both."""
    if find_option(options, text) is not None:
        return None
    for line in map(fold_text, text.splitlines()):
        leading = _LEADING.fullmatch(line)
        digits = leading[1] if leading and _is_plain(leading) else _without_filler(line)
        option = _option_number(options, digits)
        namesake = _namesake(options, option)
        if option is not None and namesake is not None:
            return option, namesake
    return None


def _namesake(options: Sequence[Option], option: Option | None) -> Option | None:
    """Another option whose label begins with the number of this one: "2 nodes" for the second option."""
    if option is None:
        return None
    number = options.index(option) + 1
    return next((other for other in options if other is not option and _label_number(other) == number), None)


def _label_number(option: Option) -> int | None:
    label = fold_text(option.label)
    digits = _LABEL_NUMBER.match(label)
    return int(digits[1]) if digits else lexicon().numbers.get(label.partition(" ")[0])


def parse_option_number(text: str) -> int | None:
    """Return the number that is the whole text apart from filler words and words such as "option"; None if there is more."""
    line = _without_filler(fold_text(text)).strip(EDGES + "#")
    return int(line) if re.fullmatch(r"\d{1,3}", line) else None


def _match_line(options: Sequence[Option], line: str) -> Option | None:
    # From the strictest to the most lenient reading; the first that finds one option wins.
    matchers: tuple[Callable[[Sequence[Option], str], Option | None], ...] = (
        _match_whole_line,
        _match_leading_number,
        _match_announced,
        _match_without_filler,
    )
    return next((option for match in matchers if (option := match(options, line))), None)


def _match_whole_line(options: Sequence[Option], line: str) -> Option | None:
    """Match a line that is a label, a number, an id, or the beginning of one label or id, and nothing else.

    Words of doubt ("wait", "maybe") are not the beginning of the label "Wait and measure".
    """
    phrase = line.strip(EDGES + "#")
    if not phrase:
        return None
    number = _option_number(options, phrase)
    if _namesake(options, number) is not None and "#" not in line:
        return None
    label = [option for option in options if fold_text(option.label).strip(EDGES) == phrase]
    if label:
        return _only_match(label)
    if number is not None:
        return number
    if lexicon().unsure.fullmatch(phrase):
        return None
    return _match_id(options, phrase) or _only_match(option for option in options if _starts_with(option, phrase))


def _only_match(found: Iterable[Option]) -> Option | None:
    ids = {option.id: option for option in found}
    return next(iter(ids.values())) if len(ids) == 1 else None


def _option_number(options: Sequence[Option], digits: str) -> Option | None:
    number = int(digits) if re.fullmatch(r"\d{1,2}", digits) else lexicon().numbers.get(digits, 0)
    return options[number - 1] if 1 <= number <= len(options) else None


def _match_id(options: Sequence[Option], phrase: str) -> Option | None:
    return _only_match(option for option in options if fold_text(option.id) == phrase)


def _starts_with(option: Option, phrase: str) -> bool:
    """True if a label or id begins with the phrase. A phrase with its own meaning ("no") must be a whole word."""
    beginnings = [name for name in (fold_text(option.label), fold_text(option.id)) if name.startswith(phrase)]
    if _is_meaningful(phrase):
        return any(not name[len(phrase) :][:1].isalnum() for name in beginnings)
    return bool(beginnings)


def _is_meaningful(phrase: str) -> bool:
    known = lexicon()
    lists = (known.yes, known.no, known.yes_alone, known.no_alone, known.unsure, known.filler, known.against)
    return any(pattern.fullmatch(phrase) for pattern in lists)


def _match_leading_number(options: Sequence[Option], line: str) -> Option | None:
    """Match `2) because …`, `2 please`, `2 postgres`; not `2 concerns`, `2-3` or `2, maybe 1`."""
    match = _LEADING.fullmatch(line)
    option = _option_number(options, match[1]) if match else None
    if match is None or option is None:
        return None
    rest = match[3]
    others = {_option_number(options, other) for other in _OTHER.findall(rest)} - {None, option}
    mentioned = _match_in_sentence(options, rest)
    if others:
        return None
    if _namesake(options, option) is not None and not line.startswith("#"):
        # "2. 3 nodes" copies a line of the card; "2-3 nodes" and "2, 3 nodes" may mean both.
        return option if mentioned is option and re.match(r"\s*[).:]", line[match.end(1) :]) else None
    return option if mentioned is option or (_is_plain(match) and mentioned is None) else None


def _is_plain(leading: re.Match[str]) -> bool:
    """True if a leading number counts nothing: punctuation, a reason or nothing follows. `2 concerns` counts."""
    return bool(leading[2]) or not re.search(r"\w", leading[3]) or bool(lexicon().because.match(leading[3]))


def _match_announced(options: Sequence[Option], line: str) -> Option | None:
    """Match `I'd say option 2`, `#2 looks right`."""
    if _is_doubtful(line):
        return None
    tails = [line[match.end() :] for match in lexicon().option.finditer(line)] + [f"#{tail}" for tail in line.split("#")[1:]]
    announced = [match[1] for tail in tails if (match := re.match(r"\.?\s*#?\s*(\w+)", tail))]
    return _only_match(option for word in announced if (option := _option_number(options, word) or _match_id(options, word)))


def _match_without_filler(options: Sequence[Option], line: str) -> Option | None:
    """Match `no wait, the second one`, `I'd go with post`: nothing but filler words around the option."""
    phrase = _without_filler(line)
    if not phrase:
        return None
    place = lexicon().ordinals.get(phrase)
    if place is not None:
        return options[place - 1] if place <= len(options) else None
    if lexicon().recommended.fullmatch(phrase):
        return _only_match(option for option in options if option.recommended)
    return _match_whole_line(options, phrase) or _only_match(option for option in options if _label_contains(option, phrase))


def _without_filler(line: str) -> str:
    known = lexicon()
    line = known.turn.sub(" ", line)
    line = known.option.sub(" ", known.filler.sub(" ", line))
    return fold_text(line).strip(EDGES)


def _label_contains(option: Option, phrase: str) -> bool:
    """True if a label contains the phrase as whole words: "postgres" in "Use Postgres 16"."""
    return len(phrase) > 2 and not _is_meaningful(phrase) and _find(phrase).search(fold_text(option.label)) is not None


def _find(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)")


def _match_in_sentence(options: Sequence[Option], line: str) -> Option | None:
    """Match `let's go with staging please`: a sentence with exactly one label, and no word against it.

    The longest labels are looked for first and cut out, so that "Postgres" is not found within "Postgres 16".
    """
    line = lexicon().turn.sub(" ", line)
    found: list[Option] = []
    for option in sorted(options, key=lambda option: -len(option.label)):
        label = fold_text(option.label).strip(EDGES)
        # A label that is a letter, a number or a filler word occurs in sentences that do not mean the option.
        distinctive = len(label) > 1 and not label.isdecimal() and lexicon().filler.fullmatch(label) is None
        if distinctive and _find(label).search(line):
            found += [same for same in options if fold_text(same.label).strip(EDGES) == label]
            line = _find(label).sub(" ", line)
    # What remains of "2 or 3 nodes" names another label by its number.
    numbers = {_label_number(option) for option in options} - {None}
    doubled = any(int(digits) in numbers for digits in re.findall(r"(?<!\w)\d{1,2}(?!\w)", line))
    return None if doubled or _is_doubtful(line) else _only_match(found)


def _is_doubtful(line: str) -> bool:
    return "?" in line or lexicon().against.search(line) is not None
