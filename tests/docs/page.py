"""Reads a page of the documentation: its tables, its commands, its links."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("examples/*.md")))

_LINK = re.compile(r"(?<!`)!?\[[^\]]*\]\(([^)\s]+)\)")
_SHELL = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table under the heading that it stands below; each row by column."""

    heading: str
    rows: tuple[Mapping[str, str], ...]


def read(name: str) -> str:
    """The text of a page, by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def tables(name: str) -> list[Table]:
    """Every table of a page, in order. Backticks around a whole cell are taken off."""
    found, heading, block = [], "", list[str]()
    for line in [*read(name).splitlines(), ""]:
        if line.startswith("|"):
            block.append(line)
        elif block:
            found.append(_table(heading, block))
            block = []
        if line.startswith("#"):
            heading = line.lstrip("# ").strip()
    return found


def table(name: str, heading: str) -> Table:
    """The one table below a heading."""
    (found,) = (table for table in tables(name) if table.heading == heading)
    return found


def commands(name: str) -> Iterator[str]:
    """Every command in the shell blocks of a page, without remarks."""
    for block in _SHELL.findall(read(name)):
        for line in block.splitlines():
            command = line.partition("  #")[0].strip()
            if command and not command.startswith("#"):
                yield command


def links(page: Path) -> Iterator[str]:
    """Targets of a page's links and pictures."""
    yield from _LINK.findall(page.read_text(encoding="utf-8"))


def _table(heading: str, block: list[str]) -> Table:
    head, _, *lines = (_cells(line) for line in block)
    return Table(heading=heading, rows=tuple(dict(zip(head, cells, strict=True)) for cells in lines))


def _cells(line: str) -> list[str]:
    return [_plain(cell) for cell in line.strip().strip("|").split(" |")]


def _plain(cell: str) -> str:
    cell = cell.strip()
    inner = cell.removeprefix("`").removesuffix("`")
    return inner if "`" not in inner and len(inner) == len(cell) - 2 else cell
