"""Screen of a terminal: shows posts through a frontend, and records in a board what was shown."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from os import environ
from typing import TextIO, assert_never

from rich.console import RenderableType

from adapters.terminal.board import Board, thread_of
from adapters.terminal.completion import EntryCompletion, complete
from adapters.terminal.demo import DemoRuns
from adapters.terminal.frontend import Frontend, PipeFrontend, supports_keys
from adapters.terminal.paint import Page, paint, strip_control_characters
from adapters.terminal.parser import OWN_COMMANDS, CommandIntent, EntryIntent, ReplyIntent, parse_entry
from adapters.terminal.render import (
    Lines,
    describe_intent,
    render_acknowledgement,
    render_final_answer,
    render_final_notice,
    render_note,
    render_question_changed,
    render_question_closed,
    render_question_opened,
    render_run_changed,
    render_run_opened,
    toolbar_lines,
)
from orchestrator_bridge.chat.adapter import Autocomplete, NotSent, SendRejected
from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, Note, OutboundPost, Post, QuestionCard, RunCard
from orchestrator_bridge.common.clock import process_time


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewContext:
    """Context of rendering: the board as shown so far, the page, the time in seconds since the epoch, and its zone."""

    board: Board
    page: Page
    now: float
    zone: tzinfo | None
    quiet: bool = False
    """Show questions and final answers only, no run cards and no notes."""


def render_post(post: Post, view: ViewContext) -> Lines:
    """Lines that `post` adds to the screen; none if it changes nothing that matters to a person."""
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
        case _:
            assert_never(post)


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
        return render_question_opened(card, view.page, view.now, view.zone, only=not view.board.questions)
    changed = (card.expires_at, card.asked, card.silence) != (before.expires_at, before.asked, before.silence)
    return render_question_changed(card, view.now, view.zone) if changed else []


_SCREEN_CLOSED = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO})
"""Errors of a pipe without a reader, and of a closed window."""


@dataclass(frozen=True, kw_only=True)
class TerminalDevice:
    """Streams and clock of a terminal. `clock` returns seconds since the epoch; `zone` is for shown times (None: this machine's).

    `stdin` None: no input. `screen` shows everything. `answers`, if it is not a terminal, receives the final texts instead, and
    nothing else: it is standard output while `screen` is standard error.
    """

    stdin: TextIO | None
    screen: TextIO
    answers: TextIO | None = None
    clock: Callable[[], float] = process_time
    zone: tzinfo | None = None
    environ: Mapping[str, str] = field(default_factory=lambda: environ)


class Screen:
    """Shows posts on a device, and reads entries by what it has shown.

    `quiet`: questions and final answers only. `takes_tasks`: plain text may start a run.
    """

    def __init__(
        self,
        device: TerminalDevice,
        *,
        quiet: bool,
        commands: Sequence[str],
        takes_tasks: bool,
        autocomplete: Autocomplete | None,
    ) -> None:
        self._device = device
        self._quiet = quiet
        self._commands = tuple(commands)
        self._takes_tasks = takes_tasks
        self._autocomplete = autocomplete
        self.board = Board()
        self._demo = DemoRuns()
        self.frontend = self._new_frontend()

    def parse(self, entry: str) -> EntryIntent:
        """Parse an entry by the runs and questions that the person sees."""
        return parse_entry(entry, self.board, self._commands, takes_tasks=self._takes_tasks, continues=self.frontend.keyboard)

    def note_entry(self, intent: EntryIntent) -> None:
        """Remember an entry that was stored: a correction may follow an answer."""
        match intent:
            case ReplyIntent():
                self.board = self.board.after_reply(intent.question)
            case CommandIntent(name="ask" | "task"):
                self.board = self.board.after_task()
            case _:
                pass

    async def show_post(self, outbound: OutboundPost) -> None:
        """Show a post.

        Raises:
            NotSent: it cannot be written at the moment.
            SendRejected: the screen has been closed.
        """
        post = strip_control_characters(outbound.post)
        view = ViewContext(
            board=self.board,
            page=self.frontend.page(),
            now=self._device.clock(),
            zone=self._device.zone,
            quiet=self._quiet,
        )
        answers = self._device.answers
        if isinstance(post, FinalAnswer) and answers is not None and not answers.isatty():
            with _as_delivery_errors():
                encoding = answers.encoding or "utf-8"
                answers.write(post.text.strip("\n").encode(encoding, "replace").decode(encoding) + "\n")
                answers.flush()
            await self.show_lines([] if self._quiet else render_final_notice(post), thread_of(outbound))
        else:
            lines = None if self._quiet else self._demo.render(replace(outbound, post=post), view.board, view.page, view.zone)
            await self.show_lines(render_post(post, view) if lines is None else lines, thread_of(outbound))
        self.board = self.board.after(post)
        self.frontend.refresh()

    async def show_lines(self, lines: Sequence[RenderableType], thread: str | None = None) -> None:
        """Show lines that are free of control characters.

        Raises:
            NotSent: they cannot be written at the moment.
            SendRejected: the screen has been closed.
        """
        if not lines:
            return
        with _as_delivery_errors():
            await self.frontend.show(paint(lines, self.frontend.page(), thread))

    def _new_frontend(self) -> Frontend:
        stdin, screen, names = self._device.stdin, self._device.screen, self._device.environ
        if stdin is not None and stdin.closed:
            stdin = None
        if stdin is None or not supports_keys(stdin, screen, names):
            return PipeFrontend(stdin, screen, names)
        # Imported here, because prompt_toolkit takes a fifth of a second, and only a keyboard needs it.
        from adapters.terminal.prompt import PromptFrontend

        return PromptFrontend(stdin, screen, names, self._toolbar, self._complete, self._device.clock)

    def _toolbar(self, width: int, typed: str) -> list[str]:
        preview = describe_intent(self.parse(typed), self.board) if typed.strip() else ""
        return toolbar_lines(self.board, width, preview)

    def _complete(self, typed: str) -> Sequence[EntryCompletion]:
        return complete(typed, self.board, (*self._commands, *OWN_COMMANDS), self._autocomplete)


@contextmanager
def _as_delivery_errors() -> Iterator[None]:
    """Convert errors of writing to the terminal to delivery errors."""
    try:
        yield
    except OSError as failure:
        if failure.errno in _SCREEN_CLOSED:
            raise SendRejected(f"the terminal's output is closed: {failure.strerror}") from failure
        raise NotSent(f"the terminal's output cannot be written: {failure.strerror or failure}; is the disk full?") from failure
