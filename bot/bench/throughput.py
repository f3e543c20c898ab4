"""Rows 1 and 2: whole runs beside the same calls without Townhall, one at a time and sixteen at a time."""

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
"""Agents of a team."""
AT_ONCE = 16
"""Concurrent runs."""
TASK = "Say how a small team should move its service from one server to two, and what it should leave as it is."


async def overhead_figures(folder: Path, address: str, samples: int) -> list[Figure]:
    """A run over HTTP, every call and post stored, with a model that responds immediately."""
    async with http_models(address) as models, raw_client(address) as client:
        recorder = RecordingModel(models)
        async with bench_bot(folder / "overhead.db", recorder) as bot:
            return [await _overhead(bot, recorder, client, size, samples) for size in SIZES]


async def _overhead(bot: BenchBot, recorder: RecordingModel, client: AsyncOpenAI, size: int, samples: int) -> Figure:
    rounds = await _record_rounds(bot, recorder, size, "quick")

    async def run() -> None:
        await _whole_run(bot, size, "quick")

    ours, bare = await _alternate(bot, run, lambda: raw_rounds(client, rounds), samples)
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
    """Sixteen concurrent runs of three agents, with a model that responds after 200 ms."""
    async with http_models(address) as models, raw_client(address) as client:
        recorder = RecordingModel(models)
        async with bench_bot(folder / "at_once.db", recorder) as bot:
            rounds = await _record_rounds(bot, recorder, 3, "slow")

            async def runs() -> None:
                await asyncio.gather(*(_whole_run(bot, 3, "slow") for _ in range(AT_ONCE)))

            async def calls() -> None:
                await asyncio.gather(*(raw_rounds(client, rounds) for _ in range(AT_ONCE)))

            lags: list[float] = []
            ours, bare = await _alternate(bot, runs, calls, samples, lags)
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
            ours=to_ms(percentile(lags)),
            target=50.0,
            unit="ms",
            samples=len(lags),
            note=f"longest {to_ms(max(lags)):.0f} ms",
        ),
    ]


async def _record_rounds(bot: BenchBot, recorder: RecordingModel, size: int, model: str) -> list[list[Body]]:
    """Requests of one run, after another run as a warm-up."""
    for _ in range(2):
        recorder.bodies.clear()
        await _whole_run(bot, size, model)
    await bot.wait_idle()
    return recorder.pop_rounds(size)


async def _whole_run(bot: BenchBot, size: int, model: str) -> None:
    await bot.final_answer(await bot.start_run(team(size, model), TASK))


async def _alternate(
    bot: BenchBot,
    ours: Callable[[], Awaitable[None]],
    bare: Callable[[], Awaitable[None]],
    samples: int,
    lags: list[float] | None = None,
) -> tuple[Sequence[float], Sequence[float]]:
    """Seconds of both works, measured alternately, so that other load of the machine affects both; the first pair is a warm-up.

    `lags` receives the delays of the event loop during our work.
    """
    ours_seconds, bare_seconds = [], []
    for _ in range(samples + 1):
        with loop_lag() as ticks:
            ours_seconds.append(await _timed(ours))
        await bot.wait_idle()
        bare_seconds.append(await _timed(bare))
        if lags is not None:
            lags += ticks
    return ours_seconds[1:], bare_seconds[1:]


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    before = time.perf_counter()
    await work()
    return time.perf_counter() - before
