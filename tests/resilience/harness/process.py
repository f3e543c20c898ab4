"""The harness's side of `bot_process.py`: a bot process that is started, killed, or told to end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.resilience.harness.bot_process import PlatformName

ROOT = Path(__file__).parents[3]
PATIENCE = 30.0
"""Seconds after which a process is taken not to do what it should."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill. `at` in seconds since the epoch; `moment` names the moment that was chosen."""

    at: float
    moment: str


class BotProcess:
    """At most one bot at a time, in `folder`, where its standard error goes to `bot.log`.

    `addresses` are those of the platform's local server. `mcp`: with the MCP server beside the engine.
    """

    def __init__(
        self,
        platform: PlatformName,
        file: Path,
        addresses: Sequence[str],
        folder: Path,
        environ: Mapping[str, str],
        *,
        mcp: bool = False,
    ) -> None:
        self.kills: list[Kill] = []
        options = ["--mcp"] if mcp else []
        module = "tests.resilience.harness.bot_process"
        self._command = [sys.executable, "-m", module, *options, platform, str(file), *addresses]
        self._folder = folder
        self._environ = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
        self._spawner: asyncio.subprocess.Process | None = None
        self._pid = 0
        self._exists = False

    async def __aenter__(self) -> Self:
        with (self._folder / "bot.log").open("ab") as log:
            self._spawner = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._folder,
                env=self._environ,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill("end of the test")
        assert self._spawner is not None
        if self._spawner.stdin is not None:
            self._spawner.stdin.close()
        await self._spawner.wait()

    @property
    def alive(self) -> bool:
        """A bot was told to start and has not ended: it may be reading what people write."""
        return self._exists

    @property
    def killed(self) -> bool:
        """It was killed, or was never started."""
        return not self._pid

    async def start(self) -> None:
        """Start a bot; returns when its process exists."""
        assert self._spawner is not None
        assert self._spawner.stdin is not None
        self._spawner.stdin.write(b"start\n")
        self._exists = True
        self._pid = int((await self._line("started"))[0])

    async def wait_ready(self) -> None:
        """Wait until its engine has started."""
        await self._line("ready")

    def kill(self, moment: str) -> None:
        """Kill it now, if it is alive. What it had sent by then is sent."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            self._pid = 0
            self.kills.append(Kill(time.time(), moment))

    def suspend(self) -> None:
        """Suspend it: it keeps its connections, and does nothing."""
        assert self._pid, "there is no process to suspend"  # process 0 would be all of this group, the test itself included
        os.kill(self._pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on where it was suspended."""
        os.kill(self._pid, signal.SIGCONT)

    async def wait_ended(self) -> int:
        """Wait until it has ended; its exit status, negative for a signal."""
        status = int((await self._line("ended"))[1])
        self._exists = False
        self._pid = 0
        return status

    async def kill_and_wait(self, moment: str = "end of the test") -> None:
        """Kill it if it is alive, and wait until its files are free."""
        self.kill(moment)
        if self._exists:
            await self.wait_ended()

    async def terminate(self) -> int:
        """Tell it to end, and wait for that; its exit status."""
        os.kill(self._pid, signal.SIGTERM)
        status = await self.wait_ended()
        self._pid = 0
        return status

    async def _line(self, word: str) -> list[str]:
        """The rest of the next line that begins with this word; lines before it are skipped."""
        assert self._spawner is not None
        assert self._spawner.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while line := (await self._spawner.stdout.readline()).decode().split():
                if line[0] == word:
                    return line[1:]
        raise EOFError(f"the process ended before it reported {word!r}; {self._folder / 'bot.log'} has the reason")
