"""A terminal without a keyboard for tests: entries come from a real pipe, the output is recorded."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TextIO

from adapters.terminal.adapter import TerminalAdapter
from adapters.terminal.board import TERMINAL_PLACE
from adapters.terminal.screen import TerminalDevice
from orchestrator_bridge.chat.inbound import ControlAction, Place
from orchestrator_bridge.chat.testing import PlatformDriver, VisibleMessage

NOW = 1_795_356_000.0
"""2026-11-22 14:00 UTC: half an hour before the questions of the contract expire."""


class RecordedOutput(io.StringIO):
    """Records the output; the next write can fail as on a full disk or a closed pipe."""

    def __init__(self) -> None:
        super().__init__()
        self.failure: int | None = None

    def write(self, text: str, /) -> int:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise OSError(failure, os.strerror(failure))
        return super().write(text)


class Pipe:
    """A pipe: `stdin` is its reading end."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        self.stdin: TextIO = os.fdopen(reading)

    def put(self, data: bytes | str) -> None:
        os.write(self._writing, data.encode() if isinstance(data, str) else data)

    def end(self) -> None:
        if self._writing >= 0:
            os.close(self._writing)
        self._writing = -1

    def close(self) -> None:
        self.end()
        self.stdin.close()


class PipeRig(PlatformDriver):
    """The terminal adapter on a pipe."""

    def __init__(
        self,
        pipe: Pipe,
        *,
        output: RecordedOutput | None = None,
        answers: RecordedOutput | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.pipe = pipe
        self.output = output or RecordedOutput()
        device = TerminalDevice(
            stdin=pipe.stdin, screen=self.output, answers=answers, clock=lambda: NOW, zone=UTC, environ=environ or {}
        )
        self.terminal = TerminalAdapter(device, name="Alice")
        self.adapter = self.terminal
        self.home = TERMINAL_PLACE
        self.person = self.terminal.author

    async def say(self, place: Place, text: str) -> None:
        kind, _, number = (place.thread or "").rpartition("-")
        self.pipe.put({"run": f"/say {number} {text}\n", "question": f"#{number} {text}\n"}.get(kind, f"{text}\n"))

    async def command(self, name: str, text: str) -> None:
        self.pipe.put(f"/{name} {text}\n")

    async def press(self, question: int, press: ControlAction, value: str) -> None:
        self.pipe.put(f"/{press} {question} {value + 's' if value else ''}\n")

    async def visible(self, place: Place) -> Sequence[VisibleMessage]:
        kind, _, number = (place.thread or "").rpartition("-")
        label = f"{kind} {number} │ " if place.thread else ""
        lines = [line.removeprefix(label) for line in self.output.getvalue().splitlines() if line.startswith(label)]
        return [VisibleMessage(text="\n".join(lines))]

    async def notified(self) -> frozenset[str]:
        return frozenset()

    def when(self, at: float) -> str:
        return f"{datetime.fromtimestamp(at, UTC):%H:%M}"

    async def fail_next(self) -> None:
        self.output.failure = errno.ENOSPC

    async def reject_next(self) -> None:
        self.output.failure = errno.EPIPE


@contextmanager
def open_pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    try:
        yield pipe
    finally:
        pipe.close()
