"""The contract suite of adapters, on the line chat over a real socket."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from townhall_lines import LOBBY, NAME, LinesAdapter

from orchestrator_bridge.chat.inbound import Author, ControlAction, Place
from orchestrator_bridge.chat.testing import AdapterContract, Feature, PlatformDriver, VisibleMessage

FOR_YOU = "This is for you."


class LinesDriver(PlatformDriver):
    """The adapter, with Ana connected to it."""

    def __init__(self, socket: Path) -> None:
        super().__init__()
        self.adapter = LinesAdapter(socket)
        self.home = Place(platform=NAME, channel=LOBBY)
        self.person = Author(platform=NAME, id="ana", name="Ana")
        self._socket = socket
        self._writer: asyncio.StreamWriter | None = None
        self._lines: list[tuple[str, str]] = []

    async def start(self) -> None:
        """Start the adapter, join as Ana, and skip the lines that a newcomer sees first."""
        await super().start()
        if self._writer is not None:
            self._writer.close()
        self._reader, self._writer = await asyncio.open_unix_connection(self._socket, limit=1_000_000)
        await self._type("Ana")
        await self.visible(self.home)
        self._lines.clear()

    async def stop(self) -> None:
        """Stop the adapter and close Ana's end."""
        await self.adapter.stop()
        if self._writer is not None:
            self._writer.close()

    async def _type(self, line: str) -> None:
        assert self._writer is not None
        self._writer.write(f"{line}\n".encode())

    async def say(self, place: Place, text: str) -> None:
        await self._type(f"{place.thread} {text}" if place.thread else text)

    async def command(self, name: str, text: str) -> None:
        await self._type(f"/{name} {text}")

    async def press(self, question: int, press: ControlAction, value: str) -> None:
        await self._type(f"/{press} {question} {value}{'s' if press == 'more' else ''}")

    async def visible(self, place: Place) -> Sequence[VisibleMessage]:
        """The lines so far. An invalid command is answered at once: when its answer is there, everything before it is too."""
        await self._type("/more 0 soon")
        while not (line := (await self._reader.readline()).decode()).startswith(f"[{LOBBY}] 'soon'"):
            if labelled := re.fullmatch(r"\[([a-z0-9-]+)\] (.*)\n", line):
                self._lines.append((labelled[1], labelled[2]))
        return [VisibleMessage(text=text) for label, text in self._lines if self._is_at(place, label) and text != FOR_YOU]

    def _is_at(self, place: Place, label: str) -> bool:
        """Cards are posted in the lobby and carry the label of the thread that they open; so they are seen in both."""
        return label == place.thread or place == self.home

    async def notified(self) -> frozenset[str]:
        await self.visible(self.home)
        return frozenset({self.person.id} if any(text == FOR_YOU for _, text in self._lines) else ())

    def when(self, at: float) -> str:
        return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


# A chat of lines has no buttons, no edits, no deletions and no history, and its driver injects no faults.
LACKS: frozenset[Feature] = frozenset(get_args(Feature))


class TestTheLineChat(AdapterContract, lacks=LACKS):
    @pytest.fixture
    async def driver(self) -> AsyncIterator[PlatformDriver]:
        with tempfile.TemporaryDirectory() as folder:  # the path of a Unix socket has at most about 100 characters
            driver = LinesDriver(Path(folder) / "lines.sock")
            await driver.start()
            yield driver
            await driver.stop()
