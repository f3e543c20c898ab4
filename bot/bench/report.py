"""Figures for people, as a table with the machine below it, and for programs, as one JSON object."""

from __future__ import annotations

import dataclasses
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from rich.console import Console
from rich.table import Table

from bot.formatting import print_json

Unit = Literal["ms", "s", "%", "KB", "MB"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One figure, in `unit`. `bare` is the least that the same work costs without Townhall, where that can be said.

    `of_bare`: the target is a multiple of `bare`; otherwise it is in `unit`.
    """

    row: str
    name: str
    ours: float
    target: float
    unit: Unit
    bare: float | None = None
    of_bare: bool = False
    samples: int
    note: str = ""

    @property
    def times(self) -> float | None:
        """How many times the bare floor."""
        return self.ours / self.bare if self.bare else None

    @property
    def judged_value(self) -> float:
        """What the target is for."""
        return self.times if self.of_bare and self.times is not None else self.ours

    @property
    def is_met(self) -> bool:
        """Whether the target is met."""
        return self.judged_value <= self.target


def median_of(values: Sequence[float]) -> float:
    """The median."""
    return median(values)


def percentile(values: Sequence[float], share: float = 0.99) -> float:
    """The value below which this share lies; the largest where there are too few to tell."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def to_ms(seconds: float) -> float:
    """Seconds in milliseconds."""
    return seconds * 1000


MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs")
"""File systems on which a write is never waited for."""

COMMITS = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """`commit_ms`: one durable commit of one small row in this folder, the floor of all that is stored, in milliseconds."""

    cores: int
    python: str
    sqlite: str
    system: str
    folder: str
    file_system: str
    commit_ms: float

    @property
    def durable(self) -> bool:
        """Whether commits reach a disk."""
        return self.file_system not in MEMORY_FILE_SYSTEMS


@contextmanager
def bench_folder() -> Iterator[Path]:
    """A folder on a disk, removed at the end: that for temporary files, unless it is in memory and another is not."""
    choices = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path.cwd()]
    there = [choice for choice in choices if os.access(choice, os.W_OK)]
    on_disk = [choice for choice in there if file_system(choice) not in MEMORY_FILE_SYSTEMS]
    with tempfile.TemporaryDirectory(prefix="townhall-bench-", dir=(on_disk or there)[0]) as folder:
        yield Path(folder)


def describe_machine(folder: Path) -> Machine:
    """This machine, as seen from a folder."""
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        folder=str(folder.parent),
        file_system=file_system(folder),
        commit_ms=to_ms(median_of(list(_commits(folder / "commits.db")))),
    )


def file_system(folder: Path) -> str:
    """The kind of the file system of a folder, as Linux tells it; elsewhere `unknown`."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    known = {fields[1]: fields[2] for fields in (line.split() for line in mounts.read_text("utf-8").splitlines())}
    parents = [str(parent) for parent in (folder.resolve(), *folder.resolve().parents)]
    return next((known[parent] for parent in parents if parent in known), "unknown")


def _commits(file: Path) -> Iterator[float]:
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (a INTEGER) STRICT;")
        for number in range(COMMITS):
            before = time.perf_counter()
            connection.execute("INSERT INTO t VALUES (?)", (number,))
            yield time.perf_counter() - before
    finally:
        connection.close()


_HEADS = ("what", "ours", "bare", "times bare", "target", "", "samples")
_IN_A_PIPE = 140
"""Columns."""


def print_figures(figures: Sequence[Figure], machine: Machine, as_json: bool) -> None:
    """The figures and what they were measured on."""
    if as_json:
        print_json({"machine": machine, "figures": [_plain(figure) for figure in figures]})
        return
    # A pipe has no width, and lines that are wrapped for none cannot be searched.
    console = Console(width=None if sys.stdout.isatty() else _IN_A_PIPE)
    table = Table(box=None, pad_edge=False)
    for head in _HEADS:
        table.add_column(head, justify="left" if head in ("what", "") else "right")
    for figure in figures:
        table.add_row(*_cells(figure))
    console.print(table)
    for line in _about(machine):
        console.print(line, markup=False, highlight=False)


def _plain(figure: Figure) -> dict[str, object]:
    return {**dataclasses.asdict(figure), "times": figure.times, "met": figure.is_met}


def _cells(figure: Figure) -> tuple[str, ...]:
    bare = "" if figure.bare is None else _amount(figure.bare, figure)
    times = "" if figure.times is None else f"{figure.times:.2f}"
    target = f"{figure.target:g} x" if figure.of_bare else f"{figure.target:g} {figure.unit}"
    name = f"{figure.name} [dim]({figure.note})[/]" if figure.note else figure.name
    verdict = "[green]met[/]" if figure.is_met else "[red]missed[/]"
    return (name, _amount(figure.ours, figure), bare, times, target, verdict, f"{figure.samples:,}")


def _amount(value: float, figure: Figure) -> str:
    return f"{value:.2f} {figure.unit}" if value < 100 else f"{value:.0f} {figure.unit}"


def _about(machine: Machine) -> tuple[str, ...]:
    where = f"{machine.folder} ({machine.file_system}): one durable commit takes {machine.commit_ms:.2f} ms"
    warning = "" if machine.durable else "; this is memory, so nothing was waited for: set TMPDIR to a folder on a disk"
    return (
        f"{machine.cores} cores, Python {machine.python}, SQLite {machine.sqlite}, {machine.system}",
        f"Stores in {where}{warning}",
        "Medians unless it says otherwise, after a warm-up; ours and bare by turns. Bare is the same work without Townhall.",
    )
