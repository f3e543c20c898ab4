"""Input and output around the prompt: unmarked pastes, the print queue, and output of other code.

Keys that arrive faster than a person types are a paste, even if the terminal does not mark it (no bracketed paste). Several lines
in one burst are one entry: otherwise each line would be sent by itself, as a task or an answer. The paste waits in the line for
Enter. Bursts are inserted whole: key by key, 60,000 characters keep the line busy for half a minute, because each is inserted
into a longer text.
"""

from __future__ import annotations

import asyncio
import io
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from itertools import groupby
from typing import TextIO

from prompt_toolkit.application import in_terminal
from prompt_toolkit.input import Input
from prompt_toolkit.input.defaults import create_input
from prompt_toolkit.key_binding.key_processor import KeyPress
from prompt_toolkit.keys import Keys

MIN_BURST = 100
"""Characters in one read that a person or a held key cannot produce."""
MAX_KEYS = 65_536
"""Keys that are read together at most, so that an endless stream is shown as it arrives."""

_BREAKS = frozenset({Keys.ControlM, Keys.ControlJ})
_TEXT = {Keys.ControlM: "\n", Keys.ControlJ: "\n", Keys.ControlI: "\t"}
"""Keys that are text within a paste: Enter and Tab."""


def merge_bursts(keys: Sequence[KeyPress]) -> Iterator[KeyPress]:
    """Replace every burst of text by one paste."""
    for textual, run in groupby(keys, key=_is_text):
        burst = list(run)
        if textual and (_lines(burst) > 1 or len(burst) >= MIN_BURST):
            yield from _as_paste(burst)
        else:
            yield from burst


def _is_text(press: KeyPress) -> bool:
    return not isinstance(press.key, Keys) or press.key in _TEXT


def _lines(burst: Sequence[KeyPress]) -> int:
    """Number of lines with text."""
    return sum(1 for ends, _ in groupby(burst, key=lambda press: press.key in _BREAKS) if not ends)


def _as_paste(burst: Sequence[KeyPress]) -> Iterator[KeyPress]:
    """One paste, and the Enter after a single line: several lines wait for an Enter of their own."""
    text = "".join(_TEXT[press.key] if isinstance(press.key, Keys) else press.data for press in burst)
    yield KeyPress(Keys.BracketedPaste, text.rstrip("\n"))
    if burst[-1].key in _BREAKS and _lines(burst) == 1:
        yield burst[-1]


def open_keyboard(stdin: TextIO) -> Input:
    """Input of a terminal with bursts merged; on Windows, prompt_toolkit does that itself."""
    return create_input(stdin) if sys.platform == "win32" else _Keyboard(stdin)


if sys.platform != "win32":
    from prompt_toolkit.input.vt100 import Vt100Input

    class _Keyboard(Vt100Input):
        def read_keys(self) -> list[KeyPress]:
            keys = super().read_keys()
            # A paste arrives in several pieces: read on while more is waiting.
            while not self.closed and len(keys) < MAX_KEYS and select.select([self.fileno()], [], [], 0)[0]:
                keys += super().read_keys()
            return list(merge_bursts(keys))

        def cooked_mode(self) -> AbstractContextManager[None]:
            # prompt_toolkit selects it while text is printed above the line. In it the kernel keeps at most 4,095 bytes of a line
            # and drops the rest of a paste without a word. Printing does not need it.
            return nullcontext()


class PrintQueue:
    """Prints texts above a prompt, in order. `write` may raise an OSError.

    For every print the prompt is erased, the terminal is asked for its cursor's position, and the prompt is drawn again. All
    waiting texts are printed together: one by one, each would take a round trip to the terminal, which over a slow connection
    adds up to seconds. Before `run` and after `close` there is no prompt, and text is written immediately.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._texts: list[tuple[str, asyncio.Future[None]]] = []
        self._wake = asyncio.Event()
        self._open = False

    async def run(self) -> None:
        """Print until `close`; runs in the prompt's context."""
        self._open = True
        while self._open or self._texts:
            await self._wake.wait()
            self._wake.clear()
            async with in_terminal():
                self._print_all()

    def close(self) -> None:
        """Let `run` print the waiting texts and return."""
        self._open = False
        self._wake.set()

    def enqueue(self, text: str) -> asyncio.Future[None]:
        """Print as soon as possible; the future completes after the attempt, with the OSError if it failed."""
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
            if printed.done():  # its caller has been cancelled
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
    """Mark the error as seen: not every caller awaits the print, and asyncio warns about unread errors."""
    if not printed.cancelled():
        printed.exception()


class StreamCapture(io.TextIOBase):
    """Replaces `stream` and passes whole lines to `show`, from any thread, on the event loop that created it.

    Text that other code prints, such as a warning on standard error, then appears above the input line instead of in it.
    prompt_toolkit's `patch_stdout` does not fit: it sends both streams to standard output, even if that is a file meant for the
    answer alone, and it does not find a prompt outside the default session.
    """

    def __init__(self, stream: TextIO, show: Callable[[str], object]) -> None:
        self._stream = stream
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._rest = ""

    def write(self, text: str, /) -> int:
        """Show the lines that `text` completes."""
        whole, ended, rest = (self._rest + text).rpartition("\n")
        self._rest = rest
        if ended and self._loop.is_closed():  # other code has kept this stream longer than the terminal
            self._stream.write(whole + ended)
        elif ended:
            self._loop.call_soon_threadsafe(self._show, whole + ended)
        return len(text)

    def finish(self) -> None:
        """Write the last line, if it has no line break, to the original stream."""
        self._stream.write(self._rest)
        self._rest = ""

    def isatty(self) -> bool:
        """Answer for the original stream."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """File descriptor of the original stream."""
        return self._stream.fileno()


@contextmanager
def capture_output(screen: TextIO, show: Callable[[str], object]) -> Iterator[None]:
    """Pass to `show` what other code prints to the terminal, if `screen` is standard output or standard error."""
    with ExitStack() as stack:
        if screen in (sys.stdout, sys.stderr):
            for stream, redirect in ((sys.stdout, redirect_stdout), (sys.stderr, redirect_stderr)):
                if stream.isatty():
                    capture = StreamCapture(stream, show)
                    stack.callback(capture.finish)
                    stack.enter_context(redirect(capture))
        yield
