"""Two bot processes on one PostgreSQL database: the active one is killed, and its standby takes over."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.resilience.harness.bot_process import REPLACED, PlatformName
from tests.resilience.harness.process import BotProcess, Kill


class BotPair:
    """A `BotProcess` of two. `takeovers` are the seconds from a kill until the other process has started its engine.

    Every `suspend_every`th time the active process is suspended instead of killed, and goes on when it was replaced.
    """

    def __init__(
        self,
        platform: PlatformName,
        file: Path,
        addresses: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        *,
        suspend_every: int,
    ) -> None:
        self.kills: list[Kill] = []
        self.takeovers: list[float] = []
        self.suspended = 0
        self._suspend_every = suspend_every
        self._is_suspended = False
        self._is_ready = False
        self._status = 0
        folders = [folder / "first", folder / "second"]
        for own in folders:
            own.mkdir()
        self._active, self._standby = (BotProcess(platform, file, addresses, own, environ) for own in folders)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for process in (self._active, self._standby):
            await self._stack.enter_async_context(process)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    @property
    def alive(self) -> bool:
        """A bot is active, or becomes active now."""
        return self._active.alive

    async def start(self) -> None:
        """Start the processes that are not there: both the first time, and then the one that was killed, as a standby."""
        for process in (self._active, self._standby):
            if not process.alive:
                await process.start()
        if self._suspends_next:  # only the active process is replaced
            await self.wait_ready()

    async def wait_ready(self) -> None:
        """Wait until one of the two has started its engine, and is the active one: either can take over first."""
        if self._is_ready:
            return
        ready = {asyncio.create_task(process.wait_ready()): process for process in (self._active, self._standby)}
        done, waiting = await asyncio.wait(ready, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        first = done.pop()
        await first
        if ready[first] is self._standby:
            self._active, self._standby = self._standby, self._active
        self._is_ready = True
        if self.kills:
            self.takeovers.append(time.time() - self.kills[-1].at)

    @property
    def _suspends_next(self) -> bool:
        return (len(self.kills) + 1) % self._suspend_every == 0

    def kill(self, moment: str) -> None:
        """Kill the active process, or suspend it. Once in a life: a moment can be met again before the process is gone."""
        if self._is_suspended or self._active.killed:
            return
        if not self._suspends_next:
            before = len(self._active.kills)
            self._active.kill(moment)
            self.kills += self._active.kills[before:]
        else:
            self._active.suspend()
            self._is_suspended = True
            self.kills.append(Kill(time.time(), f"suspended: {moment}"))

    async def wait_ended(self) -> int:
        """Wait until the active process has ended; the standby is the active one from now on."""
        if self._is_suspended:
            await self._outlive_suspended()
        else:
            self._status = await self._active.wait_ended()
            self._is_ready = False
        self._active, self._standby = self._standby, self._active
        return self._status

    async def _outlive_suspended(self) -> None:
        """Let the suspended process go on once the other one has replaced it, and wait until it has noticed that."""
        await self._standby.wait_ready()
        self._active.resume()
        status = await self._active.wait_ended()
        assert status == REPLACED, f"the process that was replaced ended with status {status}"
        self._is_suspended = False
        self._is_ready = True
        self.suspended += 1
        self._status = -signal.SIGKILL

    async def kill_and_wait(self, moment: str = "end of the test") -> None:
        """Kill both, the standby first."""
        await self._standby.kill_and_wait(moment)
        await self._active.kill_and_wait(moment)

    async def terminate(self) -> int:
        """Tell both to end, the standby first; the higher exit status."""
        return max([await self._standby.terminate(), await self._active.terminate()])
