"""Keys that come faster than anybody types are a paste, also where the terminal does not say so (no bracketed paste).

Several lines in one burst are one entry: without this each line would be sent by itself, as a task or as an answer. They wait in
the line for Enter, as a paste does that the terminal marks. Many characters are taken as the chunks in which they were read: key
by key, 60,000 keep the line busy for half a minute, since each is inserted into a longer text.
"""

from __future__ import annotations

import asyncio
import io
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from itertools import groupby
from typing import TextIO

from prompt_toolkit.application import in_terminal
from prompt_toolkit.input import Input
from prompt_toolkit.input.defaults import create_input
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

MIN_BURST = 100
"""Characters in one read that are more than a person types or a held key repeats."""
MAX_KEYS = 65_536
"""Keys that are taken together at most, so that an endless stream is shown as it comes."""

_BREAKS = frozenset({Keys.ControlM, Keys.ControlJ})
_TEXT = {Keys.ControlM: "\n", Keys.ControlJ: "\n", Keys.ControlI: "\t"}
"""Keys that are text where they stand in a paste: Enter, and Tab."""


def merge_bursts(keys: Sequence[KeyPress]) -> Iterator[KeyPress]:
    """The same keys, with every burst of text made one paste."""
    for textual, run in groupby(keys, key=_is_text):
        burst = list(run)
        if textual and (_lines(burst) > 1 or len(burst) >= MIN_BURST):
            yield from _as_paste(burst)
        else:
            yield from burst


def _is_text(press: KeyPress) -> bool:
    return not isinstance(press.key, Keys) or press.key in _TEXT


def _lines(burst: Sequence[KeyPress]) -> int:
    """How many lines have text in them."""
    return sum(1 for ends, _ in groupby(burst, key=lambda press: press.key in _BREAKS) if not ends)


def _as_paste(burst: Sequence[KeyPress]) -> Iterator[KeyPress]:
    """One paste, and the Enter behind a single line: several lines wait for an Enter of their own."""
    text = "".join(_TEXT[press.key] if isinstance(press.key, Keys) else press.data for press in burst)
    yield KeyPress(Keys.BracketedPaste, text.rstrip("\n"))
    if burst[-1].key in _BREAKS and _lines(burst) == 1:
        yield burst[-1]


def open_keyboard(stdin: TextIO) -> Input:
    """The keys of a terminal, bursts bundled where the platform's terminals need it."""
    return create_input(stdin) if sys.platform == "win32" else _Keyboard(stdin)


if sys.platform != "win32":
    from prompt_toolkit.input.vt100 import Vt100Input

    class _Keyboard(Vt100Input):
        def read_keys(self) -> list[KeyPress]:
            keys = super().read_keys()
            while not self.closed and len(keys) < MAX_KEYS and self._more():
                keys += super().read_keys()
            return list(merge_bursts(keys))

        def _more(self) -> bool:
            """Whether there is more to read at once: a paste comes in several pieces."""
            return bool(select.select([self.fileno()], [], [], 0)[0])


# The lane on which text gets printed above a prompt: in order, and all that waits in one go.
#
# Around every print the prompt is taken off the screen, the terminal is asked where its cursor is, and the prompt is drawn
# again.
# Text by text that would take one way to the terminal and back each, which over a slow line is seconds.


WriteText = Callable[[str], None]


class PrintQueue:
    """Prints by `write`, which may raise an OSError. Before `run` and after `close` there is no prompt: text is written at
    once."""

    def __init__(self, write: WriteText) -> None:
        self._write = write
        self._texts: list[tuple[str, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._open = False

    async def run(self) -> None:
        """Print until `close`; to be run in the prompt's own context."""
        self._open = True
        while self._open or self._texts:
            await self._wake.wait()
            self._wake.clear()
            async with in_terminal():
                self._print_all()

    def close(self) -> None:
        """Let `run` print what waits and return."""
        self._open = False
        self._wake.set()

    def enqueue(self, text: str) -> asyncio.Future[None]:
        """Print when it is possible; the future is done, or holds the OSError, once that was tried."""
        printed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        printed.add_done_callback(_consume_error)
        self._texts.append((text, printed))
        if self._open:
            self._wake.set()
        else:
            self._print_all()
        return printed

    def _print_all(self) -> None:
        texts, self._texts = self._texts, []
        failure = self._try_write("".join(text for text, _ in texts))
        for _, printed in texts:
            if printed.done():
                continue
            if failure is None:
                printed.set_result(None)
            else:
                printed.set_exception(failure)

    def _try_write(self, text: str) -> OSError | None:
        try:
            self._write(text)
        except OSError as failure:
            return failure
        return None


def _consume_error(printed: asyncio.Future[None]) -> None:
    """Not everybody waits for the print; a failure that nobody looked at would be complained of by asyncio."""
    if not printed.cancelled():
        printed.exception()


# What others print to the terminal, such as a warning on standard error, goes above the input line instead of into it.
#
# prompt_toolkit's own `patch_stdout` is not for this: it sends both streams to standard output, also where that is a file that
# is
# to hold the answer and nothing else, and it does not find a prompt outside the default session.


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
