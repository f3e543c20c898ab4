"""`townhall bench`: the rows, one after the other, in a folder that is removed at the end."""

from __future__ import annotations

import sysconfig
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click

from bot.bench.idle import idle_figures
from bot.bench.latency import call_figures, reply_figures
from bot.bench.model_server import run_model_server, run_module
from bot.bench.report import Figure, bench_folder, describe_machine, median_of, print_figures
from bot.bench.throughput import concurrency_figures, overhead_figures


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """How much is measured: samples of each row, open questions, replies of a burst, seconds to look on while nothing happens."""

    call: int = 300
    overhead: int = 40
    at_once: int = 5
    reply: int = 150
    one_by_one: int = 60
    crowd: int = 10_000
    burst: int = 2_000
    idle: float = 3.0
    help: int = 9


FULL = Sizes()
QUICK = Sizes(call=50, overhead=8, at_once=1, reply=25, one_by_one=15, crowd=400, burst=100, idle=1.0, help=3)


async def bench(*, only: Sequence[str] = (), sizes: Sizes = FULL, as_json: bool = False) -> None:
    """Measure the rows of these names, or all, and print what was found."""
    with bench_folder() as folder:
        machine = describe_machine(folder)
        figures: list[Figure] = []
        async with run_model_server() as address:
            for name, row in ROWS.items():
                if name in only or not only:
                    click.echo(f"{name} …", err=True)
                    figures += await row(folder, address, sizes)
        print_figures(figures, machine, as_json)


async def _overhead(folder: Path, address: str, sizes: Sizes) -> list[Figure]:
    return await overhead_figures(folder, address, sizes.overhead)


async def _at_once(folder: Path, address: str, sizes: Sizes) -> list[Figure]:
    return await concurrency_figures(folder, address, sizes.at_once)


async def _reply(folder: Path, address: str, sizes: Sizes) -> list[Figure]:
    return await reply_figures(folder, address, sizes.reply)


async def _asleep(folder: Path, address: str, sizes: Sizes) -> list[Figure]:
    return await idle_figures(folder, count=sizes.crowd, burst=sizes.burst, samples=sizes.one_by_one, idle=sizes.idle)


async def _call(folder: Path, address: str, sizes: Sizes) -> list[Figure]:
    return await call_figures(address, sizes.call)


async def _installed(folder: Path, address: str, sizes: Sizes) -> list[Figure]:
    return await install_figures(sizes.help)


ROWS = {
    "installed": _installed,
    "call": _call,
    "overhead": _overhead,
    "at-once": _at_once,
    "reply": _reply,
    "asleep": _asleep,
}
"""What `--only` takes."""
