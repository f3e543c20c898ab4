"""An agent outside, such as a coding agent in an editor, that came in with a token."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
LONGEST_NAME = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalAgent:
    """Through whom a run came: the `agent` of the token with this name.

    `asks`: the run is made of that agent's questions alone, and the agent is a guest in it. `wish` tells apart what was wanted:
    the same wish of the same token is carried out once.
    """

    token: str
    agent: str
    asks: bool = False
    wish: str = ""

    @property
    def title(self) -> str:
        """Who that is, for people."""
        return f"{self.agent} (outside, token {self.token})"


def agent_name(given: str, taken: frozenset[str] = frozenset()) -> str:
    """What a client calls itself as a name that agents can have, and that none of the team (`taken`) has: `Claude Code` is
    `claude-code`."""
    name = _NOT_IN_NAMES.sub("-", given.casefold()).strip("-")[:LONGEST_NAME].strip("-") or "agent"
    return name if name not in taken else f"{name[: LONGEST_NAME - 8].rstrip('-')}-outside"


# The port that every chat platform's adapter implements, and the neutral values that cross it.
#
# Inwards, an adapter turns what people do into `MessageReceived`, `MessageDeleted`, `ControlUsed`, `CommandReceived` or
# `InputClosed` and hands each to `on_event`, which returns once it is stored: acknowledge to the platform after that, where the
# platform allows. Handing over the same thing twice is harmless. Outwards, an adapter renders an `OutboundPost`. It decides
# nothing: who may do what, what counts as an answer and when a question ends is judged in the bridge.
#
# Chat is at-least-once in both directions. An adapter whose platform can be asked (`Capabilities.can_read_history`) says in
# `find_sent` whether an earlier, doubtful sending of the same key arrived; the outbox asks it before it sends again.


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A channel of a platform, or one thread in it. The channel `@42` is the direct messages with the author whose id is 42.

    Where a platform has no threads (direct messages, inside a thread), `thread` is the message that others reply to.
    """

    platform: str
    channel: str
    thread: str | None = None

    @property
    def prefix(self) -> str:
        """What the keys of all that happens here begin with."""
        return f"{self.platform}/{self.channel}/{self.thread or ''}/"


LOCAL_USER = "you"
"""Id of the one person of a local platform, such as a terminal: it has no accounts, so this person stands in for everybody."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """Somebody on a platform: the platform's id, the name that others see, and the platform roles held, by id."""

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


# Inwards ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    """A file that a person attached. `size` in bytes; `ref` is what the platform's `fetch` finds it by."""

    name: str
    media_type: str
    size: int
    ref: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageReceived:
    """A message that concerns us, new or edited (`edit` counts up or is the edit's time). `at`: seconds, the platform's clock.

    `question` is set where the person named the question by its number instead of speaking in its thread. `mentions` are the
    people whom the text names (as `@name`), our own bot aside.
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

    @property
    def key(self) -> str:
        """Identifies this message in this version, across redeliveries."""
        return _key(self.place, self.message, "said", self.edit)


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageDeleted:
    """A message was deleted, one that was heard or a card of ours. `at`: when, or when that was found out if nobody was told;
    seconds."""

    place: Place
    message: str
    at: float

    @property
    def key(self) -> str:
        """Identifies this deletion across redeliveries."""
        return _key(self.place, self.message, "unsaid", "")


ControlAction = Literal["option", "pass", "more", "write"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlUsed:
    """A control of a question was used: an option (`value` its id), "Not me" (`value` empty, or whom to ask in place: the
    platform's id of a person, or `@name`), "More time" (`value` how long), a form's words.

    `to` is whom "Not me" names, where the platform says who that is.
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
        """Identifies this click across redeliveries."""
        return _key(self.place, self.interaction, "clicked", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandReceived:
    """A command with the rest of its line, such as `ask` and the task.

    `options` are named choices that a platform's form gives beside the line, such as `("team", "docs")`; `mentions` those whom
    the line or the form names.
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

    @property
    def key(self) -> str:
        """Identifies this command across redeliveries."""
        return _key(self.place, self.interaction, "commanded", "")


@dataclass(frozen=True, kw_only=True, slots=True)
class InputClosed:
    """Nobody is there any more on this platform (the terminal's input has ended): whoever was asked there will not answer."""

    place: Place
    interaction: str
    at: float

    @property
    def key(self) -> str:
        """Identifies this end of input."""
        return _key(self.place, self.interaction, "gone", "")


InboundEvent = MessageReceived | MessageDeleted | ControlUsed | CommandReceived | InputClosed
InboundHandler = Callable[[InboundEvent], Awaitable[None]]


def _key(place: Place, message: str, kind: str, version: str) -> str:
    return f"{place.prefix}{message}/{kind}/{version}"
