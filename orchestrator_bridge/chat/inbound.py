"""Values that come in from a platform: places, people, and what people do. Adapters create them; the inbox stores them.

Every event has a `key` that identifies it across redeliveries, and a time `at` in seconds since the epoch by the platform's
clock. The classes are stored as JSON: their field names must not change.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A channel of a platform, or one thread in it.

    The channel `@42` stands for the direct messages with the author whose id is 42. Where a platform has no threads (direct
    messages, or inside a thread), `thread` is the id of the message that people reply to.
    """

    platform: str
    channel: str
    thread: str | None = None

    @property
    def prefix(self) -> str:
        """First part of the keys of all events in this place."""
        return f"{self.platform}/{self.channel}/{self.thread or ''}/"


LOCAL_USER = "you"
"""Author id of the user of a local platform, such as a terminal: one person without an account, who stands in for everybody.

Other platforms do not use this id.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """A person on a platform: the platform's id, the name that others see, and the ids of the platform roles held."""

    platform: str
    id: str
    name: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """People whom a platform can notify together, such as a role or a user group."""

    platform: str
    id: str
    name: str


_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
LONGEST_NAME = 32
"""Characters of an agent's name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalAgent:
    """An external agent (MCP client), such as a coding agent in an editor: the client `agent` of the access token `token`.

    `asks`: the run consists of this agent's questions alone. `wish` is the client's idempotency key: a request that repeats the
    `wish` of the same token returns the first one's run.
    """

    token: str
    agent: str
    asks: bool = False
    wish: str = ""

    @property
    def title(self) -> str:
        """Name that people see."""
        return f"{self.agent} (external agent, token {self.token})"


def agent_name(given: str, taken: frozenset[str] = frozenset()) -> str:
    """Derive an agent name from a client's own name (`Claude Code`: `claude-code`), other than the names in `taken`."""
    name = _NOT_IN_NAMES.sub("-", given.casefold()).strip("-")[:LONGEST_NAME].strip("-") or "agent"
    return name if name not in taken else f"{name[: LONGEST_NAME - 9].rstrip('-')}-external"


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file that a person attached. `size` in bytes; `ref` is what `Adapter.fetch` finds the file by.

    An empty `ref` stands for content that is no file and cannot be read, such as a sticker.
    """

    name: str
    media_type: str
    size: int
    ref: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageReceived:
    """A new or edited message in a place that the bot watches, or one that addresses the bot.

    `edit` identifies the version: empty for the original, else a counter or the time of the edit. `question` is set where the
    person gave the number of a question instead of writing in its thread. `mentions` are the people whom the text names (as
    `@name`), without the bot itself. An author without an id is that of an earlier version of the message: the platform does not
    name them. Without such a version the message does not count.
    `addressed`: the message mentions the bot, replies to one of its messages, or is in direct
    messages with it.
    """

    place: Place
    message: str
    author: Author
    text: str
    at: float
    edit: str = ""
    question: int | None = None
    mentions: tuple[Author, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    addressed: bool = False

    @property
    def key(self) -> str:
        """Identity of this version of the message."""
        return _key(self.place, self.message, "said", self.edit)


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageDeleted:
    """A message of a person or a card of the bot was deleted.

    `at` is the time of the deletion, or of its discovery where the platform sent no event.
    """

    place: Place
    message: str
    at: float

    @property
    def key(self) -> str:
        """Identity of this deletion."""
        return _key(self.place, self.message, "unsaid", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadPosition:
    """The thread in which a task was given, and the position in it.

    `place` is the thread, or the channel of a reply chain (`chain`): messages of which each replies to the one before. Only what
    is earlier than `before` is meant, the id of a message or interaction. `omitted` are the ids of messages that are a part of
    the task itself.
    """

    place: Place
    before: str
    chain: bool = False
    omitted: tuple[str, ...] = ()


ControlAction = Literal["option", "pass", "more", "write", "withdraw"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlUsed:
    """A person used a control of a question card. The meaning of `value` depends on `press`:

    - `option`: the id of the option
    - `pass` ("Not me"): empty, or who should answer instead: a person's id on the platform, or `@name`
    - `more` ("More time"): the number of seconds
    - `write`: the text typed into a form
    - `withdraw`: the emoji of a reaction to the card that the person has removed again

    `to` is the person whom `pass` names, where the platform says who that is.
    """

    place: Place
    interaction: str
    question: int
    press: ControlAction
    author: Author
    at: float
    value: str = ""
    to: Author | None = None

    @property
    def key(self) -> str:
        """Identity of this interaction."""
        return _key(self.place, self.interaction, "clicked", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandReceived:
    """A command (`name`) with the rest of its line (`text`), such as `ask` and the task.

    `options` are named arguments that a platform's form gives beside the line, such as `("team", "docs")`. `mentions` are the
    people whom the line or the form names. `thread` is the thread in which a task was given, if its messages can be read.
    `card_thread`: the bot's own thread in which the command was given, where that is
    not the `place`.
    """

    place: Place
    interaction: str
    author: Author
    name: str
    text: str
    at: float
    options: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attachment, ...] = ()
    mentions: tuple[Author, ...] = ()
    thread: ThreadPosition | None = None
    card_thread: Place | None = None

    @property
    def key(self) -> str:
        """Identity of this command."""
        return _key(self.place, self.interaction, "commanded", "")


def as_command(message: MessageReceived, name: str) -> CommandReceived:
    """A message as the command that it gives, for private replies to it; its key is that of a command."""
    return CommandReceived(
        place=message.place,
        interaction=message.message,
        author=message.author,
        name=name,
        text=message.text,
        at=message.at,
        attachments=message.attachments,
        mentions=message.mentions,
    )


def as_message(command: CommandReceived, place: Place) -> MessageReceived:
    """The words of a command as a message in a thread of the bot."""
    return MessageReceived(
        place=place,
        message=command.interaction,
        author=command.author,
        text=command.text,
        at=command.at,
        mentions=command.mentions,
        attachments=command.attachments,
        addressed=True,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class InputClosed:
    """The input of a platform has ended for good (end of file in the terminal): people asked there will not answer."""

    place: Place
    interaction: str
    at: float

    @property
    def key(self) -> str:
        """Identity of this end of input."""
        return _key(self.place, self.interaction, "gone", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonLeft:
    """A person left, or was removed from, the channel of `place`, or the whole server or workspace if `place.channel` is empty.

    The bridge asks `SupportsPresence.absence` what follows from it for each open question.
    """

    place: Place
    author: Author
    at: float

    @property
    def key(self) -> str:
        """Identity of this departure: a person may come back and leave again."""
        return _key(self.place, self.author.id, "left", repr(self.at))


InboundEvent = MessageReceived | MessageDeleted | ControlUsed | CommandReceived | InputClosed | PersonLeft
InboundHandler = Callable[[InboundEvent], Awaitable[None]]
"""Stores an event; returns once it is on disk. Raises an exception if it is not stored."""


def _key(place: Place, message: str, kind: str, version: str) -> str:
    return f"{place.prefix}{message}/{kind}/{version}"
