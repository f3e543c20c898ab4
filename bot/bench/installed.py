"""What is there before anything is asked: how soon the command speaks, and what its installation weighs."""

from __future__ import annotations

import sysconfig
import time
from importlib.util import find_spec
from pathlib import Path

from bot.bench.figures import Figure, median_of
from bot.bench.processes import run_module


async def install_figures(samples: int) -> list[Figure]:
    """`townhall --help` in a process of its own, and the packages of this Python; the first sample is a warm-up."""
    took = [await _help() for _ in range(samples + 1)][1:]
    sizes = [file.stat().st_size for file in _files(Path(sysconfig.get_path("purelib")))]
    note = "with what the tests need" if find_spec("pytest") else ""
    return [
        Figure(row="installed", name="townhall --help", ours=median_of(took), target=0.3, unit="s", samples=samples),
        Figure(
            row="installed",
            name="… all packages of this Python",
            ours=sum(sizes) / 1e6,
            target=320.0,
            unit="MB",
            samples=len(sizes),
            note=note,
        ),
    ]


async def _help() -> float:
    before = time.perf_counter()
    async with run_module("bot", "--help") as output:
        await output.read()
        return time.perf_counter() - before


def _files(folder: Path) -> list[Path]:
    """Its files, without what Python compiles when it first uses them."""
    return [path for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file() and not path.is_symlink()]
