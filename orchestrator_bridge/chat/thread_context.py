"""Messages of the thread in which a task was given: as an adapter reads them, and as a run stores and quotes them.

Agents read them as quotations. Every line of a message begins with `> `, and the line above it with `[`, so that no words of a
message or name can pass for another message, or for the end of the quotation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.chat.inbound import Attachment
from orchestrator_bridge.common.text import clean, counted, one_line, shorten

MAX_CONTEXT_MESSAGES = 200
"""Messages of a thread that a team can have read at the start of a run."""

MESSAGE_LIMIT = 800
"""Characters of one message of the thread that agents are shown at the start of a run."""

READ_LIMIT = 4000
"""Characters of one message that agents are shown when they read on in the thread."""

NAME_LIMIT = 80
"""Characters of an author's name."""

Speaker = Literal["person", "bot", "townhall"]
"""Kind of an author: a person, another app, or this bot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadMessage:
    """One message of a thread as the adapter reads it. `at`: seconds since the epoch, by the platform's clock."""

    id: str
    author: str
    speaker: Speaker
    at: float
    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadPage:
    """Messages of a thread, oldest first.

    `left_out`: number of earlier messages of the thread, beside `first`; None if there are some and their number is not known.
    `first`: the first message of the thread, which shows what it is about, if it is earlier than `messages`.
    """

    messages: tuple[ThreadMessage, ...] = ()
    left_out: int | None = 0
    first: ThreadMessage | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuotedMessage:
    """One message of a thread as a run stores it. `length`: characters of a text that was cut, else 0.

    Stored in events: the field names must not change.
    """

    id: str
    author: str
    speaker: Speaker
    at: float
    text: str
    files: tuple[AttachmentContent, ...] = ()
    length: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadContext:
    """The thread in which a task was given, as it was read at the start of the run.

    `trouble`: a clause with the reason for which it could not be read. The other fields are those of `ThreadPage`. Stored in
    events: the field names must not change.
    """

    messages: tuple[QuotedMessage, ...] = ()
    left_out: int | None = 0
    first: QuotedMessage | None = None
    trouble: str = ""

    @property
    def all_messages(self) -> tuple[QuotedMessage, ...]:
        """The first message of the thread, if it is known, and the newest ones."""
        return self.messages if self.first is None else (self.first, *self.messages)


def quote_message(message: ThreadMessage, limit: int, files: tuple[AttachmentContent, ...] = ()) -> QuotedMessage:
    """A message with at most `limit` characters of its text, sanitised."""
    text = clean(message.text).strip()
    return QuotedMessage(
        id=one_line(message.id, NAME_LIMIT),
        author=one_line(message.author, NAME_LIMIT),
        speaker=message.speaker,
        at=message.at,
        text=shorten(text, limit),
        files=files,
        length=len(text) if len(text) > limit else 0,
    )


_SPEAKERS: dict[Speaker, str] = {"person": "person", "bot": "another app", "townhall": "this bot"}


def quotation(message: QuotedMessage, attached: Sequence[str] = ()) -> str:
    """A message as agents read it. `attached` are its files in words."""
    at = datetime.fromtimestamp(message.at, UTC)
    head = f"[{message.id} · {_SPEAKERS[message.speaker]} · {at:%Y-%m-%d %H:%M} UTC] {message.author}"
    return "\n".join([head, *(f"> {line}" for line in _lines(message, attached))])


def _lines(message: QuotedMessage, attached: Sequence[str]) -> Iterator[str]:
    yield from message.text.split("\n") if message.text else ()
    if message.length:
        yield f"(cut here: the message has {message.length:,} characters)"
    for file in attached:
        yield from file.split("\n")


def left_out_text(left_out: int | None) -> str:
    """The number of messages that are left out: `10 earlier messages left out`; empty if there are none."""
    if left_out is None:
        return "earlier messages left out"
    return f"{counted(left_out, 'earlier message')} left out" if left_out else ""
