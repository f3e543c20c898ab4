"""Long Markdown in parts that each fit a message and read well alone: cut between paragraphs, and between the lines of code.

A block of code that is cut is closed at the end of its part and opened again, with its language, at the start of the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

MAX_CHARACTERS = 1900
"""A message may have 2,000; the rest is for what goes around a part."""
MAX_LINES = 60
"""About three screens of a phone."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[^`]*$")


@dataclass(frozen=True, slots=True)
class _Block:
    """What is kept together if it can be: a paragraph, or a piece of code with its fences. `gap` parts it from what is before."""

    text: str
    gap: str

    @property
    def lines(self) -> int:
        return self.text.count("\n") + 1 + self.gap.count("\n")


def discord_length(text: str) -> int:
    """How many characters Discord counts, at most: those outside the basic plane may count as two."""
    return len(text) + sum(char > "\uffff" for char in text)


def split_markdown(text: str, characters: int = MAX_CHARACTERS, lines: int = MAX_LINES) -> list[str]:
    """`text` in parts of at most so many characters and lines; joined they say the same. At least one, which may be empty."""
    made: list[str] = []
    now, now_lines = "", 0
    for block in _blocks(text.strip("\n"), characters, lines):
        if now and (discord_length(now + block.gap + block.text) > characters or now_lines + block.lines > lines):
            made.append(now)
            now = ""
        now, now_lines = (now + block.gap + block.text, now_lines + block.lines) if now else (block.text, block.lines)
    return [*made, now] if now or not made else made


def _blocks(text: str, characters: int, lines: int) -> Iterator[_Block]:
    """The paragraphs and pieces of code, each small enough."""
    waiting: list[str] = []
    gap, fence = "\n", ""
    for line in text.split("\n"):
        if fence:
            waiting.append(line)
            if _closes(line, fence):
                yield from _code(waiting, gap, characters, lines)
                waiting, gap, fence = [], "\n", ""
        elif opened := _FENCE.match(line):
            yield from _paragraph(waiting, gap, characters, lines)
            gap = "\n" if waiting else gap
            waiting, fence = [line], opened[1]
        elif line.strip():
            waiting.append(line)
        else:
            yield from _paragraph(waiting, gap, characters, lines)
            waiting, gap = [], "\n\n"
    yield from _code([*waiting, fence], gap, characters, lines) if fence else _paragraph(waiting, gap, characters, lines)


def _closes(line: str, fence: str) -> bool:
    return line.strip().startswith(fence) and not line.strip().strip(fence[0])


def _paragraph(rows: list[str], gap: str, characters: int, lines: int) -> Iterator[_Block]:
    for number, piece in enumerate(_pack_lines(rows, characters, lines)):
        yield _Block(piece, "\n" if number else gap)


def _code(rows: list[str], gap: str, characters: int, lines: int) -> Iterator[_Block]:
    """Code with its fences, in as many pieces as it takes, each with fences of its own."""
    opening, body = rows[0][: characters // 4], rows[1:-1]
    closing = rows[-1].strip()
    room = characters - discord_length(opening) - discord_length(closing) - 2
    for number, piece in enumerate(_pack_lines(body, room, lines - 2) if body else [""]):
        yield _Block(f"{opening}\n{piece}\n{closing}", "\n" if number else gap)


def _pack_lines(rows: list[str], characters: int, lines: int) -> list[str]:
    """Lines packed into pieces; a line that is too long by itself is cut between words where there are any."""
    made: list[list[str]] = []
    used = 0
    for row in chain.from_iterable(_split_line(line, characters) for line in rows):
        if not made or used + discord_length(row) + 1 > characters or len(made[-1]) >= lines:
            made.append([])
            used = -1
        made[-1].append(row)
        used += discord_length(row) + 1
    return ["\n".join(piece) for piece in made]


def _split_line(row: str, characters: int) -> Iterator[str]:
    while discord_length(row) > characters:
        at = characters // 2 if discord_length(row[:characters]) > characters else characters
        border = row.rfind(" ", at // 3, at + 1)
        at = border if border > 0 else at
        yield row[:at]
        row = row[at:].removeprefix(" ")
    yield row
