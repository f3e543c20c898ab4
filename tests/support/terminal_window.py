"""A terminal window for tests: a real pseudo-terminal with an emulator (pyte) at its other end, and a person at the keys.

Nothing sleeps: the emulator is fed as bytes come, and who waits for something on the screen is woken by each. A thread reads, as
a window is another process: a program may write more than a pseudo-terminal holds before it goes on.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import struct
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO

import pyte

from orchestrator_bridge.chat.testing import TIMEOUT

CTRL_C = "\x03"
CTRL_D = "\x04"
CLEAR = "\x15"
UP = "\x1b[A"


class _Emulator(pyte.HistoryScreen):
    """Answers what the terminal is asked, such as where its cursor is."""

    def __init__(self, columns: int, lines: int, master: int) -> None:
        super().__init__(columns, lines, history=5000)
        self._master = master

    def write_process_input(self, data: str) -> None:
        os.write(self._master, data.encode())


class Window:
    """A window of so many columns and lines; `stdin` and `screen` are the program's side of it."""

    def __init__(self, columns: int = 100, lines: int = 40) -> None:
        self._master, self._slave = pty.openpty()
        self._size(columns, lines)
        self._emulator = _Emulator(columns, lines, self._master)
        self._stream = pyte.ByteStream(self._emulator)
        self._changed = asyncio.Event()
        self.raw = bytearray()
        self.stdin: TextIO = os.fdopen(os.dup(self._slave), "r")
        self.screen: TextIO = os.fdopen(os.dup(self._slave), "w", encoding="utf-8")
        self._loop = asyncio.get_running_loop()
        self._woken, self._wake = os.pipe()
        self._reader = threading.Thread(target=self._read, name="window")
        self._reader.start()

    def hang_up(self) -> None:
        """Close the window under the program."""
        if self._wake < 0:
            return
        os.close(self._wake)
        self._wake = -1
        self._reader.join()
        os.close(self._master)
        os.close(self._woken)

    def close(self) -> None:
        """Let go of everything."""
        self.hang_up()
        self.stdin.close()
        with suppress(OSError):  # what could not be written to a closed window is still in the buffer
            self.screen.close()
        os.close(self._slave)

    # The person -----------------------------------------------------------------------------------------------------------

    async def type(self, keys: str) -> None:
        """Press keys. A pseudo-terminal takes 4 kB at a time, so longer texts are written beside the loop that reads them."""
        await asyncio.to_thread(self._write, keys.encode())

    async def enter(self, line: str) -> None:
        """Type a line and press Enter."""
        await self.type(line + "\r")

    async def paste(self, text: str) -> None:
        """Paste, as terminals with bracketed paste hand it over."""
        await self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, lines: int = 40) -> None:
        """Drag the window's corner."""
        self._size(columns, lines)
        self._emulator.resize(lines, columns)

    # What she sees --------------------------------------------------------------------------------------------------------

    def lines(self) -> list[str]:
        """Every line, from the first that was scrolled away to the last on the screen."""
        columns = range(self._emulator.columns)
        gone = ["".join(line[column].data for column in columns) for line in self._emulator.history.top]
        return [line.rstrip() for line in (*gone, *self._emulator.display)]

    def text(self) -> str:
        """All of it."""
        return "\n".join(self.lines()).rstrip()

    async def until(self, seen: str | Callable[[str], bool]) -> str:
        """Wait for a text, or for something that is true of the whole text, and return the text."""
        matches = seen if callable(seen) else lambda text: seen in text
        try:
            async with asyncio.timeout(TIMEOUT):
                while not matches(self.text()):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"never seen: {seen!r}; the window shows:\n{self.text()}") from None
        return self.text()

    # The wire -------------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        while self._woken not in select.select([self._master, self._woken], [], [])[0]:
            self._loop.call_soon_threadsafe(self._feed, os.read(self._master, 65536))

    def _feed(self, data: bytes) -> None:
        if self._wake < 0:
            return
        self.raw += data
        self._stream.feed(data)
        self._changed.set()

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._master, data[:1024]) :]

    def _size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
