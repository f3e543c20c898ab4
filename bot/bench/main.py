"""`townhall bench`: measures the rows one after another, in a folder that is removed at the end."""

from __future__ import annotations

import sysconfig
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, assert_never, get_args

import click

from bot.bench.calls import call_figures
from bot.bench.idle import idle_figures
from bot.bench.latency import reply_figures
from bot.bench.model_server import run_model_server, run_module
from bot.bench.report import Figure, bench_folder, describe_machine, median_of, print_figures
from bot.bench.throughput import concurrency_figures, overhead_figures

RowName = Literal["installed", "call", "overhead", "at-once", "reply", "asleep"]
ROWS: tuple[RowName, ...] = get_args(RowName)
"""Values of `--only`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """Extent of a measurement: samples of each row, open questions, replies of a burst, seconds of observing an idle process."""

    call: int = 300
    overhead: int = 40
    at_once: int = 5
    reply: int = 150
    one_by_one: int = 60
    crowd: int = 10_000
    burst: int = 2_000
    idle: float = 3.0
    help: int = 9
    processes: int = 5


FULL = Sizes()
QUICK = Sizes(call=50, overhead=8, at_once=1, reply=25, one_by_one=15, crowd=400, burst=100, idle=1.0, help=3, processes=2)


async def bench(*, only: Sequence[str] = (), sizes: Sizes = FULL, as_json: bool = False) -> None:
    """Measure the rows in `only`, or all, and print the figures."""
    with bench_folder() as folder:
        machine = describe_machine(folder)
        figures: list[Figure] = []
        async with run_model_server() as address:
            for name in ROWS:
                if name in only or not only:
                    click.echo(f"{name} …", err=True)
                    figures += await _measure(name, folder, address, sizes)
        print_figures(figures, machine, as_json)


async def _measure(name: RowName, folder: Path, address: str, sizes: Sizes) -> list[Figure]:
    match name:
        case "installed":
            return await install_figures(sizes.help)
        case "call":
            return await call_figures(address, sizes.call, sizes.processes)
        case "overhead":
            return await overhead_figures(folder, address, sizes.overhead)
        case "at-once":
            return await concurrency_figures(folder, address, sizes.at_once)
        case "reply":
            return await reply_figures(folder, address, sizes.reply)
        case "asleep":
            return await idle_figures(folder, count=sizes.crowd, burst=sizes.burst, samples=sizes.one_by_one, idle=sizes.idle)
        case _:
            assert_never(name)


async def install_figures(samples: int) -> list[Figure]:
    """Start-up time of `townhall --help` after a warm-up, and the size of all packages of this Python."""
    seconds = [await _time_help() for _ in range(samples + 1)][1:]
    files = _installed_files(Path(sysconfig.get_path("purelib")))
    note = "with the packages of the tests" if find_spec("pytest") else ""
    return [
        Figure(row="installed", name="townhall --help", ours=median_of(seconds), target=0.3, unit="s", samples=samples),
        Figure(
            row="installed",
            name="… all packages of this Python",
            ours=sum(file.stat().st_size for file in files) / 1e6,
            target=320.0,
            unit="MB",
            samples=len(files),
            note=note,
        ),
    ]


async def _time_help() -> float:
    before = time.perf_counter()
    async with run_module("bot", "--help") as output:
        await output.read()
        return time.perf_counter() - before


def _installed_files(folder: Path) -> list[Path]:
    """Files of all packages, without compiled ones, which appear only when a module is first used."""
    return [path for path in folder.rglob("*") if path.suffix != ".pyc" and path.is_file() and not path.is_symlink()]
