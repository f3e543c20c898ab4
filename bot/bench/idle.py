"""Row 5: ten thousand open questions. Costs of waiting, of one more question, and of replies, single and in a burst.

`python -m bot.bench.idle FILE CHANNEL THREAD SECONDS` is the process whose idling is measured: it starts over a store of open
questions and replies in one thread. It prints two JSON objects, one a line: the time at which the agent resumed, then the cost of
being idle for so many seconds.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.app import tune_gc
from bot.bench.baseline import FileJournal, file_journal
from bot.bench.fixtures import PLATFORM, BenchBot, InstantModel, bench_bot, team
from bot.bench.latency import loop_lag
from bot.bench.model_server import run_module
from bot.bench.report import Figure, median_of, to_ms
from orchestrator_bridge.chat.inbound import Place

AT_ONCE = 100
"""Runs that are started together while a store is filled."""
TASK = "Say which database a small team should take for a service that books rooms. " * 14
"""About 1 KB."""


async def seed_open_questions(file: Path, count: int) -> Sequence[Place]:
    """Create a store with `count` open questions; returns their threads."""
    threads: list[Place] = []
    async with bench_bot(file, InstantModel()) as bot:
        for first in range(0, count, AT_ONCE):
            threads += await asyncio.gather(*(ask_one(bot, number) for number in range(first, min(count, first + AT_ONCE))))
        await bot.wait_idle()
    return threads


async def ask_one(bot: BenchBot, channel: int = 0) -> Place:
    """Start a run whose agent asks; returns the question's thread once the platform has received the question."""
    _, received = await bot.question(await bot.start_run(team(1, "asking"), TASK, channel))
    return received.thread


FEW = 10
"""Open questions of the store for comparison."""
MIN_SIGNIFICANT = 5_000
"""Questions from which on the memory of each exceeds the variation between two processes."""
CONNECTIONS = 64
"""Replies of a burst that are delivered at the same time; the next one follows when one of them is acknowledged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeededStore:
    """A store and the threads of its open questions, shuffled, so that no cache holds the neighbours of a question."""

    file: Path
    threads: list[Place]


@dataclass(frozen=True, kw_only=True, slots=True)
class IdleMeasurement:
    """Costs of a waiting process: seconds to its first reply, percent of a core, resident KB."""

    ready_after: float
    idle_percent: float
    resident_kb: float


async def idle_figures(folder: Path, *, count: int, burst: int, samples: int, idle: float) -> list[Figure]:
    """Figures of this row, from a store with `count` open questions and one with `FEW`; `idle` is in seconds."""
    many = await _seed_store(folder / "many.db", count)
    few = await _seed_store(folder / "few.db", FEW)
    figures = await _idle_process_figures(few, many, idle)
    async with file_journal(folder / "journal.db") as journal:
        figures += await _single_reply_figures(few, many, journal, samples)
        figures += await _burst_figures(many, journal, burst)
    return figures


async def _seed_store(file: Path, count: int) -> SeededStore:
    threads = list(await seed_open_questions(file, count))
    random.Random(count).shuffle(threads)
    return SeededStore(file=file, threads=threads)


async def _idle_process_figures(few: SeededStore, many: SeededStore, idle: float) -> list[Figure]:
    count = len(many.threads)
    small, large = await _measure_idle(few, idle), await _measure_idle(many, idle)
    each = max(0.0, large.resident_kb - small.resident_kb) / (count - len(few.threads))
    note = "" if count >= MIN_SIGNIFICANT else "too few to tell"
    start = f"{count:,} open: start of a process -> first reply resumed"
    return [
        Figure(
            row="asleep",
            name=start,
            ours=large.ready_after,
            bare=small.ready_after,
            target=2.0,
            unit="s",
            samples=1,
            note=f"bare: {FEW} open",
        ),
        Figure(row="asleep", name="… idle, of a core", ours=large.idle_percent, target=1.0, unit="%", samples=1),
        Figure(row="asleep", name="… memory of each", ours=each, target=2.0, unit="KB", samples=count, note=note),
    ]


async def _measure_idle(seeded: SeededStore, idle: float) -> IdleMeasurement:
    thread = seeded.threads.pop()
    before = time.perf_counter()
    async with run_module("bot.bench.idle", str(seeded.file), thread.channel, thread.thread or "", str(idle)) as output:
        resumed_at = json.loads(await output.readline())["resumed_at"]
        return IdleMeasurement(ready_after=resumed_at - before, **json.loads(await output.readline()))


async def _single_reply_figures(few: SeededStore, many: SeededStore, journal: FileJournal, samples: int) -> list[Figure]:
    """Replies to waiting questions, and new questions, alternately in both stores."""
    replied, bare, asked_many, asked_few = [], [], [], []
    model, model_of_few = InstantModel(), InstantModel()
    async with bench_bot(many.file, model) as crowded, bench_bot(few.file, model_of_few) as quiet:
        await crowded.wait_idle()
        for _ in range(samples):
            replied.append(await _reply(crowded, model, many.threads.pop()))
            bare.append(await journal.resume_one())
            asked_many.append(await _ask(crowded, model))
            asked_few.append(await _ask(quiet, model_of_few))
    count = f"{len(many.threads):,} open"
    return [
        Figure(
            row="asleep",
            name=f"{count}: reply -> resumed, p50",
            ours=to_ms(median_of(replied)),
            bare=to_ms(median_of(bare)),
            target=3.0,
            unit="ms",
            samples=samples,
        ),
        Figure(
            row="asleep",
            name="… one more question",
            ours=to_ms(median_of(asked_many)),
            bare=to_ms(median_of(asked_few)),
            target=1.2,
            of_bare=True,
            unit="ms",
            samples=samples,
            note=f"bare: {FEW} open",
        ),
    ]


async def _reply(bot: BenchBot, model: InstantModel, thread: Place) -> float:
    """Seconds from a reply to the agent's next request."""
    model.resumed.clear()
    before = time.perf_counter()
    await bot.platform.reply(thread, "postgres please")
    seconds = await model.wait_resumed(1) - before
    await bot.wait_idle()
    return seconds


