"""The screen of a terminal: brings posts and words to whichever front there is, and remembers in a board what was shown."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from os import environ
from typing import TextIO

from rich.console import RenderableType

from adapters.terminal.board import Board
from adapters.terminal.front import Front, takes_keys
from adapters.terminal.paint import paint
from adapters.terminal.pipe import PipeFront
from adapters.terminal.scrub import scrubbed
from adapters.terminal.show import View, shown
from adapters.terminal.threads import thread_of
from adapters.terminal.toolbar import toolbar
from adapters.terminal.words import final_notice
from orchestrator_bridge.chat import FinalAnswer, NotSent, OutboundPost, Post, SendRejected

_GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO})
"""What a pipe without a reader and a closed window answer."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """What a terminal is made of. `clock` gives seconds since the epoch; `zone` is that of the times shown, None this machine's.

    `stdin` None: nobody is there. `screen` shows everything; `answers`, if given and no terminal itself, takes the final texts
    instead, and nothing else: standard output, while the screen is standard error.
    """

    stdin: TextIO | None
    screen: TextIO
    answers: TextIO | None = None
    clock: Callable[[], float] = time.time
    zone: tzinfo | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: environ)


class Screen:
    """Shows posts on a device. `quiet`: only what needs the person, and final answers."""

    def __init__(self, device: Device, *, quiet: bool) -> None:
        self._device = device
        self._quiet = quiet
        self.board = Board()
        self.front = self._new_front()

    async def post(self, outbound: OutboundPost) -> None:
        """Show a post.

        Raises:
            NotSent: it could not be written just now.
            SendRejected: nobody sees this screen any more.
        """
        post = scrubbed(outbound.post)
        view = View(
            board=self.board,
            page=self.front.page(),
            now=self._device.clock(),
            zone=self._device.zone,
            quiet=self._quiet,
        )
        if isinstance(post, FinalAnswer) and (answers := self._apart()) is not None:
            with _writing():
                _print(answers, post.text)
            await self.say([] if self._quiet else final_notice(post), thread_of(outbound))
        else:
            await self.say(shown(post, view), thread_of(outbound))
        self._remember(post)

    async def say(self, lines: Sequence[RenderableType], thread: str | None = None) -> None:
        """Show lines that are clean already.

        Raises:
            NotSent: they could not be written just now.
            SendRejected: nobody sees this screen any more.
        """
        if not lines:
            return
        with _writing():
            await self.front.show(paint(lines, self.front.page(), thread))

    def _remember(self, post: Post) -> None:
        self.board = self.board.after(post)
        self.front.refresh()

    def _apart(self) -> TextIO | None:
        """Where final texts go, if it is not this screen."""
        answers = self._device.answers
        return None if answers is None or answers.isatty() else answers

    def _new_front(self) -> Front:
        stdin, screen, names = self._device.stdin, self._device.screen, self._device.environ
        if stdin is not None and stdin.closed:
            stdin = None
        if stdin is None or not takes_keys(stdin, screen, names):
            return PipeFront(stdin, screen, names)
        from adapters.terminal.prompt import PromptFront  # a fifth of a second, which only a keyboard is worth

        return PromptFront(stdin, screen, names, self._bar, self._device.clock)

    def _bar(self, width: int) -> list[str]:
        return toolbar(self.board, width)


def _print(answers: TextIO, text: str) -> None:
    encoding = answers.encoding or "utf-8"
    answers.write(text.strip("\n").encode(encoding, "replace").decode(encoding) + "\n")
    answers.flush()


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        if failure.errno in _GONE:
            raise SendRejected(
                f"the terminal's output is gone ({failure.strerror}); nobody sees what is posted there"
            ) from failure
        raise NotSent(f"the terminal's output cannot be written: {failure.strerror or failure}; is the disk full?") from failure
