"""One table of the team file as a checked value, and what pydantic finds wrong with it in words for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.config.errors import Problem, format_value, suggest_name
from orchestrator_bridge.common.frozen import Value

KeyPath = tuple[str | int, ...]
"""A key's way from the top of the file: `("team", "review", "agents", 1, "name")`."""

_KEY_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_KEY_PART}(?:\s*\.\s*{_KEY_PART})*"
_HEADER = re.compile(rf"^\s*\[(\[?)\s*({_DOTTED})\s*\]")
_ASSIGNMENT = re.compile(rf"^\s*({_DOTTED})\s*=")
_FENCES = ('"""', "'''")


class TomlPositions:
    """The lines of the keys of one file, read by their looks; a key that hides in an inline table has its table's line."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._counts: dict[KeyPath, int] = {}
        table: KeyPath = ()
        for number, line in _outside_of_long_strings(text):
            if header := _HEADER.match(line):
                table = self._enter(_split_key(header[2]), repeated=bool(header[1]))
                self._lines.setdefault(table, number)
            elif assignment := _ASSIGNMENT.match(line):
                self._lines.setdefault((*table, *_split_key(assignment[1])), number)

    def find(self, path: KeyPath) -> int | None:
        """The line of the key, or of the nearest table around it; None if nothing of it is written in the file."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None

    def _enter(self, parts: tuple[str, ...], repeated: bool) -> KeyPath:
        """The table's path with the numbers of the repeated tables (`[[…]]`) that it is in."""
        path: KeyPath = ()
        for part in parts[:-1]:
            path = (*path, part)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        path = (*path, parts[-1])
        if not repeated:
            return path
        self._counts[path] = self._counts.get(path, 0) + 1
        return (*path, self._counts[path] - 1)


def _outside_of_long_strings(text: str) -> Iterator[tuple[int, str]]:
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not fence:
            yield number, line
        fence = _fence_after(line, fence)


def _fence_after(line: str, fence: str) -> str:
    """The quotes that end the long string in which the next line stands, if it stands in one."""
    if fence:
        return "" if fence in line else fence
    opened = [one for one in _FENCES if line.count(one) % 2]
    return opened[0] if opened else ""


def _split_key(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_KEY_PART, dotted))


V = TypeVar("V", bound=Value)

NAME_PATTERN = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
NAME_IN_WORDS = "small letters, digits, '-' and '_', beginning with a letter or digit, at most 32 of them"

