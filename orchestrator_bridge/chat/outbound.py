"""Values that go out to a platform: posts, private replies, and streamed text. Adapters render them.

Posts are stored in the outbox as JSON: their field names and `kind` must not change. Texts are plain text unless they are said
to be Markdown; adapters escape them. A command of the bot stands in backticks, as in `/ask`: a platform on which it is
typed in another way may rewrite it there, and nowhere else, because the rest may be people's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.chat.inbound import Attachment, Author, Group, Place, ThreadPosition


@dataclass(frozen=True, kw_only=True, slots=True)
class CardAgent:
    """One agent on a run card."""

    name: str
    model: str
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCard:
    """Overview of a run. Its first post opens the run's thread; later states replace it.

    `cost` is a complete phrase: US dollars such as `$0.12`, or `cost unknown`.
    """

    run: int
    task: str
    team: str
    agents: tuple[CardAgent, ...]
    status: str
    cost: str
    tokens: int
    scripted: bool = False
    requester: str = ""
    """Name of the person who asked for the run."""
    ended: bool = False
    """The run is over: this is the last state of the card."""
    continues: int | None = None
    """The run of which this one is the next turn. Its card is a message in that run's thread, if the place names the thread, and
    opens none."""
    kind: Literal["run_card"] = "run_card"


@dataclass(frozen=True, kw_only=True, slots=True)
class CardOption:
    """One option of a question. `recommended` by the agent that asks."""

    id: str
    label: str
    description: str = ""
    recommended: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionCard:
    """A question, as a message with a thread of its own.

    `mentions` and `groups` are the people and groups to notify; `asked` names them in words. `expires_at` is the expected end in
    seconds since the epoch, `silence` the sentence on what happens then. `closed` is the line on how the question ended, None
    while it is open; a closed card has no controls.
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
    progress: str = ""
    """The replies so far, where more than one is needed."""
    agent_number: int | None = None
    """Position of the agent in its team, from which platforms derive its colour."""
    kind: Literal["question_card"] = "question_card"

    @property
    def ended(self) -> bool:
        """The question accepts no more answers."""
        return self.closed is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class TextFile:
    """A text that is attached to a post as a file. `name` includes the extension and is unique in the channel."""

    name: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A text that links to a message, where the platform has links to messages."""

    text: str
    place: Place
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Note:
    """A message in a thread. `speaker` is the agent whose words it quotes; `mentions` and `groups` are those to notify.

    A platform without files shows the whole text of `file` instead. Only a note without a file can be replaced.
    `ended_question` is the number of a question that ended before its card was posted: people may still refer to that number.
    """

    text: str
    speaker: str | None = None
    tone: Literal["plain", "good", "warning"] = "plain"
    mentions: tuple[Author, ...] = ()
    groups: tuple[Group, ...] = ()
    ended_question: int | None = None
    file: TextFile | None = None
    speaker_number: int | None = None
    """Position of the speaker in its team, from which platforms derive its colour."""
    about: str | None = None
    """Key of the post that a note is about, to which platforms link."""
    link: Link | None = None
    """Message that a note is about, to which platforms link, if it is not a post of this run."""
    again: int | None = None
    """Number of a question that a button asks again: the command `/questions NUMBER again`."""
    kind: Literal["note"] = "note"


@dataclass(frozen=True, kw_only=True, slots=True)
class FinalAnswer:
    """The final answer of a run: Markdown of a model, and one line (`how`) on how it was reached.

    `drafted`: parts of it may have been streamed; the post replaces what was streamed. `mentions` are those to notify.
    """

    run: int
    text: str
    how: str
    by: str
    drafted: bool = False
    mentions: tuple[Author, ...] = ()
    kind: Literal["final_answer"] = "final_answer"


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamingAnswer:
    """The final answer of a run so far, for the run's thread. `text` None withdraws what was streamed.

    `to` is the requester. Streamed text is never stored.
    """

    run: int
    place: Place
    text: str | None
    by: str
    to: Author


@dataclass(frozen=True, kw_only=True, slots=True)
class Acknowledgement:
    """Result of a person's message: show it as a reaction where the platform has them, and `text` if it is not empty.

    `sign`: `taken`, the message counts; `late`, it came after the end; `refused`, it is not a valid answer, or not permitted;
    `passed`, the person declined or delegated. `message` is the id of the person's message.

    `taken_as` repeats how the words were understood and until when they can be changed. Only a platform that shows it to the
    author alone, without another message, should show it.
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
    """A message on the platform: its id, the thread that it opened or is in, and its time by the platform's clock, in seconds."""

    message: str
    thread: str | None
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundPost:
    """One post to deliver. `key` is the same in every attempt; `replaces` is the message to edit instead of posting a new one."""

    key: str
    place: Place
    post: Post
    replaces: PostedMessage | None = None
    since: float = 0.0
    """Seconds since the epoch. No attempt was made earlier: `find_sent` need not search further back."""
    link: Link | None = None
    """The message that a note is about, in words that lead to it where the platform has links to messages."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows to read. A column with an empty name needs no heading.

    `cards` runs parallel to `rows`: the open question of a row that waits for the reader. A platform with controls may show that
    card in place of the row, so that it can be answered there.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | Link, ...], ...]
    title: str = ""
    cards: tuple[QuestionCard | None, ...] = ()
    commands: bool = False
    """The first column holds commands as they are typed. All other cells may hold people's words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmation:
    """The command to run if the person confirms, and the label of the button that confirms.

    `thread`: the thread in which the words were written that the command comes from. `attachments` are the files beside them.
    """

    label: str
    name: str
    text: str
    options: tuple[tuple[str, str], ...] = ()
    thread: ThreadPosition | None = None
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PrivateReply:
    """A reply to the author of a command or a click, private where the platform can. Neither stored nor repeated.

    `place` is the channel that the reply is about, if it is another one than the channel of the command.
    """

    text: str
    tables: tuple[Table, ...] = ()
    tone: Literal["plain", "good", "warning"] = "plain"
    confirm: Confirmation | None = None
    place: Place | None = None
    alternative: Confirmation | None = None
    """Another command that the person may select in place of that of `confirm`."""
