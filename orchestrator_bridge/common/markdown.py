"""Long Markdown in parts that each fit into one message of a platform and read well alone.

A text is cut at the best place that is near the limit: between paragraphs, else between lines, sentences or words. A block of
code that is cut is closed at the end of its part and opened again, with its language, at the start of the next part; otherwise
the rest of the answer would be shown as code. The platform's limits are parameters (`MessageLimits`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})([^\n`]*)")
_LANGUAGE = re.compile(r"[\w+#.-]{1,20}")
_LONGEST_FENCE = 8
"""Characters of a fence that is written out; a longer one would leave no room for the code between its fences."""


@dataclass(frozen=True, slots=True)
class MarkdownPiece:
    """A stretch of Markdown: prose, or the lines between two fences (`code`) with the language that the opening fence names."""

    text: str
    code: bool = False
    language: str = ""
    fence: str = "```"


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageLimits:
    """The size of one message: characters, as `length` counts them, and lines.

    `length` of two texts joined is the sum of their lengths.
    """

    characters: int
    lines: int = sys.maxsize
    length: Callable[[str], int] = len


def parse_markdown(text: str) -> Iterator[MarkdownPiece]:
    """Prose and fenced code in turn. A fence that is never closed ends with the text, as in CommonMark.

    A fence may be indented, as in a list; its code loses that indentation, since the fences are written at the margin.
    """
    lines: list[str] = []
    indent, fence, language = "", "", ""
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line)
        if not fence and found:
            yield MarkdownPiece("\n".join(lines))
            info = _LANGUAGE.match(found[3].strip())
            lines, indent, fence, language = [], found[1], found[2], info[0] if info else ""
        elif found and found[2].startswith(fence) and not found[3].strip():
            yield MarkdownPiece("\n".join(lines), True, language, fence)
            lines, fence = [], ""
        else:
            lines.append(line.removeprefix(indent) if fence else line)
    yield MarkdownPiece("\n".join(lines), True, language, fence) if fence else MarkdownPiece("\n".join(lines))


def split_markdown(pieces: Iterable[MarkdownPiece], limits: MessageLimits) -> list[str]:
    """The texts of the messages that the pieces take, each within the limits. At least one, which may be empty."""
    parts: list[list[str]] = []
    size = lines = 0
    for block in _blocks(pieces, limits):
        block_size, block_lines = limits.length(block.text), block.text.count("\n") + 1
        size, lines = size + limits.length(block.gap) + block_size, lines + block.gap.count("\n") - 1 + block_lines
        if parts and size <= limits.characters and lines <= limits.lines:
            parts[-1] += [block.gap, block.text]
        else:
            parts.append([block.text])
            size, lines = block_size, block_lines
    return ["".join(part) for part in parts] or [""]


def split_text(text: str, limits: MessageLimits) -> list[str]:
    """`split_markdown` for prose in which fences mean nothing."""
    return split_markdown([MarkdownPiece(text)], limits)


@dataclass(frozen=True, slots=True)
class _Block:
    """Text that stays in one message: a paragraph, or code with its fences. `gap` separates it from the block before."""

    text: str
    gap: str


def _blocks(pieces: Iterable[MarkdownPiece], limits: MessageLimits) -> Iterator[_Block]:
    """Paragraphs and blocks of code, each within the limits. Blank lines become the gap of the next block."""
    gap = "\n"
    for piece in pieces:
        if piece.code:
            yield from _code_blocks(piece, gap, limits)
            gap = "\n"
            continue
        rows: list[str] = []
        for row in piece.text.split("\n"):
            if row.strip():
                rows.append(row)
                continue
            yield from _paragraph_blocks(rows, gap, limits)
            rows, gap = [], "\n\n"
        yield from _paragraph_blocks(rows, gap, limits)
        gap = "\n" if rows else gap


def _paragraph_blocks(rows: list[str], gap: str, limits: MessageLimits) -> Iterator[_Block]:
    for number, text in enumerate(_pack_lines(rows, limits)):
        yield _Block(text, "\n" if number else gap)


def _code_blocks(piece: MarkdownPiece, gap: str, limits: MessageLimits) -> Iterator[_Block]:
    """Code in as many blocks as it takes, each with fences of its own."""
    fence = piece.fence[:_LONGEST_FENCE]
    opening = f"{fence}{piece.language}"
    room = MessageLimits(
        characters=limits.characters - len(opening) - len(fence) - 2, lines=limits.lines - 2, length=limits.length
    )
    for number, text in enumerate(_pack_lines(piece.text.split("\n"), room)):
        yield _Block(f"{opening}\n{text}\n{fence}", "\n" if number else gap)


def _pack_lines(rows: list[str], limits: MessageLimits) -> list[str]:
    """Lines packed greedily into texts within the limits; a line that is too long by itself is cut."""
    texts: list[list[str]] = []
    used = 0
    for row in chain.from_iterable(_split_line(row, limits) for row in rows):
        size = limits.length(row) + 1
        if not texts or used + size - 1 > limits.characters or len(texts[-1]) >= limits.lines:
            texts.append([])
            used = 0
        texts[-1].append(row)
        used += size
    return ["\n".join(text) for text in texts]


def _split_line(row: str, limits: MessageLimits) -> Iterator[str]:
    while limits.length(row) > limits.characters:
        end = _line_end(row, limits)
        yield row[:end]
        row = row[end:].removeprefix(" ")
    yield row


def _line_end(row: str, limits: MessageLimits) -> int:
    """Index at which a line is cut: after a sentence or a word near the limit, else at the limit, but never within an entity."""
    end = limits.characters
    if limits.length(row[:end]) > end:  # characters that count twice
        end //= 2
    for border in (". ", " "):
        found = row.rfind(border, end // 3, end + 1)
        if found > 0:
            return found + len(border.rstrip())
    entity = row.rfind("&", max(1, end - 8), end)
    return entity if entity > 0 and ";" in row[entity : entity + 8] and ";" not in row[entity:end] else end
