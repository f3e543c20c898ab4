"""What others print to the terminal, such as a warning on standard error, goes above the input line instead of into it.

prompt_toolkit's own `patch_stdout` is not for this: it sends both streams to standard output, also where that is a file that is
to hold the answer and nothing else, and it does not find a prompt outside the default session.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TextIO


class StreamCapture(io.TextIOBase):
    """Stands in for `stream` and gives whole lines to `show`, from any thread, on the loop on which it was made."""

    def __init__(self, stream: TextIO, show: Callable[[str], object]) -> None:
        self._stream = stream
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._rest = ""

    def write(self, text: str, /) -> int:
        """Show the lines that are complete with `text`."""
        whole, ended, rest = (self._rest + text).rpartition("\n")
        self._rest = rest
        if ended and self._loop.is_closed():  # somebody kept this stream for longer than the terminal
            self._stream.write(whole + ended)
        elif ended:
            self._loop.call_soon_threadsafe(self._show, whole + ended)
        return len(text)

    def finish(self) -> None:
        """Write what is left without a line break, where it was meant to go."""
        self._stream.write(self._rest)
        self._rest = ""

    def isatty(self) -> bool:
        """What the stream is."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """The stream's own."""
        return self._stream.fileno()


@contextmanager
def capture_output(screen: TextIO, show: Callable[[str], object]) -> Iterator[None]:
    """While this holds, `show` gets what is printed to the terminal that `screen` is; nothing changes for a screen of another."""
    with ExitStack() as stack:
        if screen in (sys.stdout, sys.stderr):
            for stream, redirect in ((sys.stdout, redirect_stdout), (sys.stderr, redirect_stderr)):
                if stream.isatty():
                    strays = StreamCapture(stream, show)
                    stack.callback(strays.finish)
                    stack.enter_context(redirect(strays))
        yield
