"""Markdown tables for platforms that show none: a narrow table as aligned text in a block of code, a wide one as a list.

A table is a header row, a delimiter row and the rows below it, as in GitHub Flavored Markdown (github.github.com/gfm,
section 4.10). Tables inside of code are left as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from orchestrator_bridge.common.markdown import MarkdownPiece, parse_markdown

MAX_WIDTH = 56
"""Characters of a line of code that a phone held upright scrolls through at a glance; a wider table is a list."""

_DELIMITER = re.compile(r" {0,3}\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*")
_CELL_BORDER = re.compile(r"(?<!\\)\|")
_STYLE = re.compile(r"\*\*|__|`")


def draw_tables(text: str) -> str:
    """The same Markdown, each table outside of code drawn as code or as a list."""
    if "|" not in text:
        return text
    return "\n".join(_write(piece) for piece in parse_markdown(text) if piece.text or piece.code)


def _write(piece: MarkdownPiece) -> str:
    if piece.code:
        return f"{piece.fence}{piece.language}\n{piece.text}\n{piece.fence}"
    return "\n".join(_drawn_lines(piece.text.split("\n")))


def _drawn_lines(lines: Sequence[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        end = _table_end(lines, at)
        if end == at:
            yield lines[at]
            at += 1
            continue
        header, *rows = (_cells(line) for number, line in enumerate(lines[at:end]) if number != 1)
        yield from _draw(header, [_padded(row, len(header)) for row in rows])
        at = end


def _table_end(lines: Sequence[str], start: int) -> int:
    """The index behind a table that begins at a line; the line itself if none begins there."""
    if start + 1 >= len(lines) or "|" not in lines[start] or "|" not in lines[start + 1]:
        return start
    if not _DELIMITER.fullmatch(lines[start + 1]) or len(_cells(lines[start])) != len(_cells(lines[start + 1])):
        return start
    return next((end for end in range(start + 2, len(lines)) if "|" not in lines[end]), len(lines))


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.replace("\\|", "|").strip() for cell in _CELL_BORDER.split(inner)]


def _padded(row: list[str], width: int) -> list[str]:
    return (row + [""] * width)[:width]


def _draw(header: list[str], rows: list[list[str]]) -> Iterator[str]:
    plain = [[_STYLE.sub("", cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*plain, strict=True)]
    if sum(widths) + 2 * (len(widths) - 1) <= MAX_WIDTH:
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in plain]
        yield from ("```", lines[0], "  ".join("-" * width for width in widths), *lines[1:], "```")
        return
    for first, *rest in rows:
        named = (f"{name}: {cell}" if name else cell for name, cell in zip(header[1:], rest, strict=True) if cell)
        title = _STYLE.sub("", first)
        yield "- " + " · ".join(filter(None, (f"**{title}**" if title else "", *named)))
