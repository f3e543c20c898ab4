"""A session at a terminal that is a pipe: a bot over a team file, a person who types lines and waits for words."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO

from adapters.terminal.adapter import TerminalAdapter
from adapters.terminal.screen import TerminalDevice
from bot.app import LoadedConfig, open_app
from bot.commands.dispatch import HELP
from bot.config.settings import read_settings
from bot.config.team_file import read_team_file
from orchestrator_bridge.chat.testing import TIMEOUT


class Shown(io.StringIO):
    """A screen that wakes who waits for words on it."""

    def __init__(self) -> None:
        super().__init__()
        self.grown = asyncio.Event()

    def write(self, text: str) -> int:
        self.grown.set()
        return super().write(text)


class Session:
    """The person's side."""

    def __init__(self, keys: TextIO, screen: Shown) -> None:
        self._keys = keys
        self._screen = screen

    async def types(self, line: str, until: str) -> None:
        """Type a line and wait for words that were not there before."""
        read = len(self._screen.getvalue())
        self._keys.write(f"{line}\n")
        self._keys.flush()
        try:
            async with asyncio.timeout(TIMEOUT):
                while until not in self._screen.getvalue()[read:]:
                    self._screen.grown.clear()
                    await self._screen.grown.wait()
        except TimeoutError:
            raise AssertionError(f"after {line!r} never read {until!r} in:\n{self._screen.getvalue()[read:]}") from None


@asynccontextmanager
async def a_session(team_file: Path, folder: Path) -> AsyncIterator[Session]:
    """A bot on a pipe, with its store in `folder`; the person is called ana."""
    start = LoadedConfig(settings=read_settings(folder / ".env", {}), team_file=read_team_file(team_file))
    read_end, write_end = os.pipe()
    screen = Shown()
    with os.fdopen(read_end) as stdin, os.fdopen(write_end, "w") as keys:
        terminal = TerminalAdapter(TerminalDevice(stdin=stdin, screen=screen), commands=tuple(HELP), name="ana")
        async with open_app(start, [terminal], folder / "townhall.db") as app:
            await app.engine.start()
            yield Session(keys, screen)
