"""The port that every chat platform's adapter implements, and the neutral values that cross it.

Inwards, an adapter turns what people do into `MessageReceived`, `MessageDeleted`, `ControlUsed`, `CommandReceived` or
`InputClosed` and hands each to `on_event`, which returns once it is stored: acknowledge to the platform after that, where the
platform allows. Handing over the same thing twice is harmless. Outwards, an adapter renders an `OutboundPost`. It decides
nothing: who may do what, what counts as an answer and when a question ends is judged in the bridge.

Chat is at-least-once in both directions. An adapter whose platform can be asked (`Capabilities.can_read_history`) says in
`find_sent` whether an earlier, doubtful sending of the same key arrived; the outbox asks it before it sends again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.chat.inbound import Author, Group, Place

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