_PATTERNS = {
    r"^[a-z0-9][a-z0-9_-]{0,31}$": NAME_IN_WORDS,
    r"^@": "a person, such as '@lead'",
    r"^(?:asked|anyone|role:.+)$": "'asked', 'anyone' or a role, such as 'role:backend'",
    r"^https?://[^\s/]+": "an address that begins with http:// or https://",
    r"^[A-Z][A-Z0-9_]*$": "the name of an environment variable, such as MY_KEY (not the key itself)",
}
_TYPES = {
    "string_type": "a text in quotes",
    "tuple_type": "a list in square brackets",
    "model_type": "a table",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
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


class TomlValidator:
    """Checks the tables of one file and gathers all problems, so that they can be mended in one go."""

    def __init__(self, file: str, text: str, platforms: Sequence[str] = ()) -> None:
        self._file = file
        self._platforms = tuple(platforms)
        self._lines = TomlPositions(text)
        self._found: list[tuple[int, Problem]] = []

    @property
    def problems(self) -> list[Problem]:
        """All that is wrong, in the order of the file's lines."""
        return [problem for _, problem in sorted(self._found, key=lambda one: one[0])]

    def parse(self, model: type[V], path: KeyPath, table: Any, **given: Any) -> V | None:
        """The table as a value with the fields `given` besides, which the file cannot set; None if a value in it is wrong.

        Unknown keys are written down and passed over, so that what else is wrong comes to light in the same go.
        """
        if not isinstance(table, dict):
            self.report(path, format_value(table), f"a table: [{format_path(path)}]")
            return None
        known = [key for key in model.model_fields if key not in given and key != "ids"]
        if "ids" in model.model_fields:  # an id is a key of its own, named for its platform
            known = [*self._platforms, *known]
        self.check_keys(path, table, known)
        rest = {key: value for key, value in table.items() if key in known}
        self._report_unknown_keys(model, path, {**rest, **given})
        try:
            return model.model_validate({**rest, **given}, extra="ignore", context={"platforms": self._platforms})
        except ValidationError as error:
            self._explain(path, rest, error)
            return None

    def check_name(self, path: KeyPath) -> None:
        """The last part of the path must be a name as everything here has."""
        if not NAME_PATTERN.fullmatch(str(path[-1])):
            self.report(path, f"the name {format_value(path[-1])}", NAME_IN_WORDS)

    def check_keys(self, path: KeyPath, table: Mapping[str, Any], known: list[str]) -> None:
        """The table may hold these keys only."""
        for key in table:
            if key not in known:
                self._report_unknown_key((*path, key), known)

    def report(self, path: KeyPath, found: str, expected: str, mend: str = "") -> None:
        """Write down a problem with the value at `path`."""
        line = self._lines.find(path)
        where = f"{self._file}, line {line}: {format_path(path)}" if line else f"{self._file}: {format_path(path)}"
        problem = Problem(where=where, found=found, expected=expected, fix=mend)
        if (line or 0, problem) not in self._found:
            self._found.append((line or 0, problem))

    def _report_unknown_key(self, path: KeyPath, known: list[str]) -> None:
        self.report(path, f"the unknown key {path[-1]!r}", f"one of {', '.join(known)}", suggest_name(str(path[-1]), known))

    def _report_unknown_keys(self, model: type[Value], path: KeyPath, table: Mapping[str, Any]) -> None:
        try:
            model.model_validate(table, extra="forbid", context={"platforms": self._platforms})
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                if detail["type"] == "extra_forbidden":
                    place = _path_in(table, detail)
                    self._report_unknown_key((*path, *place), _known_keys(model, place[:-1]))

    def _explain(self, path: KeyPath, table: Mapping[str, Any], error: ValidationError) -> None:
        grouped: dict[KeyPath, list[ErrorDetails]] = {}
        for detail in error.errors(include_url=False):
            grouped.setdefault(_path_in(table, detail), []).append(detail)
        for inner, details in grouped.items():
            if details[0]["type"] == "too_short" and any(place[: len(inner)] == inner != place for place in grouped):
                continue  # the list is short only because its entries are wrong
            self.report((*path, *inner), *_found_and_expected(details))


def format_path(path: KeyPath) -> str:
    """`team.review.agents[1].name`, counted from 1 as people count."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{_quoted(part)}" for part in path)
    return text.removeprefix(".")


def _quoted(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else repr(key)


def _path_in(table: Any, detail: ErrorDetails) -> KeyPath:
    """The error's place without the names that pydantic gives to the branches of a union, which are not in the file."""
    place: list[str | int] = []
    here = table
    for part in detail["loc"]:
        if _has_key(here, part):
            here = here[part]
        elif detail["type"] != "missing" or part != detail["loc"][-1]:
            continue
        place.append(part)
    return tuple(place)


def _has_key(table: Any, part: str | int) -> bool:
    if isinstance(table, dict):
        return part in table
    return isinstance(table, list) and isinstance(part, int) and part < len(table)


def _known_keys(model: type[BaseModel], place: KeyPath) -> list[str]:
    """The keys of the table at this place inside of a table of the kind `model`."""
    for part in place:
        if isinstance(part, str):
            model = _table_in(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _table_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((table for inner in get_args(annotation) if (table := _table_in(inner))), None)


def _found_and_expected(details: list[ErrorDetails]) -> tuple[str, str]:
    first = details[0]
    if first["type"] == "missing":
        return "nothing", "this key, which has no default"
    if first["type"] == "value_error":
        said = str(first["ctx"]["error"])
        found, separator, expected = said.partition("; ")
        return (found, expected.removeprefix("expected ")) if separator else (format_value(first["input"]), said)
    return format_value(first["input"]), " or ".join(dict.fromkeys(map(_expected, details)))


def _expected(detail: ErrorDetails) -> str:
    if detail["type"] == "string_pattern_mismatch":
        return _PATTERNS[detail["ctx"]["pattern"]]
    if detail["type"] in _TYPES:
        return _TYPES[detail["type"]]
    if detail["type"] in _LIMITS:
        words, key = _LIMITS[detail["type"]]
        limit = detail["ctx"][key]
        return words.format(f"{limit:g}" if isinstance(limit, float) else limit)
    return detail["msg"].removeprefix("Input should be ").removeprefix("Value error, ")


def format_names(names: Sequence[str], most: int = 12) -> str:
    """The names with commas between them; where they are many, the first ones and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
