"""`townhall bench`: the rows, one after the other, in a folder that is removed at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from bot.bench.asleep import idle_figures
from bot.bench.figures import Figure
from bot.bench.installed import install_figures
from bot.bench.machine import bench_folder, describe_machine
from bot.bench.one_call import call_figures
from bot.bench.one_reply import reply_figures
from bot.bench.processes import run_model_server
from bot.bench.report import print_figures
from bot.bench.whole_runs import concurrency_figures, overhead_figures


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
