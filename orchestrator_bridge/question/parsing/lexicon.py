"""Words of people's languages, as data: one TOML file per language in `lexicon/`, all of them in use at the same time.

A team file can name files of further languages (`languages`), which `register_languages` adds. A phrase matches whole words in
folded text (`fold_text`); of several phrases that match, the longest counts.
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

from orchestrator_bridge.common.emoji import GENDER, SKIN_TONES

EDGES = " \n\t,.;:!…–—-_*~'\"“”„«»()[]"
"""Characters around a phrase that have no meaning."""

_VARIANTS = str.maketrans("’‘´`＇", "'''''", f"\ufe0f\u20e3{SKIN_TONES}")
"""Apostrophes become plain; the marks that turn a digit or sign into an emoji (`2️⃣`) and skin tones are removed."""


class Language(BaseModel):
    """One language file; `en.toml` documents the lists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    yes: tuple[str, ...]
    no: tuple[str, ...]
    yes_alone: tuple[str, ...] = ()
    no_alone: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()
    beside_yes: tuple[str, ...] = ()
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
    small_talk: tuple[str, ...] = ()
    thanks: tuple[str, ...] = ()
    joke: tuple[str, ...] = ()
    task: tuple[str, ...] = ()
    task_noun: tuple[str, ...] = ()
    task_object: tuple[str, ...] = ()
    after_noun: tuple[str, ...] = ()
    statement: tuple[str, ...] = ()
    subordinate: tuple[str, ...] = ()
    no_object: tuple[str, ...] = ()
    request: tuple[str, ...] = ()
    opinion: tuple[str, ...] = ()
    question: tuple[str, ...] = ()
    weighing: tuple[str, ...] = ()
    pronoun: tuple[str, ...] = ()
    about_bot: tuple[str, ...] = ()
    idle: tuple[str, ...] = ()
    holding: tuple[str, ...] = ()
    recommended: tuple[str, ...] = ()
    minus: tuple[str, ...] = ()
    again: tuple[str, ...] = ()
    finish: tuple[str, ...] = ()
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
    """Phrases of all languages together, as patterns over folded text; see `en.toml` for their use."""

    yes: re.Pattern[str]
    no: re.Pattern[str]
    yes_alone: re.Pattern[str]
    no_alone: re.Pattern[str]
    unsure: re.Pattern[str]
    beside_yes: re.Pattern[str]
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
    small_talk: re.Pattern[str]
    thanks: re.Pattern[str]
    joke: re.Pattern[str]
    task: re.Pattern[str]
    task_noun: re.Pattern[str]
    task_object: re.Pattern[str]
    after_noun: re.Pattern[str]
    statement: re.Pattern[str]
    subordinate: re.Pattern[str]
    no_object: re.Pattern[str]
    request: re.Pattern[str]
    opinion: re.Pattern[str]
    question: re.Pattern[str]
    weighing: re.Pattern[str]
    pronoun: re.Pattern[str]
    about_bot: re.Pattern[str]
    idle: re.Pattern[str]
    holding: re.Pattern[str]
    recommended: re.Pattern[str]
    minus: re.Pattern[str]
    again: re.Pattern[str]
    finish: re.Pattern[str]
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
    """Family (`time`, `data`) -> word -> size in the smallest unit of the family."""


@lru_cache(maxsize=256)
def fold_text(text: str) -> str:
    """Normalise a text for comparison: NFC, case-folded, plain apostrophes, digits for keycaps, emoji without their
    variants, single spaces."""
    return " ".join(unicodedata.normalize("NFC", GENDER.sub("", text.translate(_VARIANTS)).casefold()).split())


def strip_courtesy(text: str) -> str:
    """Fold a text and remove punctuation and polite phrases at its ends."""
    line, before, polite = fold_text(text).strip(EDGES), "", lexicon().courtesy
    while line != before:
        before = line
        for match in polite.finditer(line):
            if match.start() == 0 or match.end() == len(line):
                line = (line[: match.start()] + line[match.end() :]).strip(EDGES)
                break
    return line


def read_language(text: str) -> Language:
    """Parse the text of a language file.

    Raises:
        ValueError: it is not TOML, lacks a list, or has an unknown one.
    """
    return Language.model_validate(tomllib.loads(text))


