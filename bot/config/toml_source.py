"""A TOML file as a source of values: its keys, their line numbers, and the keys that it may have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from bot.config.explain import KeyPath, Source, format_path
from orchestrator_bridge.team.team import Team


class TomlSource(Source):
    """A TOML file, its parsed content, and the model that it is checked against."""

    def __init__(self, file: str, text: str, document: dict[str, Any], model: type[BaseModel], platforms: Sequence[str]) -> None:
        super().__init__()
        self._file = file
        self._document = document
        self._model = model
        self._platforms = platforms
        self._positions = TomlPositions(text)

    def locate(self, detail: ErrorDetails) -> KeyPath:
        """The error's path without the parts that are not in the file: names of a union's branches, `[key]`, and the like."""
        path: list[str | int] = []
        here: Any = self._document
        for part in detail["loc"]:
            # The path of a missing key ends with a part that is not in the file either, and belongs to it.
            is_missing = detail["type"] == "missing" and part == detail["loc"][-1]
            if not (found := _has_key(here, part)) and not is_missing:
                continue
            path.append(part)
            here = here[part] if found else None
        return tuple(path)

    def line(self, path: KeyPath) -> int | None:
        """Line of the key, or of the nearest table around it."""
        return self._positions.find(path)

    def where(self, path: KeyPath) -> str:
        """`townhall.toml, line 7: team.review.ask[1]`."""
        line = self.line(path)
        return f"{self._file}, line {line}: {format_path(path)}" if line else f"{self._file}: {format_path(path)}"

    def model_at(self, path: KeyPath) -> type[BaseModel] | None:
        """Found by following the model's annotations."""
        annotation: Any = self._model
        for part in path:
            annotation = _annotation_in(annotation, part)
        return next(_models_in(annotation), None)

    def known_keys(self, path: KeyPath) -> list[str]:
        """As the file writes them: a team's name is the name of its table, and an id is a key named for its platform."""
        model, keys = self.model_at(path), super().known_keys(path)
        if model is Team:
            keys.remove("name")
        if "ids" in keys:
            keys[:] = [*self._platforms, *(key for key in keys if key != "ids")]
        return keys


def _has_key(table: Any, part: str | int) -> bool:
    if isinstance(table, dict):
        return part in table
    return isinstance(table, list) and isinstance(part, int) and part < len(table)


def _annotation_in(annotation: Any, part: str | int) -> Any:
    """Annotation of one key of a table, or of an entry of a list or mapping; None if it can have none of that name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = {field.alias or name: field for name, field in annotation.model_fields.items()}
        return fields[str(part)].annotation if part in fields else None
    arguments = get_args(annotation)
    if get_origin(annotation) in (dict, Mapping):
        return arguments[1]
    if get_origin(annotation) is tuple:
        return arguments[0] if isinstance(part, int) else None
    inner = (_annotation_in(argument, part) for argument in arguments)  # of a union, or of Annotated
    return next((found for found in inner if found is not None), None)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) not in (dict, Mapping):
        for argument in get_args(annotation):
            yield from _models_in(argument)


_KEY_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_DOTTED = rf"{_KEY_PART}(?:\s*\.\s*{_KEY_PART})*"
_HEADER = re.compile(rf"^\s*\[(\[?)\s*({_DOTTED})\s*\]")
_ASSIGNMENT = re.compile(rf"^\s*({_DOTTED})\s*=")
_FENCES = ('"""', "'''")


class TomlPositions:
    """Line numbers of a TOML file's keys.

    `tomllib` reports no positions, so the lines are matched against the shapes of headers and assignments. A key inside an
    inline table has the line of the table.
    """

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._counts: dict[KeyPath, int] = {}
        table: KeyPath = ()
        for number, line in _outside_long_strings(text):
            if header := _HEADER.match(line):
                table = self._enter(_split_key(header[2]), repeated=bool(header[1]))
                self._lines.setdefault(table, number)
            elif assignment := _ASSIGNMENT.match(line):
                self._lines.setdefault((*table, *_split_key(assignment[1])), number)

    def find(self, path: KeyPath) -> int | None:
        """Line of the key, or of the nearest table around it; None if the file contains neither."""
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return None

    def _enter(self, parts: tuple[str, ...], repeated: bool) -> KeyPath:
        """The table's path, with the indexes of the arrays of tables (`[[…]]`) around it."""
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


def _outside_long_strings(text: str) -> Iterator[tuple[int, str]]:
    """The numbered lines that do not begin inside a multi-line string, where text may look like keys."""
    fence = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if not fence:
            yield number, line
            fence = next((quotes for quotes in _FENCES if line.count(quotes) % 2), "")
        elif fence in line:
            fence = ""


def _split_key(dotted: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_KEY_PART, dotted))
