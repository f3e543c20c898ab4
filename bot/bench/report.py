"""Figures of a benchmark: statistics, the machine they were measured on, and the report as a table or as JSON."""

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
    """One figure, in `unit`. `bare` is the cost of the same work without Townhall, if it can be measured.

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
        """Ratio to the cost without Townhall."""
        return self.ours / self.bare if self.bare else None

    @property
    def judged_value(self) -> float:
        """Value that is compared with the target."""
        return self.times if self.of_bare and self.times is not None else self.ours

    @property
    def is_met(self) -> bool:
        """True if the target is met."""
        return self.judged_value <= self.target


def median_of(values: Sequence[float]) -> float:
    """Median."""
    return median(values)


def percentile(values: Sequence[float], share: float = 0.99) -> float:
    """Value below which `share` of the values lie; the largest value if there are too few."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def to_ms(seconds: float) -> float:
    """Convert seconds to milliseconds."""
    return seconds * 1000


MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs")
"""File systems in memory, on which a commit waits for no disk."""

COMMITS = 50
"""Commits that are timed to describe the disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """The machine. `commit_ms`: milliseconds of one durable commit of a small row, the lower bound of everything stored."""

    cores: int
    python: str
    sqlite: str
    system: str
    folder: str
    file_system: str
    commit_ms: float

    @property
    def durable(self) -> bool:
        """True if commits reach a disk."""
        return self.file_system not in MEMORY_FILE_SYSTEMS


@contextmanager
def bench_folder() -> Iterator[Path]:
    """A temporary folder, on a disk if one is writable; removed at the end."""
    candidates = [Path(tempfile.gettempdir()), Path("/var/tmp"), Path.cwd()]
    writable = [candidate for candidate in candidates if os.access(candidate, os.W_OK)]
    on_disk = [candidate for candidate in writable if file_system(candidate) not in MEMORY_FILE_SYSTEMS]
    with tempfile.TemporaryDirectory(prefix="townhall-bench-", dir=(on_disk or writable)[0]) as folder:
        yield Path(folder)


def describe_machine(folder: Path) -> Machine:
    """Describe this machine, and the disk of a folder."""
    return Machine(
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version,
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        folder=str(folder.parent),
        file_system=file_system(folder),
        commit_ms=to_ms(median_of(list(_commit_seconds(folder / "commits.db")))),
    )


def file_system(folder: Path) -> str:
    """Type of the file system of a folder on Linux; elsewhere `unknown`."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return "unknown"
    types = {fields[1]: fields[2] for fields in (line.split() for line in mounts.read_text("utf-8").splitlines())}
    parents = [str(parent) for parent in (folder.resolve(), *folder.resolve().parents)]
    return next((types[parent] for parent in parents if parent in types), "unknown")


def _commit_seconds(file: Path) -> Iterator[float]:
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
_PIPE_WIDTH = 140
"""Columns of the table in a pipe, which has no width: wide enough that no line is wrapped, so that lines can be searched."""


def print_figures(figures: Sequence[Figure], machine: Machine, as_json: bool) -> None:
    """Print the figures and the machine."""
    if as_json:
        objects = [{**dataclasses.asdict(figure), "times": figure.times, "met": figure.is_met} for figure in figures]
        print_json({"machine": machine, "figures": objects})
        return
    console = Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    table = Table(box=None, pad_edge=False)
    for head in _HEADS:
        table.add_column(head, justify="left" if head in ("what", "") else "right")
    for figure in figures:
        table.add_row(*_cells(figure))
    console.print(table)
    for line in _machine_lines(machine):
        console.print(line, markup=False, highlight=False)


def _cells(figure: Figure) -> tuple[str, ...]:
    bare = "" if figure.bare is None else _amount(figure.bare, figure)
    times = "" if figure.times is None else f"{figure.times:.2f}"
    target = f"{figure.target:g} x" if figure.of_bare else f"{figure.target:g} {figure.unit}"
    name = f"{figure.name} [dim]({figure.note})[/]" if figure.note else figure.name
    verdict = "[green]met[/]" if figure.is_met else "[red]missed[/]"
    return (name, _amount(figure.ours, figure), bare, times, target, verdict, f"{figure.samples:,}")


def _amount(value: float, figure: Figure) -> str:
    return f"{value:.2f} {figure.unit}" if value < 100 else f"{value:.0f} {figure.unit}"


def _machine_lines(machine: Machine) -> tuple[str, ...]:
    where = f"{machine.folder} ({machine.file_system}): one durable commit takes {machine.commit_ms:.2f} ms"
    warning = "" if machine.durable else "; this is memory, so no commit waited for a disk: set TMPDIR to a folder on a disk"
    return (
        f"{machine.cores} cores, Python {machine.python}, SQLite {machine.sqlite}, {machine.system}",
        f"Stores in {where}{warning}",
        "Medians after a warm-up unless stated; ours and bare alternate. Bare is the same work without Townhall.",
    )
