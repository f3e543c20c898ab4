"""A terminal window for tests: a real pseudo-terminal, with an emulator (pyte) and a keyboard at its other end.

Nothing sleeps: every byte from the program reaches the emulator and wakes those that wait for a text on the screen. A thread
reads, as a window is another process: a program may write more than a pseudo-terminal holds before it continues.
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
    """Answers the program's queries, such as that for the cursor's position."""

    def __init__(self, columns: int, lines: int, master: int) -> None:
        super().__init__(columns, lines, history=5000)
        self._master = master

    def write_process_input(self, data: str) -> None:
        os.write(self._master, data.encode())


class Window:
    """A window; `stdin` and `screen` are the program's side of it."""

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
        """Close the window and both sides of the pseudo-terminal."""
        self.hang_up()
        self.stdin.close()
        with suppress(OSError):  # what could not be written to a closed window is still in the buffer
            self.screen.close()
        os.close(self._slave)

    async def type(self, keys: str) -> None:
        """Press keys. A pseudo-terminal takes 4 kB at a time, so a thread writes while the event loop reads."""
        await asyncio.to_thread(self._write, keys)

    async def enter(self, line: str) -> None:
        """Type a line and press Enter."""
        await self.type(line + "\r")

    async def paste(self, text: str) -> None:
        """Paste, as a terminal with bracketed paste does."""
        await self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, lines: int = 40) -> None:
        """Resize the window."""
        self._size(columns, lines)
        self._emulator.resize(lines, columns)

    def lines(self) -> list[str]:
        """All lines, including those that have scrolled out of the screen."""
        columns = range(self._emulator.columns)
        scrolled = ["".join(line[column].data for column in columns) for line in self._emulator.history.top]
        return [line.rstrip() for line in (*scrolled, *self._emulator.display)]

    def text(self) -> str:
        """All lines as one text."""
        return "\n".join(self.lines()).rstrip()

    async def until(self, seen: str | Callable[[str], bool]) -> str:
        """Wait until the window shows a text, or its whole text meets a condition; returns the whole text."""
        matches = seen if callable(seen) else lambda text: seen in text
        try:
            async with asyncio.timeout(TIMEOUT):
                while not matches(self.text()):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise AssertionError(f"never seen: {seen!r}; the window shows:\n{self.text()}") from None
        return self.text()

    def _read(self) -> None:
        while self._woken not in select.select([self._master, self._woken], [], [])[0]:
            self._loop.call_soon_threadsafe(self._feed, os.read(self._master, 65536))

    def _feed(self, data: bytes) -> None:
        if self._wake < 0:
            return
        self.raw += data
        self._stream.feed(data)
        self._changed.set()

    def _write(self, keys: str) -> None:
        # Whole characters: the emulator's answers to queries arrive between two writes, never inside a character.
        for first in range(0, len(keys), 256):
            data = keys[first : first + 256].encode()
            while data:
                data = data[os.write(self._master, data) :]

    def _size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
