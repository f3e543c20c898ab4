"""Row 5: ten thousand open questions. What waiting costs, what one more costs, how soon replies go on."""

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
TASK = "Say which database a small team should take for a service that books rooms. " * 14
"""About 1 KB."""


async def seed_open_questions(file: Path, count: int) -> Sequence[Place]:
    """Make a store with so many open questions; returns their threads."""
    threads: list[Place] = []
    async with bench_bot(file, InstantModel()) as home:
        for first in range(0, count, AT_ONCE):
            threads += await asyncio.gather(*(ask_one(home, number) for number in range(first, min(count, first + AT_ONCE))))
        await home.wait_idle()
    return threads


async def ask_one(home: BenchBot, channel: int = 0) -> Place:
    """Start a run whose agent asks; returns the question's thread once the question is at the platform."""
    _, shown = await home.question(await home.start_run(team(1, "asking"), TASK, channel))
    return shown.thread


FEW = 10
MIN_SIGNIFICANT = 5_000
"""Questions from which on what each needs stands out from what a process needs one time more and one time less."""
CONNECTIONS = 64
"""Replies of a burst that arrive at the same moment; the next one comes when one of them is stored and acknowledged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeededStore:
    """A store and the threads of its open questions, in no order, so that nothing is warm by being near."""

    file: Path
    threads: list[Place]


@dataclass(frozen=True, kw_only=True, slots=True)
class IdleMeasurement:
    """What a process that waits was seen to need, in seconds, percent of a core and KB."""

    ready_after: float
    idle_percent: float
    resident_kb: float


async def idle_figures(folder: Path, *, count: int, burst: int, samples: int, idle: float) -> list[Figure]:
    """All figures of this row, from one store with `count` open questions and one with a few; `idle` is in seconds."""
    many = await _seed_store(folder / "many.db", count)
    few = await _seed_store(folder / "few.db", FEW)
    found = await _idle_process_figures(few, many, idle)
    async with file_journal(folder / "journal.db") as floor:
        found += await _one_by_one(few, many, floor, samples)
        found += await _burst_figures(many, floor, burst)
    return found


async def _seed_store(file: Path, count: int) -> SeededStore:
    threads = list(await seed_open_questions(file, count))
    random.Random(count).shuffle(threads)
    return SeededStore(file=file, threads=threads)


# In a process of its own --------------------------------------------------------------------------------------------------


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


async def _measure_idle(crowd: SeededStore, idle: float) -> IdleMeasurement:
    thread = crowd.threads.pop()
    before = time.perf_counter()
    async with run_module("bot.bench.idle", str(crowd.file), thread.channel, thread.thread or "", str(idle)) as output:
        resumed_at = json.loads(await output.readline())["resumed_at"]
        return IdleMeasurement(ready_after=resumed_at - before, **json.loads(await output.readline()))


# One by one ---------------------------------------------------------------------------------------------------------------


async def _one_by_one(few: SeededStore, many: SeededStore, floor: FileJournal, samples: int) -> list[Figure]:
    """Replies to questions that sleep, and new questions, in both stores by turns."""
    replied, bare, asked_many, asked_few = [], [], [], []
    model, model_of_few = InstantModel(), InstantModel()
    async with bench_bot(many.file, model) as crowded, bench_bot(few.file, model_of_few) as quiet:
        await crowded.wait_idle()
        for _ in range(samples):
            replied.append(await _reply(crowded, model, many.threads.pop()))
            bare.append(await floor.resume_one())
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


async def _reply(home: BenchBot, model: InstantModel, thread: Place) -> float:
    model.resumed.clear()
    before = time.perf_counter()
    await home.platform.reply(thread, "postgres please")
    took = await model.wait_resumed(1) - before
    await home.wait_idle()
    return took


async def _ask(home: BenchBot, model: InstantModel) -> float:
    """Seconds from the task to the question at the platform; it is answered then, so that as many stay open as were."""
    before = time.perf_counter()
    thread = await ask_one(home)
    took = time.perf_counter() - before
    await home.wait_idle()
    await _reply(home, model, thread)
    return took


# All at once --------------------------------------------------------------------------------------------------------------


async def _burst_figures(many: SeededStore, floor: FileJournal, count: int) -> list[Figure]:
    """Replies to so many questions at the same moment, while the platform takes no post."""
    threads = [many.threads.pop() for _ in range(count)]
    bare = await floor.resume_all(count)
    model = InstantModel()
    async with bench_bot(many.file, model) as home:
        await home.wait_idle()
        home.platform.open.clear()
        model.open.clear()
        with loop_lag() as late:
            took = await _reply_all(home, model, threads)
    return [
        Figure(
            row="burst",
            name=f"{count:,} replies at once, all stored and resumed",
            ours=took,
            bare=bare,
            target=count / 2000,
            unit="s",
            samples=1,
        ),
        Figure(
            row="burst",
            name="… longest stall of the event loop",
            ours=to_ms(max(late)),
            target=100.0,
            unit="ms",
            samples=len(late),
        ),
    ]


async def _reply_all(home: BenchBot, model: InstantModel, threads: Sequence[Place]) -> float:
    before = time.perf_counter()
    left = iter(threads)

    async def connection() -> None:
        for thread in left:
            await home.platform.reply(thread, "postgres please")

    await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
    return await model.wait_resumed(len(threads)) - before


# A bot in a process of its own that starts over a store of open questions: when the first reply is taken, what waiting costs.
#
# `python -m bot.bench.idle FILE CHANNEL THREAD SECONDS` replies in that thread at once. It prints one JSON object a line:
# first
# when the agent went on, then what waiting for so many seconds cost.


async def run_idle(file: Path, thread: Place, seconds: float) -> None:
    """Start, take one reply, wait for the threads to be read, and be idle."""
    model = InstantModel()
    async with bench_bot(file, model) as home:
        await home.platform.reply(thread, "postgres please")
        _print({"resumed_at": await model.wait_resumed(1)})
        await home.wait_idle()
        tune_gc()
        before = time.process_time()
        await asyncio.sleep(seconds)
        _print({"idle_percent": 100 * (time.process_time() - before) / seconds, "resident_kb": resident_kb()})


def resident_kb() -> float:
    """Memory of this process that is in use now, in KB; where only its peak is told, that."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1024 if sys.platform == "darwin" else peak
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def _print(found: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    name, channel, thread_, wanted = sys.argv[1:]
    asyncio.run(run_idle(Path(name), Place(platform=PLATFORM, channel=channel, thread=thread_), float(wanted)))
