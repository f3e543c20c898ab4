"""The words of people's languages, as data: one `*.toml` a language beside this file, all of them known at the same time.

A team file can name files of more languages (`languages`), which `register_languages` adds. A phrase matches whole words in
folded text (`fold_text`), and the longest phrase that fits is the one that counts.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from pydantic import BaseModel, ConfigDict

EDGES = " \n\t,.;:!…–—-_*~'\"“”„«»()[]"
"""Signs around a phrase that say nothing."""

_APOSTROPHES = str.maketrans("’‘´`＇", "'''''")


class Language(BaseModel):
    """One file. `en.toml` says what each list is for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    yes: tuple[str, ...]
    no: tuple[str, ...]
    yes_alone: tuple[str, ...] = ()
    no_alone: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    filler: tuple[str, ...] = ()
    turn: tuple[str, ...] = ()
    against: tuple[str, ...] = ()
    because: tuple[str, ...] = ()
    condition: tuple[str, ...] = ()
    option: tuple[str, ...] = ()
    ordinals: tuple[tuple[str, ...], ...] = ()
    not_me: tuple[str, ...] = ()
    hand_over: tuple[str, ...] = ()
    more_time: tuple[str, ...] = ()
    more_time_if_clear: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    until: Mapping[str, int] = {}
    courtesy: tuple[str, ...] = ()
    holding: tuple[str, ...] = ()
    recommended: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    secrets_about: tuple[str, ...] = ()
    hand_out: tuple[str, ...] = ()
    hand_back: tuple[str, ...] = ()
    hand_out_idle: tuple[str, ...] = ()
    hand_out_others: tuple[str, ...] = ()
    numbers: Mapping[str, int] = {}
    multipliers: Mapping[str, int] = {}
    units: Mapping[str, Mapping[str, float]] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexicon:
    """The phrases of every language together, as patterns over folded text."""

    yes: re.Pattern[str]
    no: re.Pattern[str]
    yes_alone: re.Pattern[str]
    no_alone: re.Pattern[str]
    unsure: re.Pattern[str]
    filler: re.Pattern[str]
    turn: re.Pattern[str]
    against: re.Pattern[str]
    because: re.Pattern[str]
    condition: re.Pattern[str]
    option: re.Pattern[str]
    not_me: re.Pattern[str]
    hand_over: re.Pattern[str]
    more_time: tuple[str, ...]
    more_time_if_clear: tuple[str, ...]
    extra: re.Pattern[str]
    until: Mapping[str, int]
    courtesy: re.Pattern[str]
    holding: re.Pattern[str]
    recommended: re.Pattern[str]
    minus: re.Pattern[str]
    again: re.Pattern[str]
    secrets: re.Pattern[str]
    secrets_about: re.Pattern[str]
    hand_out: re.Pattern[str]
    hand_back: re.Pattern[str]
    hand_out_idle: re.Pattern[str]
    hand_out_others: re.Pattern[str]
    ordinals: Mapping[str, int]
    numbers: Mapping[str, int]
    multipliers: Mapping[str, int]
    units: Mapping[str, Mapping[str, float]]
    """By family (`time`, `data`), then by word: how many of the family's smallest unit it is."""


@lru_cache(maxsize=256)
def fold_text(text: str) -> str:
    """`text` for comparing: composed, without case, with plain apostrophes and single spaces."""
    return " ".join(unicodedata.normalize("NFC", text.translate(_APOSTROPHES).casefold()).split())


def strip_courtesy(text: str) -> str:
    """`text` folded, without the signs around it and without what is only polite: what it says."""
    line, before, polite = fold_text(text).strip(EDGES), "", lexicon().courtesy
    while line != before:
        before = line
        for match in polite.finditer(line):
            if match.start() == 0 or match.end() == len(line):
                line = (line[: match.start()] + line[match.end() :]).strip(EDGES)
                break
    return line


