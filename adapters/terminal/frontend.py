"""Frontend protocol, and the frontend without a keyboard: reads lines from a pipe, a file or a dumb terminal.

The event loop waits until standard input is readable. It is not made non-blocking: that flag belongs to the open file, so it
would also affect other processes that share it, such as the shell.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections import deque
from collections.abc import Callable, Mapping
from typing import Protocol, TextIO

from adapters.terminal.paint import Page

ToolbarLines = Callable[[int, str], list[str]]
"""Lines below the input, for a width in columns and the text that is being typed."""
_DUMB = frozenset({"dumb", "unknown"})


class Frontend(Protocol):
    """Shows text and reads entries. `keyboard`: a person types, so the end of input means that the person leaves."""

    keyboard: bool

    def page(self) -> Page:
        """Current width and abilities of the screen."""
        ...

    async def open(self) -> None:
        """Start reading entries."""
        ...

    async def show(self, text: str) -> None:
        """Write whole lines.

        Raises:
            OSError: they could not be written.
        """
        ...

    async def next_entry(self) -> str | None:
        """The next entry, or None at the end of input."""
        ...

    async def return_entry(self, entry: str) -> None:
        """Return a refused entry, so that the person can edit it."""
        ...

    def refresh(self) -> None:
        """Redraw the lines below the input."""
        ...

    async def close(self) -> None:
        """Stop reading entries and restore the screen."""
        ...


def supports_keys(stdin: TextIO | None, screen: TextIO, environ: Mapping[str, str]) -> bool:
    """True if an input line with history, pasting and a toolbar is possible."""
    return stdin is not None and stdin.isatty() and screen.isatty() and not _is_dumb(environ)


def supports_styles(screen: TextIO, environ: Mapping[str, str]) -> bool:
    """True if the screen supports styles such as bold."""
    return screen.isatty() and not _is_dumb(environ)


def supports_colours(screen: TextIO, environ: Mapping[str, str]) -> bool:
    """True if the screen supports colours and NO_COLOR is not set (https://no-color.org)."""
    return supports_styles(screen, environ) and not environ.get("NO_COLOR")


def _is_dumb(environ: Mapping[str, str]) -> bool:
    return environ.get("TERM", "").lower() in _DUMB


_CHUNK = 65536
_UNLIMITED_WIDTH = 1_000_000
"""Columns of a page that is not a screen: lines are not wrapped, so that other programs can search or cut them."""


class PipeFrontend:
    """Reads lines from `stdin` (None: no input) and writes to `screen`."""

    def __init__(self, stdin: TextIO | None, screen: TextIO, environ: Mapping[str, str]) -> None:
        self._fd = _descriptor(stdin)
        self._screen = screen
        self._environ = environ
        self._rest = bytearray()
        self._lines: deque[str] = deque()
        if self._fd is None and stdin is not None:  # an input without a file descriptor, such as a StringIO
            self._lines.extend(line for line in stdin.read().splitlines() if line.strip())
        self.keyboard = stdin is not None and stdin.isatty()

    def page(self) -> Page:
        """Columns of the terminal; no limit if the screen is not a terminal."""
        return Page(
            width=_columns(self._screen),
            styled=supports_styles(self._screen, self._environ),
            coloured=supports_colours(self._screen, self._environ),
            encoding=self._screen.encoding or "utf-8",
        )

    async def open(self) -> None:
        """Do nothing: a pipe needs no preparation."""

    async def show(self, text: str) -> None:
        """Write and flush."""
        self._screen.write(text)
        self._screen.flush()

    async def next_entry(self) -> str | None:
        """The next line that is not blank; the last line needs no line break."""
        while not self._lines and self._fd is not None:
            self._add_chunk(await _read_chunk(self._fd))
        return self._lines.popleft() if self._lines else None

    async def return_entry(self, entry: str) -> None:
        """Print the entry: a pipe cannot take a line back."""
        await self.show(f"> {entry}\n")

    def refresh(self) -> None:
        """Do nothing: there are no lines below the input."""

    async def close(self) -> None:
        """Stop reading."""
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
    """The next bytes, empty at the end. A file, which the event loop cannot wait for, is read in a thread."""
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


def _columns(screen: TextIO) -> int:
    if not screen.isatty():
        return _UNLIMITED_WIDTH
    try:
        return os.get_terminal_size(screen.fileno()).columns or 80
    except OSError:
        return 80