def register_languages(languages: Sequence[Language]) -> None:
    """Use these languages beside the bundled ones, in the whole process, in place of those registered before."""
    _registered[:] = languages
    lexicon.cache_clear()


_registered: list[Language] = []


@cache
def lexicon() -> Lexicon:
    """Lexicon of all languages in use; built once.

    Raises:
        ValueError: a language file is not TOML, lacks a list, or has an unknown one.
    """
    folder = resources.files("orchestrator_bridge.question.parsing") / "lexicon"
    bundled = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    languages = [*(read_language(file.read_text("utf-8")) for file in bundled), *_registered]
    return Lexicon(
        yes=_phrase_pattern(language.yes for language in languages),
        no=_phrase_pattern(language.no for language in languages),
        yes_alone=_phrase_pattern(language.yes_alone for language in languages),
        no_alone=_phrase_pattern(language.no_alone for language in languages),
        beside_yes=_phrase_pattern(language.beside_yes for language in languages),
        unsure=_phrase_pattern(language.unsure for language in languages),
        filler=_phrase_pattern(language.filler for language in languages),
        turn=_phrase_pattern(language.turn for language in languages),
        against=_phrase_pattern(language.against for language in languages),
        because=_phrase_pattern(language.because for language in languages),
        condition=_phrase_pattern(language.condition for language in languages),
        option=_phrase_pattern(language.option for language in languages),
        not_me=_phrase_pattern(language.not_me for language in languages),
        hand_over=_phrase_pattern(language.hand_over for language in languages),
        more_time=_templates(language.more_time for language in languages),
        more_time_if_clear=_templates(language.more_time_if_clear for language in languages),
        extra=_phrase_pattern(language.extra for language in languages),
        until=_table(language.until for language in languages),
        courtesy=_phrase_pattern(language.courtesy for language in languages),
        small_talk=_phrase_pattern(language.small_talk for language in languages),
        thanks=_phrase_pattern(language.thanks for language in languages),
        joke=_phrase_pattern(language.joke for language in languages),
        task=_phrase_pattern(language.task for language in languages),
        task_noun=_phrase_pattern(language.task_noun for language in languages),
        task_object=_phrase_pattern(language.task_object for language in languages),
        after_noun=_phrase_pattern(language.after_noun for language in languages),
        statement=_phrase_pattern(language.statement for language in languages),
        subordinate=_phrase_pattern(language.subordinate for language in languages),
        no_object=_phrase_pattern(language.no_object for language in languages),
        request=_phrase_pattern(language.request for language in languages),
        opinion=_phrase_pattern(language.opinion for language in languages),
        question=_phrase_pattern(language.question for language in languages),
        weighing=_phrase_pattern(language.weighing for language in languages),
        pronoun=_phrase_pattern(language.pronoun for language in languages),
        about_bot=_phrase_pattern(language.about_bot for language in languages),
        idle=_phrase_pattern(language.idle for language in languages),
        holding=_phrase_pattern(language.holding for language in languages),
        recommended=_phrase_pattern(language.recommended for language in languages),
        minus=_phrase_pattern(language.minus for language in languages),
        again=_phrase_pattern(language.again for language in languages),
        finish=_phrase_pattern(language.finish for language in languages),
        secrets=_phrase_pattern(language.secrets for language in languages),
        secrets_about=_phrase_pattern(language.secrets_about for language in languages),
        hand_out=_phrase_pattern(language.hand_out for language in languages),
        hand_back=_phrase_pattern(language.hand_back for language in languages),
        hand_out_idle=_phrase_pattern(language.hand_out_idle for language in languages),
        hand_out_others=_phrase_pattern(language.hand_out_others for language in languages),
        ordinals=_table(dict.fromkeys(same, place) for language in languages for place, same in enumerate(language.ordinals, 1)),
        numbers=_table(language.numbers for language in languages),
        multipliers=_table(language.multipliers for language in languages),
        units=_unit_families(languages),
    )


def _phrase_pattern(lists: Iterable[tuple[str, ...]]) -> re.Pattern[str]:
    """Pattern of whole phrases, the longest first; an empty list matches nothing."""
    # Alternatives of a regular expression are tried in order: the longest phrase must come first to win.
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
    for language in languages:
        for family, units in language.units.items():
            families.setdefault(family, {}).update((fold_text(word), size) for word, size in units.items())
    return families
