"""In which line of a TOML file a key stands. The parser does not say, and a person who mends the file wants to know."""

from __future__ import annotations

import re
from collections.abc import Iterator

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
