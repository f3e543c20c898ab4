"""The port that every chat platform's adapter implements, and the neutral values that cross it.

Inwards, an adapter turns what people do into `MessageReceived`, `MessageDeleted`, `ControlUsed`, `CommandReceived` or
`InputClosed` and hands each to `on_event`, which returns once it is stored: acknowledge to the platform after that, where the
platform allows. Handing over the same thing twice is harmless. Outwards, an adapter renders an `OutboundPost`. It decides
nothing: who may do what, what counts as an answer and when a question ends is judged in the bridge.

Chat is at-least-once in both directions. An adapter whose platform can be asked (`Capabilities.can_read_history`) says in
`find_sent` whether an earlier, doubtful sending of the same key arrived; the outbox asks it before it sends again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Author:
    """Somebody on a platform: the platform's id, the name that others see, and the platform roles held, by id."""

    platform: str
    id: str
    name: str
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """People whom a platform can notify together: a Discord role, a Slack user group."""

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


# Outwards -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class CardAgent:
    """One line of a run's card."""

    name: str
    model: str
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCard:
    """A run at a glance. Posting it opens the run's thread; later states replace it.

    `cost` stands by itself: US dollars as text, or `cost unknown`.
    """

    run: int
    task: str
    team: str
    agents: tuple[CardAgent, ...]
    status: str
    cost: str
    tokens: int
    scripted: bool = False
    ended: bool = False
    """Nothing more will happen in this run."""
    kind: Literal["run_card"] = "run_card"


@dataclass(frozen=True, kw_only=True, slots=True)
class CardOption:
    """One option as people see it."""

    id: str
    label: str
    description: str = ""
    recommended: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionCard:
    """A question in its own message with its own thread. `expires_at`: seconds since the epoch, our estimate; times for people.

    `mentions` and `groups` are those to notify; `asked` is the same in words. `silence` says what happens at expiry. `closed` is
    the one line that says how it ended: the controls are gone then.
    """

    question: int
    run: int
    agent: str
    text: str
    context: str
    answer_kind: str
    options: tuple[CardOption, ...]
    mentions: tuple[Author, ...]
    asked: str
    expires_at: float
    silence: str
    task: str = ""
    groups: tuple[Group, ...] = ()
    closed: str | None = None
    kind: Literal["question_card"] = "question_card"

    @property
    def ended(self) -> bool:
        """Nobody can answer any more."""
        return self.closed is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class TextFile:
    """A text that goes along with a post as a file: too long to be read in a chat, and to be shown as it is. `name` has its
    ending, and no other file of the channel is called so."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A plain message in a thread. `speaker` is the agent whose words these are; `mentions` and `groups` are those to notify.

    `file` goes along with it; a platform without files shows its text, all of it. A note without one can be replaced.
    `ended_question` is set where the note tells how a question ended that was never posted: people may still name its number.
    """

    text: str
    speaker: str | None = None
    tone: Literal["plain", "good", "warning"] = "plain"
    mentions: tuple[Author, ...] = ()
    groups: tuple[Group, ...] = ()
    ended_question: int | None = None
    file: TextFile | None = None
    kind: Literal["note"] = "note"


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalAnswer:
    """The run's final text, as Markdown of a model, and one line on how it came about.

    `drafted`: it may have been shown while it was written, and takes the place of what was shown.
    """

    run: int
    text: str
    how: str
    by: str
    drafted: bool = False
    kind: Literal["final_answer"] = "final_answer"


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamingAnswer:
    """A run's final text as far as it is written, in the run's thread. Without a text it will be none: take away what is shown.

    `to` is whoever gave the task. Nothing of a draft is stored, and nobody relies on it.
    """

    run: int
    place: Place
    text: str | None
    by: str
    to: Author


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledgement:
    """Tells a person what became of a message of hers: a reaction where there are any, with a few words where they are needed.

    `taken_as` says as what her words were taken and until when that can be changed, as it goes on after "Taken: ". It is for her
    alone, where no reaction tells her enough: nobody wants another message for every reply.
    """

    message: str
    author: Author
    sign: Literal["taken", "late", "refused", "passed"]
    text: str = ""
    taken_as: str = ""
    kind: Literal["receipt"] = "receipt"


Post = RunCard | QuestionCard | Note | FinalAnswer | Acknowledgement


