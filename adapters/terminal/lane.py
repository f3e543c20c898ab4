"""The lane on which text gets printed above a prompt: in order, and all that waits in one go.

Around every print the prompt is taken off the screen, the terminal is asked where its cursor is, and the prompt is drawn again.
Text by text that would take one way to the terminal and back each, which over a slow line is seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prompt_toolkit.application import in_terminal

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
