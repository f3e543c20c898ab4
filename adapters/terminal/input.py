"""Reads entries, parses them, and passes them on as inbound events; a refused entry is returned with the reason."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from rich.text import Text

from adapters.terminal.board import run_thread
from adapters.terminal.parser import (
    CommandIntent,
    ControlIntent,
    EmptyEntry,
    GuidanceIntent,
    QuitIntent,
    RejectedEntry,
    ReplyIntent,
)
from adapters.terminal.screen import Screen
from orchestrator_bridge.chat.adapter import NotSent, SendRejected
from orchestrator_bridge.chat.inbound import (
    Author,
    CommandReceived,
    ControlUsed,
    InboundEvent,
    InboundHandler,
    InputClosed,
    MessageReceived,
    Place,
)
from orchestrator_bridge.common.text import listed


@dataclass(frozen=True, kw_only=True, slots=True)
class EventStamp:
    """Origin of an entry. `id` is unique over all terminals and starts; `at` is in seconds since the epoch."""

    place: Place
    id: str
    author: Author
    at: float


def to_inbound(intent: CommandIntent | ReplyIntent | GuidanceIntent | ControlIntent, stamp: EventStamp) -> InboundEvent:
    """Convert a parsed entry to an inbound event."""
    place, author, at = stamp.place, stamp.author, stamp.at
    match intent:
        case CommandIntent():
            return CommandReceived(place=place, interaction=stamp.id, author=author, name=intent.name, text=intent.text, at=at)
        case ReplyIntent():
            return MessageReceived(
                place=place, message=stamp.id, author=author, text=intent.text, at=at, question=intent.question
            )
        case GuidanceIntent():
            thread = replace(place, thread=run_thread(intent.run))
            return MessageReceived(place=thread, message=stamp.id, author=author, text=intent.text, at=at, addressed=True)
        case ControlIntent():
            return ControlUsed(
                place=place,
                interaction=stamp.id,
                question=intent.question,
                press=intent.press,
                author=author,
                at=at,
                value=intent.value,
            )
        case _:
            assert_never(intent)


_log = logging.getLogger(__name__)

ExitReason = Literal["left", "input_ended"]
"""`left`: the person left, and the process stops. `input_ended`: the process stops once no run is active."""


class InputReader:
    """Reads the entries of `screen`. `new_stamp` stamps each event; `on_exit` is called when the person leaves or input ends.

    `any_entry`: some entry was not empty. `any_rejected`: some entry was refused.
    """

    def __init__(
        self,
        screen: Screen,
        *,
        on_event: InboundHandler,
        new_stamp: Callable[[], EventStamp],
        on_exit: Callable[[ExitReason], None],
    ) -> None:
        self._screen = screen
        self._receive = on_event
        self._new_stamp = new_stamp
        self._on_exit = on_exit
        self.any_entry = False
        self.any_rejected = False

    async def run(self) -> None:
        """Read entries until there are no more. Without a keyboard, the end is reported as `InputClosed`."""
        frontend = self._screen.frontend
        while (entry := await frontend.next_entry()) is not None:
            await self.handle(entry)
        if frontend.keyboard:
            return await self._quit()
        stamp = self._new_stamp()
        await self._deliver(InputClosed(place=stamp.place, interaction=stamp.id, at=stamp.at), "")
        return self._on_exit("input_ended")

    async def handle(self, entry: str) -> None:
        """Parse one entry and pass it on."""
        intent = self._screen.parse(entry)
        self.any_entry = self.any_entry or not isinstance(intent, EmptyEntry)
        match intent:
            case EmptyEntry():
                return
            case QuitIntent():
                await self._quit()
            case RejectedEntry():
                # A wrong command is not put back: the next one would be appended to it. The key Up recalls it.
                await self._reject(intent.text, "" if entry.lstrip().startswith("/") else entry)
            case CommandIntent() | ReplyIntent() | GuidanceIntent() | ControlIntent():
                if await self._deliver(to_inbound(intent, self._new_stamp()), entry):
                    self._screen.note_entry(intent)
            case _:
                assert_never(intent)

    async def _deliver(self, event: InboundEvent, entry: str) -> bool:
        """Pass an event on; False if it could not be stored."""
        try:
            await self._receive(event)
        except Exception as failure:  # any failure: the person gets the text back, and the terminal stays usable
            _log.exception("an entry could not be stored")
            await self._reject(f"Your entry could not be stored, and nothing was done with it ({failure}). Try again.", entry)
            return False
        return True

    async def _reject(self, reason: str, entry: str) -> None:
        self.any_rejected = True
        await self._show(reason, "yellow")
        if entry:
            try:
                await self._screen.frontend.return_entry(entry)
            except OSError as failure:
                _log.warning("a refused entry could not be returned: %s", failure)

    async def _quit(self) -> None:
        numbers = listed([*map(str, sorted(self._screen.board.runs))])
        await self._show(f"Leaving. To be continued at the next start: run {numbers}." if numbers else "Leaving.", "dim")
        self._on_exit("left")

    async def _show(self, text: str, style: str) -> None:
        try:
            await self._screen.show_lines([Text(text, style=style)])
        except (NotSent, SendRejected) as failure:
            _log.warning("a message could not be shown on the terminal: %s", failure)
