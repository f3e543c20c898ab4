"""What Discord requires of a command that is registered, in every language.

Source: docs.discord.com/developers/interactions/application-commands (Application Command Naming, Localization).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import discord

from tests.support.fake_discord.state import Refused
from tests.support.fake_discord.wire import Json

CHAT_INPUT = 1
LOCALES = frozenset(locale.value for locale in discord.Locale)


def check_command(command: Json) -> None:
    """Refuse a command whose names or descriptions Discord refuses."""
    typed = command.get("type", CHAT_INPUT) == CHAT_INPUT
    for part in _parts(command):
        for name in _texts(part, "name"):
            _require(1 <= len(name) <= 32 and (not typed or _is_slash_name(name)), name)
        for description in _texts(part, "description") if typed else ():
            _require(1 <= len(description) <= 100, description)
    for locale in ["", *LOCALES]:
        names = [(option.get("name_localizations") or {}).get(locale, option["name"]) for option in command.get("options", [])]
        _require(len(names) == len(set(names)), f"{command['name']}: two options have one name")


def _parts(command: Json) -> Iterator[Json]:
    yield command
    yield from command.get("options") or []


def _texts(part: Json, field: str) -> list[str]:
    localised = part.get(f"{field}_localizations") or {}
    for locale in localised:
        _require(locale in LOCALES, locale)
    return [part[field], *localised.values()]


def _is_slash_name(name: str) -> bool:
    """`^[-_\'\\p{L}\\p{N}\\p{sc=Deva}\\p{sc=Thai}]{1,32}$`, in lower case where there is one."""
    return name == name.lower() and all(char in "-_'" or unicodedata.category(char)[0] in "LN" for char in name)


def _require(holds: bool, found: str) -> None:
    if not holds:
        raise Refused(400, 50035, f"Invalid Form Body: {found!r}")
