"""Long Markdown in parts that each fit into one message of a platform and read well alone.

A text is cut at the best place that is near the limit: before a heading, else between paragraphs, lines, sentences or words. A
block of code that is cut is closed at the end of its part and opened again, with its language, at the start of the next part;
otherwise the rest of the answer would be shown as code. The platform's limits are parameters (`MessageLimits`).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})([^\n`]*)")
_LANGUAGE = re.compile(r"[\w+#.-]{1,20}")
_HEADING = re.compile(r" {0,3}#{1,6}(\s|$)")
_ELEMENT = re.compile(r"\s*(#(?=#{0,5}\s)|>|[*+-](?=\s)|\d{1,9}[.)](?=\s))")
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
    """The size of one message: characters, as `length` counts them, lines, and elements, as `count_elements` counts them.

    `length` of two texts joined is the sum of their lengths.
    """

    characters: int
    lines: int = sys.maxsize
    elements: int = sys.maxsize
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
    parts: list[_Part] = []
    blocks = list(_blocks(pieces, limits))
    for number, block in enumerate(blocks):
        if not parts or not parts[-1].fits([block]):
            heading = parts[-1].pop_heading(block) if parts else []
            parts.append(_Part(limits, [*heading, block]))
        elif block.is_heading and parts[-1].is_half_full and not parts[-1].fits(_section(blocks, number)):
            parts.append(_Part(limits, [block]))
        else:
            parts[-1].blocks.append(block)
    return [part.text for part in parts] or [""]


def _section(blocks: Sequence[_Block], start: int) -> Sequence[_Block]:
    """A heading and what stands below it, up to the next heading."""
    end = next((number for number in range(start + 1, len(blocks)) if blocks[number].is_heading), len(blocks))
    return blocks[start:end]


@dataclass(slots=True)
class _Part:
    """The blocks of one message."""

    limits: MessageLimits
    blocks: list[_Block]

    @property
    def text(self) -> str:
        first, *rest = self.blocks
        return "".join([first.text, *chain.from_iterable((block.gap, block.text) for block in rest)])

    @property
    def is_half_full(self) -> bool:
        """True if one of the limits is more than half used up."""
        text, limits = self.text, self.limits
        elements = sum(block.elements for block in self.blocks)
        half = limits.characters // 2, limits.lines // 2, limits.elements // 2
        return limits.length(text) > half[0] or text.count("\n") > half[1] or elements > half[2]

    def fits(self, more: Sequence[_Block]) -> bool:
        """True if the part with these blocks is within the limits."""
        text = _Part(self.limits, [*self.blocks, *more]).text
        if self.limits.length(text) > self.limits.characters or text.count("\n") >= self.limits.lines:
            return False
        return sum(block.elements for block in (*self.blocks, *more)) <= self.limits.elements

    def pop_heading(self, following: _Block) -> list[_Block]:
        """Take the heading at the end, which belongs to the block that follows, if both fit into one message."""
        last = self.blocks[-1]
        if len(self.blocks) < 2 or not last.is_heading or not _Part(self.limits, [last]).fits([following]):
            return []
        return [self.blocks.pop()]


def split_text(text: str, limits: MessageLimits) -> list[str]:
    """`split_markdown` for prose in which fences mean nothing."""
    return split_markdown([MarkdownPiece(text)], limits)


@dataclass(frozen=True, slots=True)
class _Block:
    """Text that stays in one message: a paragraph, or code with its fences. `gap` separates it from the block before."""

    text: str
    gap: str

    @property
    def is_heading(self) -> bool:
        """True if the block is, or begins with, a heading."""
        return _HEADING.match(self.text) is not None

    @property
    def elements(self) -> int:
        """The number of elements, as `count_elements` counts them."""
        return count_elements(self.text)


def count_elements(text: str) -> int:
    """The elements of Markdown at the top level: headings, paragraphs, lists, quotations and blocks of code, counted high."""
    return sum(1 if piece.code else _count_prose(piece.text) for piece in parse_markdown(text))


def _count_prose(text: str) -> int:
    found, before = 0, ""
    for line in text.split("\n"):
        kind = _line_kind(line)
        # Each heading is an element of its own; lines of another kind belong to the element before them.
        if kind and (kind == "#" or kind != before):
            found += 1
        before = kind
    return found


def _line_kind(line: str) -> str:
    """The kind of element that a line belongs to, empty for a blank line."""
    found = _ELEMENT.match(line)
    return (found[1][-1] if found else "text") if line.strip() else ""


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
            if row.strip() and not (rows and _HEADING.match(row)):
                rows.append(row)
                continue
            yield from _paragraph_blocks(rows, gap, limits)
            rows, gap = ([row], "\n") if row.strip() else ([], "\n\n")
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
