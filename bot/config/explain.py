"""Validation errors as problems: where, found, expected, fix.

pydantic checks `.env` and `townhall.toml`; `explain` turns each of its errors into one `Problem` in plain words. A `Source`
knows the file that the values came from: line numbers, the keys that it may hold, and which values may be shown.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.config.errors import Problem, format_value, suggest_name

KeyPath = tuple[str | int, ...]
"""A key's path from the top of the file: `("team", "review", "agents", 1, "name")`; indexes count from 0."""

NAME_RULE = "lower-case letters, digits, '-' and '_', starting with a letter or digit, 32 characters at most"

PATTERNS = {
    r"^[a-z0-9][a-z0-9_-]{0,31}$": NAME_RULE,
    r"^[a-z0-9][a-z0-9_-]{0,31}(?:\..+)?$": f"a tool server or 'server.tool'; a server's name has {NAME_RULE}",
    r"^@": "a person, such as '@lead'",
    r"^(?:asked|anyone|role:.+)$": "'asked', 'anyone' or a role, such as 'role:backend'",
    r"^https?://[^\s/]+": "an address that begins with http:// or https://",
    r"^https?://[^\s/]+\S*$": "an address that begins with http:// or https://",
    r"^(?:[a-z0-9]+://)?[^\s/]+/?$": "the address of a proxy, such as http://proxy.example:3128",
    r"^wss?://[^\s/]+\S*$": "an address that begins with ws:// or wss://",
    r"^[0-9]+$": "the id of an application, such as 466378653216014359",
    r"^[A-Z][A-Z0-9_]*$": "the name of an environment variable, such as MY_KEY (not the key itself)",
}
"""The patterns of settings and keys, in words. A test keeps it complete; settings of other packages may have more patterns."""
_TYPES = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "decimal_parsing": "a number",
    "decimal_type": "a number",
}
_LIMITS = {
    "greater_than": ("more than {}", "gt"),
    "greater_than_equal": ("{} or more", "ge"),
    "less_than": ("less than {}", "lt"),
    "less_than_equal": ("{} or less", "le"),
    "too_long": ("at most {} entries", "max_length"),
    "too_short": ("at least {} entry", "min_length"),
    "string_too_long": ("at most {} characters", "max_length"),
    "string_too_short": ("at least {} character", "min_length"),
}


class Source(ABC):
    """The origin of checked values, and the problems found in it."""

    def __init__(self) -> None:
        self._found: list[tuple[int, Problem]] = []

    @property
    def problems(self) -> list[Problem]:
        """All problems in the order of the file's lines."""
        return [problem for _, problem in sorted(self._found, key=lambda entry: entry[0])]

    def report(self, path: KeyPath, found: str, expected: str, fix: str = "") -> None:
        """Add a problem with the value at `path`. A problem that is already there is not added again."""
        entry = (self.line(path) or 0, Problem(where=self.where(path), found=found, expected=expected, fix=fix))
        if entry not in self._found:
            self._found.append(entry)

    @abstractmethod
    def locate(self, detail: ErrorDetails) -> KeyPath:
        """Path of the rejected key."""

    @abstractmethod
    def where(self, path: KeyPath) -> str:
        """The place of a key in words."""

    def line(self, path: KeyPath) -> int | None:
        """Line of a key, counted from 1; None if it is not known."""
        return None

    def model_at(self, path: KeyPath) -> type[BaseModel] | None:
        """Model of the table at `path`, or of the entries of the list of tables there; None if no table belongs there."""
        return None

    def known_keys(self, path: KeyPath) -> list[str]:
        """The keys that the table at `path` may have."""
        return field_keys(self.model_at(path))

    def format(self, value: object) -> str:
        """A found value as it may be shown."""
        return format_value(value)


def explain(error: ValidationError, source: Source) -> None:
    """Report one problem for each wrong key. The branches of a union fail one by one and are joined to one problem."""
    grouped: dict[KeyPath, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        grouped.setdefault(source.locate(detail), []).append(detail)
    for path, details in grouped.items():
        if details[0]["type"] == "too_short" and any(place[: len(path)] == path != place for place in grouped):
            continue  # the list is too short only because its entries are wrong
        _explain_key(path, details, source)


def _explain_key(path: KeyPath, details: Sequence[ErrorDetails], source: Source) -> None:
    kind, value = details[0]["type"], details[0]["input"]
    if kind == "extra_forbidden":
        known = source.known_keys(path[:-1])
        fix = _suggest_table(path, source) or suggest_name(str(path[-1]), known)
        source.report(path, f"the unknown key {path[-1]!r}", f"one of: {', '.join(known)}", fix)
    elif kind == "value_error":
        found, expected = split_message(str(details[0]["ctx"]["error"]))
        source.report(path, found or source.format(value), expected)
    elif kind in ("missing", "too_short", "tuple_type") and not isinstance(value, str) and (table := source.model_at(path)):
        required = " and ".join(repr(name) for name, field in table.model_fields.items() if field.is_required())
        found = source.format(value) if kind == "tuple_type" else "nothing"
        source.report(path, found, f"at least one [[{format_path(path)}]] table with {required}")
    elif kind == "too_long" and not isinstance(value, str):
        source.report(path, f"{len(value)} entries", _expected(path, details[0]))
    elif kind == "missing":
        source.report(path, "nothing", "a value; this key has no default")
    else:
        source.report(path, source.format(value), " or ".join(dict.fromkeys(_expected(path, detail) for detail in details)))


def _suggest_table(path: KeyPath, source: Source) -> str:
    """The table beside this one, or around it, to which a misplaced key belongs; nothing if there is none."""
    if len(path) < 3:
        return ""
    *around, _, key = path
    beside = [(*around, name) for name in source.known_keys(tuple(around))]
    homes = [table for table in (*beside, tuple(around)) if key in source.known_keys(table)]
    return f"this key belongs in [{format_path(homes[0])}]" if homes and homes[0] else ""


def _expected(path: KeyPath, detail: ErrorDetails) -> str:
    match detail["type"]:
        case "string_pattern_mismatch":
            pattern = detail["ctx"]["pattern"]
            return PATTERNS.get(pattern, f"a value that matches {pattern}")
        case "tuple_type":
            return f"a list in square brackets: [{detail['input']!r}]" if isinstance(detail["input"], str) else "a list"
        case "dict_type" | "mapping_type" if len(path) == 1:
            return f"named tables: [{format_path(path)}.<name>]"
        case "dict_type" | "mapping_type" | "model_type":
            return f"a table: [{format_path(path)}]"
        case kind if kind in _TYPES:
            return _TYPES[kind]
        case kind if kind in _LIMITS:
            words, key = _LIMITS[kind]
            limit = detail["ctx"][key]
            return words.format(f"{limit:g}" if isinstance(limit, float) else limit)
        case _:
            return detail["msg"].removeprefix("Input should be ")


def field_keys(model: type[BaseModel] | None) -> list[str]:
    """The keys of a model's fields as a file writes them."""
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def split_message(text: str) -> tuple[str, str]:
    """The found and the expected part of an error raised as `found; expected this`, or as `expected this` alone."""
    found, separator, expected = text.rpartition("expected ")
    return (found.removesuffix("; "), expected) if separator else ("", text)


def format_path(path: KeyPath) -> str:
    """`team.review.agents[1].name`, with indexes counted from 1."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            text += f".{part}" if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f".{part!r}"
    return text.removeprefix(".")
