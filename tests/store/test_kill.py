"""SIGKILL at any moment: acknowledged writes are on disk."""

from __future__ import annotations

import random
from pathlib import Path

from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.contract.store_values import guided
from tests.support.store_process import ENDLESS, RUNS, StoreProcess, start_store_process

KILLS = 4


async def _kill_after(process: StoreProcess, lines: int) -> dict[int, int]:
    """The last position of each run that was acknowledged before the kill."""
    told = [await process.line() for _ in range(lines)]
    told += await process.kill()
    return {int(line.split()[0]): int(line.split()[1]) for line in told}


async def test_nothing_acknowledged_is_lost_when_the_writer_is_killed(path: Path) -> None:
    dice = random.Random(7)
    for _ in range(KILLS):
        async with start_store_process(path, ENDLESS) as process:
            acknowledged = await _kill_after(process, dice.randrange(1, 400))
        store = await SqliteStore.open(path)
        for run in RUNS:
            log = await store.log(run)
            assert len(log) >= acknowledged.get(run, 0)
            assert log == [guided(f"{run} {position}") for position in range(len(log))]
        await store.close()
