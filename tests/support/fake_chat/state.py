"""State of the fake chat platform, without its network: channels, messages, threads, what people do, and what bots caused.

It is the part that Discord and Slack have in common. A message keeps the key that its sender gave it (as Slack's metadata does),
so that a client that may read the history can look for it; the platform itself refuses no duplicate. A thread is made
from a message and has its id. Each action of a person becomes an event, delivered until it is acknowledged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal

BOT = "bot"
"""The author of everything that was posted from outside."""

EventKind = Literal["said", "edited", "deleted", "clicked", "command"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message as it now stands. `thread` is the one in which it stands; `meta` is its sender's and unseen by people."""

    id: str
    channel: str
    thread: str | None
    author: str
    text: str
    at: float
    meta: Mapping[str, Any]
    buttons: tuple[Mapping[str, str], ...] = ()
    mentions: tuple[str, ...] = ()
    edits: int = 0
    has_thread: bool = False
    deleted: bool = False

    @property
    def key(self) -> str:
        """The idempotency key that its sender gave it."""
        return str(self.meta.get("key", ""))


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that a person did. `data` is what goes over the wire."""

    number: int
    kind: EventKind
    data: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Effect:
    """Something that a bot caused, in order. `at` by the platform's clock."""

    number: int
    at: float
    what: Literal["post", "thread", "edit", "tell"]
    message: str
    text: str
    meta: Mapping[str, Any]


class Missing(LookupError):
    """There is no such message."""


class World:
    """The platform's state. `clock` is its own, in seconds since the epoch; `changed` is called after every change.

    `double` says of every acknowledged event whether it is delivered once more all the same.
    """

    def __init__(self, clock: Callable[[], float] = time.time, changed: Callable[[], None] = lambda: None) -> None:
        self.clock = clock
        self.changed = changed
        self.double: Callable[[], bool] = lambda: False
        self.messages: dict[str, Message] = {}
        self.effects: list[Effect] = []
        self.events: list[Event] = []
        self.unacknowledged: dict[int, Event] = {}
        self._ids = count(1)

    # Bots -----------------------------------------------------------------------------------------------------------------

    def post(self, body: Mapping[str, Any]) -> Message:
        """A bot's new message."""
        message = Message(
            id=f"m{next(self._ids)}",
            channel=body["channel"],
            thread=body.get("thread"),
            author=BOT,
            text=body["text"],
            at=self.clock(),
            meta=body.get("meta", {}),
            buttons=tuple(body.get("buttons", ())),
            mentions=tuple(body.get("mentions", ())),
        )
        return self._effect("post", message)

    def make_thread(self, body: Mapping[str, Any]) -> Message:
        """Make a thread from a message; one that has its thread keeps it."""
        return self._effect("thread", replace(self._at(body["message"]), has_thread=True))

    def edit(self, body: Mapping[str, Any]) -> Message:
        """A bot's newer content of its message."""
        old = self._at(body["message"])
        meta = {**old.meta, **body.get("meta", {}), "key": old.key}
        new = replace(old, text=body["text"], buttons=tuple(body.get("buttons", ())), meta=meta, edits=old.edits + 1)
        return self._effect("edit", new)

    def tell(self, body: Mapping[str, Any]) -> Message:
        """Words that one person sees."""
        told = Message(
            id=f"w{next(self._ids)}",
            channel=body["channel"],
            thread=body.get("thread"),
            author=BOT,
            text=body["text"],
            at=self.clock(),
            meta={"to": body["to"], "kind": "word"},
        )
        return self._effect("tell", told)

    def history(self, channel: str, thread: str | None, after: float = 0.0, *, whole: bool = False) -> Iterator[Message]:
        """The messages of a channel or thread, oldest first; private words are in no history.

        `whole`: with the message from which the thread was made.
        """
        for message in self.messages.values():
            here = (message.channel, message.thread) == (channel, thread) or (whole and message.id == thread)
            if here and not message.deleted and message.at >= after and message.meta.get("kind") != "word":
                yield message

    def acknowledge(self, number: int) -> None:
        """An event has arrived; it may come once more for all that."""
        event = self.unacknowledged.pop(number, None)
        if event is not None and self.double():
            self.deliver_again(event)

    def deliver_again(self, event: Event) -> None:
        """Deliver an event once more, under a number of its own."""
        again = replace(event, number=next(self._ids))
        self.unacknowledged[again.number] = again
        self.changed()

    # People ---------------------------------------------------------------------------------------------------------------

    def say(self, person: str, channel: str, thread: str | None, text: str, *, delivered: bool = True) -> Message:
        """A person writes. What is not `delivered` can only be read: some platforms forget what bots miss for too long."""
        message = Message(
            id=f"m{next(self._ids)}", channel=channel, thread=thread, author=person, text=text, at=self.clock(), meta={}
        )
        self.messages[message.id] = message
        if delivered:
            self._happens("said", {"message": wire(message)})
        return message

    def change(self, message: str, text: str, *, delivered: bool = True) -> Message:
        """A person edits a message of hers. What is not `delivered` can only be read, as with `say`."""
        old = self._at(message)
        new = replace(old, text=text, edits=old.edits + 1)
        self.messages[message] = new
        if delivered:
            self._happens("edited", {"message": wire(new)})
        return new

    def delete(self, message: str, *, delivered: bool = True) -> None:
        """A person deletes a message of hers. What is not `delivered` can only be missed when the thread is read."""
        gone = replace(self._at(message), deleted=True)
        self.messages[message] = gone
        if delivered:
            self._happens("deleted", {"message": wire(gone)})

    def click(self, person: str, message: str, press: str, value: str) -> str:
        """A person uses a control, also one that was there when she looked and is gone now. Returns the interaction's id."""
        clicked = self._at(message)
        interaction = f"i{next(self._ids)}"
        where = {"channel": clicked.channel, "thread": clicked.id if clicked.has_thread else None}
        control = {"question": clicked.meta.get("question"), "press": press, "value": value}
        self._happens("clicked", {"interaction": interaction, "person": person, **where, **control})
        return interaction

    def command(self, person: str, channel: str, name: str, text: str, thread: str | None = None) -> str:
        """A person gives a command, perhaps in a thread. Returns the interaction's id."""
        interaction = f"i{next(self._ids)}"
        where = {"person": person, "channel": channel, "thread": thread}
        self._happens("command", {"interaction": interaction, **where, "name": name, "text": text})
        return interaction

    def _happens(self, kind: EventKind, data: Mapping[str, Any]) -> None:
        event = Event(number=next(self._ids), kind=kind, data={**data, "at": self.clock()})
        self.events.append(event)
        self.unacknowledged[event.number] = event
        self.changed()

    def _effect(self, what: Literal["post", "thread", "edit", "tell"], message: Message) -> Message:
        self.messages[message.id] = message
        number = len(self.effects) + 1
        self.effects.append(
            Effect(number=number, at=self.clock(), what=what, message=message.id, text=message.text, meta=message.meta)
        )
        self.changed()
        return message

    def _at(self, message: str) -> Message:
        if message not in self.messages or self.messages[message].deleted:
            raise Missing(f"there is no message {message!r}; it was deleted or never posted")
        return self.messages[message]


def wire(message: Message) -> dict[str, Any]:
    """A message as the platform sends it."""
    return {
        "id": message.id,
        "channel": message.channel,
        "thread": message.thread,
        "author": message.author,
        "text": message.text,
        "at": message.at,
        "edits": message.edits,
        "has_thread": message.has_thread,
        "meta": dict(message.meta),
    }
