"""The front without keys: lines are read from a pipe, a file or a dumb terminal, and text is written as it comes.

Standard input is waited for by the event loop and read when there is something. It is not made non-blocking: that flag belongs
to the open file and would reach whoever shares it, such as the shell.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol, TextIO

from adapters.terminal.paint import Page

ToolbarLines = Callable[[int], list[str]]
"""The lines under the input, for a width in columns."""
_DUMB = frozenset({"dumb", "unknown"})


class Frontend(Protocol):
    """One way to show text and to take entries. `keyboard`: a person types there, so the end of input means that she leaves."""

    keyboard: bool

    def page(self) -> Page:
        """What the screen can show just now."""
        ...

    async def open(self) -> None:
        """Begin to take entries."""
        ...

    async def show(self, text: str) -> None:
        """Write whole lines.

        Raises:
            OSError: they could not be written.
        """
        ...

    async def next_entry(self) -> str | None:
        """The next entry, or None when there will be no more."""
        ...

    async def return_entry(self, entry: str) -> None:
        """Return an entry that was not taken, for the person to mend."""
        ...

    def refresh(self) -> None:
        """What stands under the input has changed."""
        ...

    async def close(self) -> None:
        """Take no more entries and leave the screen as it was found."""
        ...


def supports_keys(stdin: TextIO | None, screen: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether an input line with history, pasting and a toolbar is possible here."""
    return stdin is not None and stdin.isatty() and screen.isatty() and not _is_dumb(environ)


def supports_styles(screen: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the screen understands bold, dim and the like."""
    return screen.isatty() and not _is_dumb(environ)


def supports_colours(screen: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether colours are possible and wanted (https://no-color.org)."""
    return supports_styles(screen, environ) and not environ.get("NO_COLOR")


def _is_dumb(environ: Mapping[str, str]) -> bool:
    return environ.get("TERM", "").lower() in _DUMB


_CHUNK = 65536
_UNLIMITED_WIDTH = 1_000_000
"""Columns of a page that is no screen: lines stay whole, for those who search or cut them."""


class PipeFrontend:
    """Reads lines of `stdin` (None: there are none) and writes to `screen`."""

    def __init__(self, stdin: TextIO | None, screen: TextIO, environ: Mapping[str, str]) -> None:
        self._fd = _descriptor(stdin)
        self._screen = screen
        self._environ = environ
        self._rest = bytearray()
        self._lines: deque[str] = deque(_lines_in_memory(stdin) if self._fd is None else ())
        self.keyboard = stdin is not None and stdin.isatty()

    def page(self) -> Page:
        """A terminal's columns where the screen is one, else no limit."""
        return Page(
            width=_columns(self._screen),
            styled=supports_styles(self._screen, self._environ),
            coloured=supports_colours(self._screen, self._environ),
            encoding=self._screen.encoding or "utf-8",
        )

    async def open(self) -> None:
        """There is nothing to prepare."""

    async def show(self, text: str) -> None:
        """Write at once."""
        self._screen.write(text)
        self._screen.flush()

    async def next_entry(self) -> str | None:
        """The next line that is not blank; the last one counts without its line break too."""
        while not self._lines and self._fd is not None:
            self._add_chunk(await _read_chunk(self._fd))
        return self._lines.popleft() if self._lines else None

    async def return_entry(self, entry: str) -> None:
        """A pipe cannot take a line back: it is printed."""
        await self.show(f"> {entry}\n")

    def refresh(self) -> None:
        """Nothing stands under the input."""

    async def close(self) -> None:
        """Read no more."""
        self._fd = None
        self._lines.clear()

    def _add_chunk(self, chunk: bytes) -> None:
        self._rest += chunk or b"\n"
        if not chunk:
            self._fd = None
        if b"\n" in chunk or not chunk:
            *lines, self._rest = self._rest.split(b"\n")
            self._lines.extend(text for line in lines if (text := line.decode("utf-8", "replace").rstrip("\r")).strip())


async def _read_chunk(fd: int) -> bytes:
    """The next bytes, empty at the end. What the loop cannot wait for, such as a file, is read in a thread."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    try:
        loop.add_reader(fd, ready.set)
    except (PermissionError, NotImplementedError):
        return await asyncio.to_thread(_read_now, fd)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(fd)
    return _read_now(fd)


def _read_now(fd: int) -> bytes:
    try:
        return os.read(fd, _CHUNK)
    except OSError:  # a terminal whose window was closed
        return b""


def _descriptor(stdin: TextIO | None) -> int | None:
    try:
        return None if stdin is None else stdin.fileno()
    except io.UnsupportedOperation:
        return None


def _lines_in_memory(stdin: TextIO | None) -> list[str]:
    """The lines of an input that is no file, such as a test's."""
    return [line for line in stdin.read().splitlines() if line.strip()] if stdin else []


def _columns(screen: TextIO) -> int:
    if not screen.isatty():
        return _UNLIMITED_WIDTH
    try:
        return os.get_terminal_size(screen.fileno()).columns or 80
    except OSError:
        return 80
