"""The harness's side of `nursery.py`: a bot process that is started, killed at a stroke, or told to end."""

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

ROOT = Path(__file__).parents[3]
PATIENCE = 30.0
"""Seconds after which a process that ought to do something is taken not to."""


@dataclass(frozen=True, slots=True)
class Death:
    """One kill. `at` in seconds since the epoch; `how` names the moment that was chosen."""

    at: float
    how: str


class Victim:
    """One bot at a time. `module` is what is run, in `folder`, where its standard error goes to `bot.log`."""

    def __init__(self, module: str, arguments: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self.deaths: list[Death] = []
        self._command = [sys.executable, "-m", module, *arguments]
        self._folder = folder
        self._environ = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
        self._nursery: asyncio.subprocess.Process | None = None
        self._pid = 0
        self._is_process = False

    async def __aenter__(self) -> Self:
        with (self._folder / "bot.log").open("ab") as log:
            self._nursery = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=self._folder,
                env=self._environ,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill("the end of the test")
        assert self._nursery is not None
        if self._nursery.stdin is not None:
            self._nursery.stdin.close()
        await self._nursery.wait()

    @property
    def alive(self) -> bool:
        """A bot was told to start and is not gone yet: it may be reading what people write."""
        return self._is_process

    async def start(self) -> None:
        """Start a bot; it is a process now, and nothing more."""
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        self._nursery.stdin.write(b"start\n")
        self._is_process = True
        self._pid = int((await self._line("started"))[0])

    async def ready(self) -> None:
        """Wait until its engine has started."""
        await self._line("ready")

    def kill(self, how: str) -> None:
        """Kill it now, if it lives. What it had sent by then is sent."""
        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            self._pid = 0
            self.deaths.append(Death(time.time(), how))

    async def ended(self) -> int:
        """Wait until it is gone; its exit status, negative for a signal."""
        status = int((await self._line("ended"))[1])
        self._is_process = False
        return status

    async def gone(self) -> None:
        """Kill it if it still lives, and wait until its files are free."""
        self.kill("the end of the test")
        if self._is_process:
            await self.ended()

    async def end(self) -> int:
        """Tell it to end, and wait for that; its exit status."""
        os.kill(self._pid, signal.SIGTERM)
        status = await self.ended()
        self._pid = 0
        return status

    async def _line(self, word: str) -> list[str]:
        """The rest of the next line that begins with this word; others before it are of no interest any more."""
        assert self._nursery is not None
        assert self._nursery.stdout is not None
        async with asyncio.timeout(PATIENCE):
            while line := (await self._nursery.stdout.readline()).decode().split():
                if line[0] == word:
                    return line[1:]
        raise EOFError(f"the process ended before it said {word!r}; {self._folder / 'bot.log'} says why")
