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
from adapters.terminal.front import Frontend, supports_keys
from adapters.terminal.paint import paint
from adapters.terminal.pipe import PipeFrontend
from adapters.terminal.scrub import strip_control_characters
from adapters.terminal.show import ViewContext, render_post
from adapters.terminal.threads import thread_of
from adapters.terminal.toolbar import toolbar_lines
from adapters.terminal.words import render_final_notice
from orchestrator_bridge.chat import FinalAnswer, NotSent, OutboundPost, Post, SendRejected

_SCREEN_CLOSED = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO})
"""What a pipe without a reader and a closed window answer."""


@dataclass(frozen=True, kw_only=True)
class TerminalDevice:
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

    def __init__(self, device: TerminalDevice, *, quiet: bool) -> None:
        self._device = device
        self._quiet = quiet
        self.board = Board()
        self.frontend = self._new_frontend()

    async def show_post(self, outbound: OutboundPost) -> None:
        """Show a post.

        Raises:
            NotSent: it could not be written just now.
            SendRejected: nobody sees this screen any more.
        """
        post = strip_control_characters(outbound.post)
        view = ViewContext(
            board=self.board,
            page=self.frontend.page(),
            now=self._device.clock(),
            zone=self._device.zone,
            quiet=self._quiet,
        )
        if isinstance(post, FinalAnswer) and (answers := self._answer_stream()) is not None:
            with _writing():
                _print(answers, post.text)
            await self.show_lines([] if self._quiet else render_final_notice(post), thread_of(outbound))
        else:
            await self.show_lines(render_post(post, view), thread_of(outbound))
        self._remember(post)

    async def show_lines(self, lines: Sequence[RenderableType], thread: str | None = None) -> None:
        """Show lines that are clean already.

        Raises:
            NotSent: they could not be written just now.
            SendRejected: nobody sees this screen any more.
        """
        if not lines:
            return
        with _writing():
            await self.frontend.show(paint(lines, self.frontend.page(), thread))

    def _remember(self, post: Post) -> None:
        self.board = self.board.after(post)
        self.frontend.refresh()

    def _answer_stream(self) -> TextIO | None:
        """Where final texts go, if it is not this screen."""
        answers = self._device.answers
        return None if answers is None or answers.isatty() else answers

    def _new_frontend(self) -> Frontend:
        stdin, screen, names = self._device.stdin, self._device.screen, self._device.environ
        if stdin is not None and stdin.closed:
            stdin = None
        if stdin is None or not supports_keys(stdin, screen, names):
            return PipeFrontend(stdin, screen, names)
        from adapters.terminal.prompt import PromptFrontend  # a fifth of a second, which only a keyboard is worth

        return PromptFrontend(stdin, screen, names, self._toolbar, self._device.clock)

    def _toolbar(self, width: int) -> list[str]:
        return toolbar_lines(self.board, width)


def _print(answers: TextIO, text: str) -> None:
    encoding = answers.encoding or "utf-8"
    answers.write(text.strip("\n").encode(encoding, "replace").decode(encoding) + "\n")
    answers.flush()


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        if failure.errno in _SCREEN_CLOSED:
            raise SendRejected(
                f"the terminal's output is gone ({failure.strerror}); nobody sees what is posted there"
            ) from failure
        raise NotSent(f"the terminal's output cannot be written: {failure.strerror or failure}; is the disk full?") from failure
