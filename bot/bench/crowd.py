"""A store full of open questions of about 1 KB, one run each, asked through the front door and left asleep."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from bot.bench.house import BenchBot, bench_bot, team
from bot.bench.instant import InstantModel
from orchestrator_bridge.chat import Place

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
