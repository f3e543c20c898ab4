"""Terminal adapter: one person and one screen, with or without a keyboard.

A terminal has no threads: every line is labelled with its run or question, and a reply names the question by its number. A
screen cannot be read back, so a post that was not confirmed before a crash is shown again by the next process. The output of an
earlier process may have scrolled away (`loses_history_on_restart`), so a card that replaces one of its cards is shown whole.
"""

from __future__ import annotations

import asyncio
import getpass
import logging
import secrets
from collections.abc import Sequence
from itertools import count

from adapters.terminal.board import TERMINAL_PLACE, thread_of, thread_of_inbound
from adapters.terminal.input import EventStamp, ExitReason, InputReader
from adapters.terminal.paint import strip_control_characters
from adapters.terminal.render import render_private_reply, render_terminal_help
from adapters.terminal.screen import Screen, TerminalDevice
from orchestrator_bridge.chat.adapter import Autocomplete, Capabilities, NotSent, SendRejected
from orchestrator_bridge.chat.inbound import (
    LOCAL_USER,
    Attachment,
    Author,
    CommandReceived,
    InboundEvent,
    InboundHandler,
    MessageReceived,
    Place,
)
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, PrivateReply

_log = logging.getLogger(__name__)

PLATFORM = TERMINAL_PLACE.platform
COMMANDS = ("ask", "questions", "runs", "team", "cancel", "finish", "cost", "recall", "supersede", "help")
"""Default commands, for an adapter that runs without a bot."""


class TerminalAdapter:
    """Implements `Adapter` on a terminal device.

    `commands` are the bot's commands, and `autocomplete` completes their arguments; `name` is the person's name (default: the
    operating system's user). `quiet` shows only questions and final answers. `takes_tasks`: plain text may start a run.
    `session` makes message ids unique across starts.
    """

    platform = PLATFORM
    capabilities = Capabilities(loses_history_on_restart=True)

    def __init__(
        self,
        device: TerminalDevice,
        *,
        commands: Sequence[str] = COMMANDS,
        autocomplete: Autocomplete | None = None,
        quiet: bool = False,
        takes_tasks: bool = True,
        name: str | None = None,
        session: str | None = None,
    ) -> None:
        self.author = Author(platform=PLATFORM, id=LOCAL_USER, name=name or _user_name())
        self._device = device
        self._commands = tuple(commands)
        self._autocomplete = autocomplete
        self._quiet = quiet
        self._takes_tasks = takes_tasks
        self._session = session or secrets.token_hex(4)
        self._numbers = count(1)
        self._screen: Screen | None = None
        self._reader: InputReader | None = None
        self._listening: asyncio.Task[None] | None = None
        self._exit_reason: ExitReason = "left"
        self._leaving = asyncio.Event()
        self._warned = False

    async def start(self, on_event: InboundHandler) -> None:
        """Show the input line, if there is a keyboard, and start reading entries."""
        screen = Screen(
            self._device,
            quiet=self._quiet,
            commands=self._commands,
            takes_tasks=self._takes_tasks,
            autocomplete=self._autocomplete,
        )
        await screen.frontend.open()
        self._screen = screen
        self._reader = InputReader(
            screen,
            on_event=on_event,
            new_stamp=self._new_stamp,
            on_exit=self._exit,
        )
        self._listening = asyncio.create_task(self._reader.run(), name="terminal")

    async def stop(self) -> None:
        """Stop reading and restore the screen. Idempotent."""
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        screen, self._screen = self._screen, None
        if screen is not None:
            await screen.frontend.close()

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Show the post.

        Raises:
            NotSent: the terminal is not started, or cannot be written at the moment.
            SendRejected: the screen has been closed.
        """
        try:
            await self._started().show_post(outbound)
        except SendRejected:
            self._exit("left")
            raise
        message = outbound.replaces.message if outbound.replaces else self._new_id()
        return PostedMessage(message=message, thread=thread_of(outbound), at=self._device.clock())

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """Return None: a screen cannot be read back."""
        return None

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """Return nothing: entries cannot arrive while no process reads the terminal."""
        return ()

    async def fetch(self, attachment: Attachment) -> bytes:
        """Refuse: a terminal has no attachments."""
        raise SendRejected(f"{attachment.name}: this platform has no attachments")

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Return None: a terminal has no groups."""
        return None

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Show the reply to an entry."""
        self._warned = self._warned or reply.tone == "warning"
        try:
            screen = self._started()
            lines = render_private_reply(strip_control_characters(reply), screen.frontend.page())
            if isinstance(event, CommandReceived):
                lines += render_terminal_help(event.name, screen.board)
            await screen.show_lines(lines, thread_of_inbound(event))
        except (NotSent, SendRejected) as failure:
            _log.warning("a reply could not be shown on the terminal: %s", failure)

    async def submit(self, text: str) -> None:
        """Handle an entry as if the person had typed it.

        Raises:
            NotSent: the terminal is not started.
        """
        self._started()
        if self._reader is not None:
            await self._reader.handle(text)

    async def wait_exit(self) -> ExitReason:
        """Wait until the person leaves or the input ends; returns which of the two."""
        await self._leaving.wait()
        return self._exit_reason

    @property
    def any_entry(self) -> bool:
        """True if there was an entry that is not empty."""
        return self._reader is not None and self._reader.any_entry

    @property
    def any_rejected(self) -> bool:
        """True if the terminal or the bot has refused an entry."""
        return self._warned or (self._reader is not None and self._reader.any_rejected)

    def _exit(self, reason: ExitReason) -> None:
        if not self._leaving.is_set():
            self._exit_reason = reason
            self._leaving.set()

    def _started(self) -> Screen:
        if self._screen is None:
            raise NotSent("the terminal adapter is not running")
        return self._screen

    def _new_stamp(self) -> EventStamp:
        return EventStamp(place=TERMINAL_PLACE, id=self._new_id(), author=self.author, at=self._device.clock())

    def _new_id(self) -> str:
        return f"{self._session}-{next(self._numbers)}"


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container whose user has no name
        return "you"
