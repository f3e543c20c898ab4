"""Rows 1 and 2: what a whole run costs beside the same calls made bare, alone and sixteen at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot.bench.baseline import Body, RecordingModel, raw_client, raw_rounds
from bot.bench.fixtures import BenchBot, bench_bot, http_models, team
from bot.bench.latency import loop_lag
from bot.bench.report import Figure, median_of, percentile, to_ms

if TYPE_CHECKING:
    from openai import AsyncOpenAI


SIZES = (2, 4, 8)
AT_ONCE = 16
TASK = "Say how a small team should move its service from one server to two, and what it should leave as it is."


async def overhead_figures(folder: Path, address: str, samples: int) -> list[Figure]:
    """A run over HTTP, every call and post stored, with a model that answers at once."""
    async with http_models(address) as models, raw_client(address) as client:
        recorder = RecordingModel(models)
        async with bench_bot(folder / "overhead.db", recorder) as home:
            return [await _overhead(home, recorder, client, size, samples) for size in SIZES]


async def _overhead(home: BenchBot, recorder: RecordingModel, client: AsyncOpenAI, size: int, samples: int) -> Figure:
    rounds = await _rounds(home, recorder, size, "quick")

    async def run() -> None:
        await _whole_run(home, size, "quick")

    ours, bare = await _alternate(home, run, lambda: raw_rounds(client, rounds), samples)
    return Figure(
        row="overhead",
        name=f"a run of {size} agents, {2 * size + 1} calls",
        ours=to_ms(median_of(ours)),
        bare=to_ms(median_of(bare)),
        target=2.5,
        of_bare=True,
        unit="ms",
        samples=samples,
    )


async def concurrency_figures(folder: Path, address: str, samples: int) -> list[Figure]:
    """Sixteen runs of three agents at the same time, with a model that thinks for 200 ms."""
    async with http_models(address) as models, raw_client(address) as client:
        recorder = RecordingModel(models)
        async with bench_bot(folder / "at_once.db", recorder) as home:
            rounds = await _rounds(home, recorder, 3, "slow")

            async def runs() -> None:
                await asyncio.gather(*(_whole_run(home, 3, "slow") for _ in range(AT_ONCE)))

            async def calls() -> None:
                await asyncio.gather(*(raw_rounds(client, rounds) for _ in range(AT_ONCE)))

            late: list[float] = []
            ours, bare = await _alternate(home, runs, calls, samples, late)
    return [
        Figure(
            row="at-once",
            name=f"{AT_ONCE} runs at once, 3 agents, 200 ms model",
            ours=to_ms(median_of(ours)),
            bare=to_ms(median_of(bare)),
            target=1.25,
            of_bare=True,
            unit="ms",
            samples=samples,
        ),
        Figure(
            row="at-once",
            name="… stall of the event loop, p99",
            ours=to_ms(percentile(late)),
            target=50.0,
            unit="ms",
            samples=len(late),
            note=f"longest {to_ms(max(late)):.0f} ms",
        ),
    ]


async def _rounds(home: BenchBot, recorder: RecordingModel, size: int, model: str) -> list[list[Body]]:
    """The requests of one run, after another to warm up."""
    for _ in range(2):
        recorder.bodies.clear()
        await _whole_run(home, size, model)
    await home.wait_idle()
    return recorder.pop_rounds(size)


async def _whole_run(home: BenchBot, size: int, model: str) -> None:
    await home.final_answer(await home.start_run(team(size, model), TASK))


async def _alternate(
    home: BenchBot,
    ours: Callable[[], Awaitable[None]],
    bare: Callable[[], Awaitable[None]],
    samples: int,
    late: list[float] | None = None,
) -> tuple[Sequence[float], Sequence[float]]:
    """Seconds that each takes, by turns, so that what else the machine does meets both; the first pair is a warm-up."""
    ours_took, bare_took = [], []
    for _ in range(samples + 1):
        with loop_lag() as ticks:
            ours_took.append(await _timed(ours))
        await home.wait_idle()
        bare_took.append(await _timed(bare))
        if late is not None:
            late += ticks
    return ours_took[1:], bare_took[1:]


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    before = time.perf_counter()
    await work()
    return time.perf_counter() - before
