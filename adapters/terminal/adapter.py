"""The adapter of the terminal: one person, one screen, with or without keys.

The terminal opens no threads of its own: every line is labelled with the run or the question that it belongs to, and a person
names the one that she means. It cannot be asked what it has shown (`findable` is off). So a post whose writing was not
confirmed before a crash is shown once more by the next process, on a screen that the first one may have written to already.
What the last process showed may be out of sight (`forgets`): cards that replace what this process never showed are shown whole.
"""

from __future__ import annotations

import asyncio
import getpass
import logging
import secrets
from collections.abc import Sequence
from itertools import count

from adapters.terminal.board import thread_of, thread_of_inbound
from adapters.terminal.input import EventStamp, ExitReason, InputReader
from adapters.terminal.paint import strip_control_characters
from adapters.terminal.render import render_private_reply, render_terminal_help
from adapters.terminal.screen import Screen, TerminalDevice
from orchestrator_bridge.chat.adapter import Capabilities, NotSent, SendRejected
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

PLATFORM = "terminal"
TERMINAL_PLACE = Place(platform=PLATFORM, channel="terminal")
"""The one channel of the terminal."""
COMMANDS = ("ask", "questions", "runs", "team", "cancel", "cost", "help")
"""The commands that a bot knows at least."""


class TerminalAdapter:
    """One terminal. `commands` are the names that the bot knows; `name` is the person's, else the user's of this machine.

    `quiet` shows only what needs the person, and final answers. `takes_tasks`: plain text may start a run. `session` sets the
    message ids of this start apart from those of every other start.
    """

    platform = PLATFORM
    capabilities = Capabilities(loses_history_on_restart=True)

    def __init__(
        self,
        device: TerminalDevice,
        *,
        commands: Sequence[str] = COMMANDS,
        quiet: bool = False,
        takes_tasks: bool = True,
        name: str | None = None,
        session: str | None = None,
    ) -> None:
        self.author = Author(platform=PLATFORM, id=LOCAL_USER, name=name or _user_name())
        self._device = device
        self._commands = tuple(commands)
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
        """Show the input line, if there is one, and begin to read."""
        screen = Screen(self._device, quiet=self._quiet)
        await screen.frontend.open()
        self._screen = screen
        self._reader = InputReader(
            screen,
            on_event=on_event,
            new_stamp=self._new_stamp,
            on_exit=self._exit,
            commands=self._commands,
            takes_tasks=self._takes_tasks,
        )
        self._listening = asyncio.create_task(self._reader.run(), name="terminal")

    async def stop(self) -> None:
        """Read no more and give the screen back; again is harmless."""
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
            NotSent: the terminal is not started, or the text could not be written just now.
            SendRejected: nobody sees this screen any more.
        """
        try:
            await self._started().show_post(outbound)
        except SendRejected:
            self._exit("left")
            raise
        message = outbound.replaces.message if outbound.replaces else self._new_id()
        return PostedMessage(message=message, thread=thread_of(outbound), at=self._device.clock())

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """None: a screen cannot be read."""
        return None

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """Nothing: while nobody reads a terminal, nothing is said there."""
        return ()

    async def fetch(self, attachment: Attachment) -> bytes:
        """Nothing can be attached here."""
        raise SendRejected(f"{attachment.name}: this platform has no attachments")

    def members(self, group: str) -> tuple[Author, ...] | None:
        """There are no groups here."""
        return None

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Show an answer to what the person entered."""
        self._warned = self._warned or reply.tone == "warning"
        try:
            screen = self._started()
            lines = render_private_reply(strip_control_characters(reply), screen.frontend.page())
            if isinstance(event, CommandReceived):
                lines += render_terminal_help(event.name, screen.board)
            await screen.show_lines(lines, thread_of_inbound(event))
        except (NotSent, SendRejected) as failure:
            _log.warning("the person at the terminal could not be told: %s", failure)

    async def submit(self, text: str) -> None:
        """Take an entry as if the person had typed it.

        Raises:
            NotSent: the terminal is not started.
        """
        self._started()
        if self._reader is not None:
            await self._reader.handle(text)

    async def wait_exit(self) -> ExitReason:
        """Wait until the person has gone, and say how."""
        await self._leaving.wait()
        return self._exit_reason

    @property
    def any_rejected(self) -> bool:
        """Whether some entry was not taken, here or by the bot."""
        return self._warned or (self._reader is not None and self._reader.any_rejected)

    def _exit(self, how: ExitReason) -> None:
        if not self._leaving.is_set():
            self._exit_reason = how
            self._leaving.set()

    def _started(self) -> Screen:
        if self._screen is None:
            raise NotSent("the terminal is not started, or was stopped: nothing can be shown on it")
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
