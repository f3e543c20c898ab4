"""Figures for people, as a table with the machine below it, and for programs, as one JSON object."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bot.bench.figures import Figure
from bot.bench.machine import Machine
from bot.tables import print_json

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
