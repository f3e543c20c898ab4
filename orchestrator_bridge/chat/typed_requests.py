"""Requests in people's own words for what a command gives: its result ("how much did run 2 cost?"), or the end of a run.

The rule is about words, not phrases. A question is for a command if it names the subject of that command, perhaps a run by its
number, and otherwise consists of words without a subject of their own. "How much did run 2 cost?" is for `/cost`; "how much does
PostgreSQL cost?" names something else, and is for the agents. The words of each language are a file in `command_words/`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

MAX_WORDS = 14
"""Words of the longest message that is read as such a request."""

_WORD = re.compile(r"[\w'$]+")
_SENTENCE = re.compile(r"[.,;:!?\n…–—]+(?:\s+|$)")
_NUMBER = re.compile(r"\d{1,15}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultRequest:
    """A command whose result is asked for, and its argument; `is_question` if the words are a question by their form."""

    command: str
    text: str = ""
    is_question: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class StopRequest:
    """A request to cancel a run: its number, if it names one. `clear` if the words can mean nothing else.

    `names_run` if a word such as "run" says what is to stop.
    """

    run: int | None = None
    clear: bool = True
    names_run: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _CommandWords:
    """The words of all languages together; `en.toml` documents the lists."""

    asking: frozenset[str]
    neutral: frozenset[str]
    run: frozenset[str]
    question: frozenset[str]
    subjects: Mapping[str, frozenset[str]]
    names: Mapping[str, str]
    verbs: frozenset[str]
    pairs: Collection[tuple[str, str]]
    before: frozenset[str]
    after: frozenset[str]
    objects: frozenset[str]
    asked: frozenset[str]
    doubt: frozenset[str]


@cache
def _command_words() -> _CommandWords:
    folder = resources.files("orchestrator_bridge.chat") / "command_words"
    languages = [tomllib.loads(file.read_text("utf-8")) for file in folder.iterdir() if file.name.endswith(".toml")]
    merged = {name: frozenset(word for language in languages for word in language[name]) for name in ("asking", "neutral", "run")}
    stop = {
        name: frozenset(word for language in languages for word in language["stop"][name])
        for name in ("verbs", "before", "after", "objects", "asked", "doubt")
    }
    commands = languages[0]["subjects"]
    return _CommandWords(
        **merged,
        **stop,
        question=frozenset(word for language in languages for word in language["question"]),
        subjects={
            command: frozenset(word for language in languages for word in language["subjects"][command]) for command in commands
        },
        names={word: name for language in languages for word, name in language["names"].items()},
        pairs=[(first, second) for language in languages for first, second in language["stop"]["pairs"]],
    )


def command_name(word: str) -> str:
    """The name of the command that a word stands for ("costs", "Hilfe"); the word itself if it is no such word."""
    return _command_words().names.get(word, word)


def parse_result_request(text: str) -> ResultRequest | None:
    """The command whose result a text asks for; None if it names anything else."""
    known, words = _command_words(), _split_words(text)
    if not words or len(words) > MAX_WORDS:
        return None
    numbers = [word for word in words if _NUMBER.fullmatch(word)]
    subjects = {command for command, names in known.subjects.items() if not names.isdisjoint(words)}
    named = frozenset[str]().union(*known.subjects.values()) | known.asking | known.neutral | known.run | known.question
    is_question = text.rstrip().endswith("?") or words[0] in known.asking
    if not all(word in named or word in numbers for word in words) or len(numbers) > 1:
        return None
    if not is_question and not (numbers and subjects):  # "cost of run 2"
        return None
    command = next((command for command in known.subjects if command in subjects), "runs" if numbers else None)
    if command is None:
        return None
    number = numbers[0] if numbers and _is_number_of(command, words) else ""
    return ResultRequest(command=command, text=number, is_question=is_question)


def _is_number_of(command: str, words: Sequence[str]) -> bool:
    """True if the number in a request is an argument of the command: a run's for costs, a question's for questions."""
    known = _command_words()
    place = next(index for index, word in enumerate(words) if _NUMBER.fullmatch(word))
    before = words[place - 1] if place else ""
    return (command == "cost" and before not in known.question) or (command == "questions" and before in known.question)


def parse_stop_request(text: str) -> StopRequest | None:
    """The request to cancel a run in a text; None if there is none: "stop this please" is one, "stop using tabs" is not."""
    words = _split_words(text)
    if len(words) <= MAX_WORDS and _is_stop(words):
        known = _command_words()
        is_doubtful = text.rstrip().endswith("?") and known.asked.isdisjoint(words)
        return _stop_request(words, clear=not is_doubtful)
    if len(words) <= MAX_WORDS and _may_stop(words):
        return _stop_request(words, clear=False)
    sentences = [words for part in _SENTENCE.split(text) if (words := _split_words(part))]
    for sentence in (sentences[:1], sentences[-1:]):
        if sentence and (_is_stop(sentence[0]) or _begins_with_stop(sentence[0])):
            return _stop_request(sentence[0], clear=False)
    return None


def _stop_request(words: Sequence[str], *, clear: bool) -> StopRequest:
    number = next((int(word) for word in words if _NUMBER.fullmatch(word)), None)
    return StopRequest(run=number, clear=clear, names_run=not _command_words().run.isdisjoint(words))


def _is_stop(words: Sequence[str]) -> bool:
    """True if the words are an order to stop and nothing else."""
    known, place = _command_words(), _stop_verb(words)
    if place is None:
        return False
    rest = words[place + 1 :]
    numbers = [word for word in rest if _NUMBER.fullmatch(word)]
    allowed = known.after | known.verbs
    return (
        all(word in known.before for word in words[:place])
        and all(word in allowed or word in numbers for word in rest)
        and len(numbers) <= 1
    )


def _may_stop(words: Sequence[str]) -> bool:
    """True if the words speak of stopping and of nothing else, without being an order: "I want to stop this", "let's stop"."""
    known, place = _command_words(), _stop_verb(words)
    allowed = known.before | known.after | known.doubt | known.verbs
    return place is not None and all(word in allowed or _NUMBER.fullmatch(word) for word in words)


def _begins_with_stop(words: Sequence[str]) -> bool:
    """True if the words begin with an order to stop a run, and go on: "cancel this run because it is wrong"."""
    known, place = _command_words(), _stop_verb(words)
    if place is None or not all(word in known.before for word in words[:place]):
        return False
    object_ = [word for word in words[place + 1 : place + 4] if word in known.after or _NUMBER.fullmatch(word)]
    return (
        bool(words[place + 1 : place + 2])
        and words[place + 1] in object_
        and any(word in known.objects or _NUMBER.fullmatch(word) for word in object_)
    )


def _stop_verb(words: Sequence[str]) -> int | None:
    """Position of the first verb that stops."""
    known = _command_words()
    pairs = {first for first, second in known.pairs if first in words and second in words}
    return next((place for place, word in enumerate(words) if word in known.verbs or word in pairs), None)


def _split_words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFC", text.replace("’", "'").casefold())
    return _WORD.findall(folded)
