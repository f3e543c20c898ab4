"""A person at a terminal window in which the adapter runs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count

from adapters.terminal.adapter import TerminalAdapter
from adapters.terminal.board import TERMINAL_PLACE
from adapters.terminal.prompt_io import MIN_BURST
from adapters.terminal.screen import TerminalDevice
from orchestrator_bridge.chat.inbound import CommandReceived, ControlAction, Place
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.chat.testing import PlatformDriver, VisibleMessage
from tests.support.terminal_pipe import NOW
from tests.support.terminal_window import CLEAR, Window

_LABEL = re.compile(r"^(run|question) \d+ │ ?")
_DRAWN = "-- drawn"


class TerminalUser(PlatformDriver):
    """The terminal adapter with a keyboard, driven through its window."""

    def __init__(self, window: Window, adapter: TerminalAdapter) -> None:
        super().__init__()
        self.window = window
        self.terminal = adapter
        self.adapter = adapter
        self.home = TERMINAL_PLACE
        self.person = adapter.author
        self._marks = count(1)

    async def say(self, place: Place, text: str) -> None:
        kind, _, number = (place.thread or "").rpartition("-")
        await self._types({"run": f"/say {number} {text}", "question": f"#{number} {text}"}.get(kind, text))

    async def _types(self, line: str) -> None:
        """Type a line, wait until it is shown, press Enter: faster lines count as a paste. A long line is sent as one."""
        if len(line) >= MIN_BURST:
            return await self.window.enter(line)
        beginning = line[:20]
        before = self.window.text().count(beginning)
        await self.window.type(line)
        await self.window.until(lambda text: text.count(beginning) > before)
        return await self.window.type("\r")

    async def command(self, name: str, text: str) -> None:
        await self.window.paste(f"/{name} {text}")
        await self.window.enter("")

    async def after_store_failure(self) -> None:
        """Clear the refused entry, which is back in the line and repeated above it."""
        before = "> /say 3 lost"
        await self.window.until(lambda text: "could not be stored" in text and text.count(before) == 2)
        await self.window.type(CLEAR)
        await self.window.until(lambda text: text.count(before) == 1)

    async def press(self, question: int, press: ControlAction, value: str) -> None:
        await self.window.enter(f"/{press} {question} {value + 's' if value else ''}")

    async def visible(self, place: Place) -> Sequence[VisibleMessage]:
        """Posts in the window, once everything before this call is drawn."""
        mark = f"{_DRAWN} {next(self._marks)}."
        heard = CommandReceived(place=TERMINAL_PLACE, interaction="", author=self.person, name="runs", text="", at=0)
        await self.adapter.reply_privately(heard, PrivateReply(text=mark))
        lines = [line for line in (await self.window.until(mark)).splitlines() if _DRAWN not in line]
        label = f"{place.thread.replace('-', ' ')} │" if place.thread else ""
        return [VisibleMessage(text="\n".join(_LABEL.sub("", line) for line in lines if line.startswith(label)))]

    async def notified(self) -> frozenset[str]:
        return frozenset()

    def when(self, at: float) -> str:
        return f"{datetime.fromtimestamp(at, UTC):%H:%M}"


@asynccontextmanager
async def start_terminal_user(
    columns: int = 100, clock: Callable[[], float] = lambda: NOW, **environ: str
) -> AsyncIterator[TerminalUser]:
    """Start the adapter in a window."""
    window = Window(columns)
    try:
        device = TerminalDevice(stdin=window.stdin, screen=window.screen, clock=clock, zone=UTC, environ=environ)
        user = TerminalUser(window, TerminalAdapter(device, name="Alice"))
        await user.start()
        yield user
        await user.adapter.stop()
    finally:
        window.close()
