"""From what a person means to what is handed to the bridge: who said it, where, when, and under which id."""

from __future__ import annotations

from dataclasses import dataclass, replace

from adapters.terminal.intent import Command, Guide, Press, Reply
from adapters.terminal.threads import run_thread
from orchestrator_bridge.chat import Author, CommandReceived, ControlUsed, InboundEvent, MessageReceived, Place


@dataclass(frozen=True, kw_only=True, slots=True)
class Stamp:
    """What an entry gets when it is taken. `id` is unique over all terminals and starts; `at` in seconds since the epoch."""

    place: Place
    id: str
    author: Author
    at: float


def stamped(intent: Command | Reply | Guide | Press, stamp: Stamp) -> InboundEvent:
    """The entry as the bridge takes it."""
    place, author, at = stamp.place, stamp.author, stamp.at
    match intent:
        case Command():
            return CommandReceived(place=place, interaction=stamp.id, author=author, name=intent.name, text=intent.text, at=at)
        case Reply():
            return MessageReceived(
                place=place, message=stamp.id, author=author, text=intent.text, at=at, question=intent.question
            )
        case Guide():
            thread = replace(place, thread=run_thread(intent.run))
            return MessageReceived(place=thread, message=stamp.id, author=author, text=intent.text, at=at)
        case Press():
            return ControlUsed(
                place=place,
                interaction=stamp.id,
                question=intent.question,
                press=intent.press,
                author=author,
                at=at,
                value=intent.value,
            )
