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

from adapters.terminal.board import Board, thread_of
from adapters.terminal.frontend import Frontend, PipeFrontend, supports_keys
from adapters.terminal.paint import Page, paint, strip_control_characters
from adapters.terminal.prompt import toolbar_lines
from adapters.terminal.render import (
    Lines,
    render_acknowledgement,
    render_final_answer,
    render_final_notice,
    render_note,
    render_question_changed,
    render_question_closed,
    render_question_opened,
    render_run_changed,
    render_run_opened,
)
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, Note, OutboundPost, Post, QuestionCard, RunCard


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewContext:
    """What a post is shown against: what the person knows already, the page, the time in seconds and the zone to name it in."""

    board: Board
    page: Page
    now: float
    zone: tzinfo | None
    quiet: bool = False
    """Only what needs the person: no cards of runs, no notes."""


def render_post(post: Post, view: ViewContext) -> Lines:
    """The lines that `post` adds to the screen; none if it changes nothing that a person cares about."""
    match post:
        case RunCard():
            return [] if view.quiet else _render_run(post, view.board)
        case QuestionCard():
            return _render_question(post, view)
        case Note():
            return [] if view.quiet and post.file is None else render_note(post, view.page)
        case FinalAnswer():
            return render_final_answer(post, view.page)
        case Acknowledgement():
            return render_acknowledgement(post)


def _render_run(card: RunCard, board: Board) -> Lines:
    before = board.runs.get(card.run)
    if card.run in board.ended:
        return []
    if before is None:
        return render_run_opened(card)
    return render_run_changed(card) if card.ended or card.status != before.status else []


def _render_question(card: QuestionCard, view: ViewContext) -> Lines:
    before = view.board.questions.get(card.question)
    if card.question in view.board.closed:
        return []
    if card.closed is not None:
        return render_question_closed(card, seen=before is not None)
    if before is None:
        return render_question_opened(card, view.page, view.now, view.zone)
    changed = (card.expires_at, card.asked, card.silence) != (before.expires_at, before.asked, before.silence)
    return render_question_changed(card, view.now, view.zone) if changed else []


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
