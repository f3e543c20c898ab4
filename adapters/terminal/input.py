"""Listens at a terminal: reads entries, finds out what each means, and hands it to the bridge or tells the person why not."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

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
    parse_entry,
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


@dataclass(frozen=True, kw_only=True, slots=True)
class EventStamp:
    """What an entry gets when it is taken. `id` is unique over all terminals and starts; `at` in seconds since the epoch."""

    place: Place
    id: str
    author: Author
    at: float


def to_inbound(intent: CommandIntent | ReplyIntent | GuidanceIntent | ControlIntent, stamp: EventStamp) -> InboundEvent:
    """The entry as the bridge takes it."""
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
            return MessageReceived(place=thread, message=stamp.id, author=author, text=intent.text, at=at)
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


_log = logging.getLogger(__name__)

ExitReason = Literal["left", "input_ended"]
"""How a person goes: she left, so the process is to stop; or the input ended, so the process is to stop once nothing runs."""


class InputReader:
    """Takes the entries of `screen`. `on_exit` is called once the person has gone; `new_stamp` marks what is handed over.

    `any_rejected`: some entry was not handed over.
    """

    def __init__(
        self,
        screen: Screen,
        *,
        on_event: InboundHandler,
        new_stamp: Callable[[], EventStamp],
        on_exit: Callable[[ExitReason], None],
        commands: Sequence[str],
        takes_tasks: bool,
    ) -> None:
        self._screen = screen
        self._receive = on_event
        self._new_stamp = new_stamp
        self._on_exit = on_exit
        self._commands = tuple(commands)
        self._takes_tasks = takes_tasks
        self.any_rejected = False

    async def run(self) -> None:
        """Take entries until there are no more. Without a keyboard the bridge is told then that nobody is there any more."""
        front = self._screen.frontend
        while (entry := await front.next_entry()) is not None:
            await self.handle(entry)
        if front.keyboard:
            return await self._quit()
        stamp = self._new_stamp()
        await self._deliver(InputClosed(place=stamp.place, interaction=stamp.id, at=stamp.at), "")
        return self._on_exit("input_ended")

    async def handle(self, entry: str) -> None:
        """Take one entry."""
        intent = parse_entry(entry, self._screen.board, self._commands, takes_tasks=self._takes_tasks)
        match intent:
            case EmptyEntry():
                return
            case QuitIntent():
                await self._quit()
            case RejectedEntry():
                await self._reject(intent.text, entry)
            case _:
                await self._deliver(to_inbound(intent, self._new_stamp()), entry)

    async def _deliver(self, event: InboundEvent, entry: str) -> None:
        try:
            await self._receive(event)
        except Exception as failure:  # whatever the bridge ran into: the person keeps her words, and the terminal goes on
            _log.exception("an entry could not be stored")
            await self._reject(f"That could not be stored, so nothing was done with it ({failure}). Try again.", entry)

    async def _reject(self, why: str, entry: str) -> None:
        self.any_rejected = True
        await self._say(why, "yellow")
        if entry:
            try:
                await self._screen.frontend.return_entry(entry)
            except OSError as failure:
                _log.warning("an entry could not be given back: %s", failure)

    async def _quit(self) -> None:
        numbers = ", ".join(map(str, sorted(self._screen.board.runs)))
        await self._say(f"Leaving. To be continued at the next start: run {numbers}." if numbers else "Leaving.", "dim")
        self._on_exit("left")

    async def _say(self, text: str, style: str) -> None:
        try:
            await self._screen.show_lines([Text(text, style=style)])
        except (NotSent, SendRejected) as failure:
            _log.warning("the person at the terminal could not be told: %s", failure)