async def _ask(bot: BenchBot, model: InstantModel) -> float:
    """Seconds from a task to its question at the platform. The question is then answered, so that the number stays the same."""
    before = time.perf_counter()
    thread = await ask_one(bot)
    seconds = time.perf_counter() - before
    await bot.wait_idle()
    await _reply(bot, model, thread)
    return seconds


async def _burst_figures(many: SeededStore, journal: FileJournal, count: int) -> list[Figure]:
    """Replies to `count` questions at the same time, while platform and model hold every post and request back."""
    threads = [many.threads.pop() for _ in range(count)]
    bare = await journal.resume_all(count)
    model = InstantModel()
    async with bench_bot(many.file, model) as bot:
        await bot.wait_idle()
        bot.platform.open.clear()
        model.open.clear()
        with loop_lag() as lags:
            seconds = await _reply_all(bot, model, threads)
    return [
        Figure(
            row="burst",
            name=f"{count:,} replies at once, all stored and resumed",
            ours=seconds,
            bare=bare,
            target=count / 2000,
            unit="s",
            samples=1,
        ),
        Figure(
            row="burst",
            name="… longest stall of the event loop",
            ours=to_ms(max(lags)),
            target=100.0,
            unit="ms",
            samples=len(lags),
        ),
    ]


async def _reply_all(bot: BenchBot, model: InstantModel, threads: Sequence[Place]) -> float:
    before = time.perf_counter()
    remaining = iter(threads)

    async def connection() -> None:
        for thread in remaining:
            await bot.platform.reply(thread, "postgres please")

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return await model.wait_resumed(len(threads)) - before


async def run_idle(file: Path, thread: Place, seconds: float) -> None:
    """Start a bot, reply once, wait until all threads have been read, then measure `seconds` of idling."""
    model = InstantModel()
    async with bench_bot(file, model) as bot:
        await bot.platform.reply(thread, "postgres please")
        _print({"resumed_at": await model.wait_resumed(1)})
        await bot.wait_idle()
        tune_gc()
        before = time.process_time()
        await asyncio.sleep(seconds)
        _print({"idle_percent": 100 * (time.process_time() - before) / seconds, "resident_kb": resident_kb()})


def resident_kb() -> float:
    """Resident memory of this process in KB; its peak on systems that report no current value."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1024 if sys.platform == "darwin" else peak
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def _print(values: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _file, _channel, _thread, _seconds = sys.argv[1:]
    asyncio.run(run_idle(Path(_file), Place(platform=PLATFORM, channel=_channel, thread=_thread), float(_seconds)))