def read_language(text: str) -> Language:
    """A language from the text of its file.

    Raises:
        ValueError: it is no TOML, lacks a list or has one that nobody knows.
    """
    return Language.model_validate(tomllib.loads(text))


def register_languages(languages: Sequence[Language]) -> None:
    """Know these languages too, from now on and in this whole process, in place of those that were learned before."""
    _registered[:] = languages
    lexicon.cache_clear()


_registered: list[Language] = []


@cache
def lexicon() -> Lexicon:
    """The words of all languages that are known.

    Raises:
        ValueError: a language's file is no TOML, lacks a list or has one that nobody knows.
    """
    languages = [*map(read_language, _bundled_texts()), *_registered]
    return Lexicon(
        yes=_phrase_pattern(one.yes for one in languages),
        no=_phrase_pattern(one.no for one in languages),
        yes_alone=_phrase_pattern(one.yes_alone for one in languages),
        no_alone=_phrase_pattern(one.no_alone for one in languages),
        unsure=_phrase_pattern(one.unsure for one in languages),
        filler=_phrase_pattern(one.filler for one in languages),
        turn=_phrase_pattern(one.turn for one in languages),
        against=_phrase_pattern(one.against for one in languages),
        because=_phrase_pattern(one.because for one in languages),
        condition=_phrase_pattern(one.condition for one in languages),
        option=_phrase_pattern(one.option for one in languages),
        not_me=_phrase_pattern(one.not_me for one in languages),
        hand_over=_phrase_pattern(one.hand_over for one in languages),
        more_time=_templates(one.more_time for one in languages),
        more_time_if_clear=_templates(one.more_time_if_clear for one in languages),
        extra=_phrase_pattern(one.extra for one in languages),
        until=_table(one.until for one in languages),
        courtesy=_phrase_pattern(one.courtesy for one in languages),
        holding=_phrase_pattern(one.holding for one in languages),
        recommended=_phrase_pattern(one.recommended for one in languages),
        minus=_phrase_pattern(one.minus for one in languages),
        again=_phrase_pattern(one.again for one in languages),
        secrets=_phrase_pattern(one.secrets for one in languages),
        secrets_about=_phrase_pattern(one.secrets_about for one in languages),
        hand_out=_phrase_pattern(one.hand_out for one in languages),
        hand_back=_phrase_pattern(one.hand_back for one in languages),
        hand_out_idle=_phrase_pattern(one.hand_out_idle for one in languages),
        hand_out_others=_phrase_pattern(one.hand_out_others for one in languages),
        ordinals=_table(dict.fromkeys(same, place) for one in languages for place, same in enumerate(one.ordinals, 1)),
        numbers=_table(one.numbers for one in languages),
        multipliers=_table(one.multipliers for one in languages),
        units=_unit_families(languages),
    )


def _bundled_texts() -> list[str]:
    files = sorted((resources.files("orchestrator_bridge.question.parsing") / "lexicon").iterdir(), key=lambda file: file.name)
    return [file.read_text("utf-8") for file in files if file.name.endswith(".toml")]


def _phrase_pattern(lists: Iterable[tuple[str, ...]]) -> re.Pattern[str]:
    """A pattern for whole phrases, the longest first; an empty list matches nothing."""
    longest_first = sorted(
        {fold_text(phrase) for phrases in lists for phrase in phrases}, key=lambda phrase: (-len(phrase), phrase)
    )
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)" if longest_first else r"(?!)")


def _templates(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(fold_text(phrase) for phrases in lists for phrase in phrases))


def _table(tables: Iterable[Mapping[str, int]]) -> dict[str, int]:
    return {fold_text(phrase): number for table in tables for phrase, number in table.items()}


def _unit_families(languages: Sequence[Language]) -> dict[str, dict[str, float]]:
    families: dict[str, dict[str, float]] = {}
    for one in languages:
        for family, units in one.units.items():
            families.setdefault(family, {}).update((fold_text(word), size) for word, size in units.items())
    return families