@dataclass(frozen=True, kw_only=True, slots=True)
class PostedMessage:
    """What the platform made of a sending: the message, the thread that it opened or stands in, when by the platform's clock."""

    message: str
    thread: str | None
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundPost:
    """One post to bring to the platform. `key` is stable over every attempt; `replaces` is the message to edit instead."""

    key: str
    place: Place
    post: Post
    replaces: PostedMessage | None = None
    since: float = 0.0
    """No attempt was made before this time: where to begin to look in the history."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A table's cell that leads to a message, where the platform can link to one."""

    text: str
    place: Place
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows for people to look through. A column without a name is one whose cells speak for themselves.

    `cards` stand beside rows about open questions that wait for whoever is told: a platform with controls may show such a card,
    to be answered on the spot, in the place of its row.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | Link, ...], ...]
    title: str = ""
    cards: tuple[QuestionCard | None, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """The command that is given when a person says yes to what a word asks; `label` is what the button says."""

    label: str
    name: str
    text: str
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivateReply:
    """An answer to whoever gave a command or clicked: private where the platform can. Not kept, not repeated.

    `place` is the channel that it tells of, where that is not the one in which it was asked for.
    """

    text: str
    tables: tuple[Table, ...] = ()
    tone: Literal["plain", "good", "warning"] = "plain"
    confirm: Confirmation | None = None
    place: Place | None = None


class NotSent(Exception):
    """The sending did not arrive, nothing doubles when it is tried again; `retry_after` in seconds if the platform said so."""

    def __init__(self, found: str, retry_after: float | None = None) -> None:
        super().__init__(found)
        self.retry_after = retry_after


class SendUncertain(Exception):
    """Nobody knows whether the sending arrived: ask `find_sent` before trying again."""


class SendRejected(Exception):
    """The platform will never take this sending, such as into a deleted channel. The text says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a platform can do. What is not said is not there."""

    threads: bool = False
    edits: bool = False
    buttons: bool = False
    reactions: bool = False
    private_replies: bool = False
    can_read_history: bool = False
    """The platform can be asked whether a sending arrived, and what was said in a thread."""
    edit_interval: float = 0.0
    """Seconds between two edits of the same message that people and the platform bear."""
    loses_history_on_restart: bool = False
    """What was posted is out of people's sight after a restart of ours: send the cards of what is open again, as replacements."""


class Adapter(Protocol):
    """One platform. Every method but `start` may be called at any time between `start` and `stop`."""

    @property
    def platform(self) -> str:
        """The platform's name, as in `Place.platform`."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What this platform can do."""
        ...

    async def start(self, on_event: InboundHandler) -> None:
        """Connect and begin to listen; returns when sendings can be taken.

        Raises:
            NotSent: the platform cannot be reached just now; `start` is called again later.
        """
        ...

    async def stop(self) -> None:
        """Stop listening and disconnect."""
        ...

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        """Post, or edit what `sending.replaces` names.

        Raises:
            NotSent: it did not arrive.
            SendUncertain: it may have arrived.
            SendRejected: it never will.
        """
        ...

    async def find_sent(self, outbound: OutboundPost) -> PostedMessage | None:
        """What an earlier attempt with the same key left, or None if there is nothing, or if the platform cannot be asked.

        Raises:
            NotSent: the platform cannot be asked just now.
        """
        ...

    async def read_thread(self, place: Place, after: float) -> Sequence[MessageReceived]:
        """All that people said in a thread from `after` (seconds, the platform's clock) to now, in order, as it now stands.

        Those are the messages that would arrive by themselves, under the same keys: an edited one in its present version, a
        deleted one not at all. It is all or nothing, for a reply that is missing here is taken to be deleted: what cannot be
        read to its end is `NotSent`. Nobody asks a platform that is not `can_read_history`.

        Raises:
            NotSent: the platform cannot be asked just now, or not for the whole.
            SendRejected: the thread is gone, or is not for us to read.
        """
        ...

    async def fetch(self, attachment: Attachment) -> bytes:
        """The content of a file that a person attached.

        Raises:
            NotSent: the platform cannot be asked just now.
            SendRejected: the file is gone, or this platform has no attachments.
        """
        ...

    def members(self, group: str) -> tuple[Author, ...] | None:
        """Who belongs to a group, or is in a channel (its id), from memory; None where that is not known."""
        ...

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        """Give a word back to whoever caused `event`; what cannot be told is logged, never raised."""
        ...


@runtime_checkable
class SupportsStreaming(Protocol):
    """An adapter that can also show a final text while it is written."""

    async def stream_answer(self, answer: StreamingAnswer) -> None:
        """Show it, or more of it. What cannot be shown is logged, never raised: the `FinalAnswer` comes in any case."""
        ...
