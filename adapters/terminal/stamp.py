"""From what a person means to what is handed to the bridge: who said it, where, when, and under which id."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adapters.terminal.intent import CommandIntent, ControlIntent, GuidanceIntent, ReplyIntent
from adapters.terminal.threads import run_thread
from orchestrator_bridge.chat import Author, CommandReceived, ControlUsed, InboundEvent, MessageReceived, Place


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
