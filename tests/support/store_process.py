"""A process with an open store, which tests read, lock and kill.

Started as `python -m tests.support.store_process FILE COUNT`, it prints `open`, then appends COUNT events to a few runs at once,
prints `RUN POSITION` after each one that was acknowledged, then waits to be killed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.contract.store_values import guided

RUNS = (1, 2, 3, 4)
ENDLESS = 10**9


class StoreProcess:
    """The process, as its parent sees it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def line(self) -> str:
        """Read its next line; empty after its end."""
        assert self._process.stdout is not None
        return (await self._process.stdout.readline()).decode().strip()

    async def kill(self) -> list[str]:
        """Kill it with -9 and return what it had printed and nobody had read."""
        assert self._process.stdout is not None
        self._process.kill()
        rest = (await self._process.stdout.read()).decode()
        await self._process.wait()
        # A line that was cut by the kill was not acknowledged to anybody.
        return rest[: rest.rfind("\n") + 1].split("\n")[:-1]


@asynccontextmanager
async def start_store_process(path: Path, count: int = 0) -> AsyncIterator[StoreProcess]:
    """Start a process and wait until its store is open; it ends with the block."""
    root = Path(__file__).parents[2]
    command = (sys.executable, "-m", "tests.support.store_process", str(path), str(count))
    process = await asyncio.create_subprocess_exec(*command, cwd=root, stdout=asyncio.subprocess.PIPE)
    started = StoreProcess(process)
    try:
        assert await started.line() == "open"
        yield started
    finally:
        if process.returncode is None:
            await started.kill()


async def _append(store: SqliteStore, run: int, count: int) -> None:
    after = len(await store.log(run))
    for position in range(after, after + count):
        await store.append(run=run, after=position, events=[guided(f"{run} {position}")])
        print(run, position + 1, flush=True)  # noqa: T201 - the parent reads it


async def _main(path: Path, count: int) -> None:
    store = await SqliteStore.open(path)
    print("open", flush=True)  # noqa: T201 - the parent reads it
    await asyncio.gather(*(_append(store, run, count) for run in RUNS))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
