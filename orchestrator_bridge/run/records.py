"""What a transaction changes beside the log, as values. The store turns each into its SQL; nothing else writes."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from orchestrator_bridge.chat.inbound import ExternalAgent, Place
from orchestrator_bridge.chat.outbound import Post, PostedMessage
from orchestrator_bridge.model.interface import Usage

RunStatus = Literal["running", "finished", "failed", "cancelled"]
QuestionStatus = Literal["open", "answered", "fallen_back", "cancelled"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOpened:
    """A run begins. `by` is the person's name, `person` who that is; `at` in seconds since the epoch, as everywhere here."""

    run: int
    task: str
    team: str
    place: Place
    by: str
    at: float
    person: str = ""
    """The platform and the person's id there: `platform:42`."""
    outside: ExternalAgent | None = None
    """The agent outside through whom it came."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunClosed:
    """A run ended. `result` is its answer or the reason why there is none."""

    run: int
    status: RunStatus
    result: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RunBusy:
    """Whether a live run waits for something but people: only such a run is driven on when the process starts again."""

    run: int
    busy: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionOpened:
    """A question was asked. `fires_at`: when, by our clock, it must be looked at next; `asked` and `silence` (what happens when
    it expires) are in words; `people` are the ids of those asked; a role's is `platform:id`."""

    question: int
    run: int
    agent: str
    text: str
    asked: str
    fires_at: float
    at: float
    expires_at: float | None = None
    silence: str = ""
    people: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionUpdated:
    """The next time to look at an open question, and what else has changed of it since it was asked; None: nothing."""

    question: int
    fires_at: float
    asked: str | None = None
    expires_at: float | None = None
    silence: str | None = None
    people: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionClosed:
    """The compare-and-set: the question must still be open, else the whole transaction fails with `Conflict`."""

    question: int
    status: QuestionStatus
    line: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionMessageLinked:
    """A posted copy of a question: replies come from this message's thread, or answer this message."""

    question: int
    place: Place
    message: str
    thread: str | None
    posted_at: float
    noted_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RunMessageLinked:
    """The message and thread of a run: what is said there is guidance."""

    run: int
    place: Place
    message: str
    thread: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyStored:
    """A reply as it now stands; the same key again replaces it."""

    question: int
    key: str
    author: str
    name: str
    text: str
    choice: str | None
    late: bool
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyRemoved:
    """A reply was taken back."""

    question: int
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxEntry:
    """A post to be sent. `anchor` is the key of the post in whose thread it belongs, `replaces` of the post that it edits.

    The same key again with a higher `version` replaces the content and makes it unsent again; with the same or a lower one
    nothing happens. So a card's states share one key, and only the newest is worth sending. Lower `priority` goes first within a
    channel, then the order of first writing.
    """

    key: str
    run: int
    place: Place
    post: Post
    at: float
    question: int | None = None
    anchor: str | None = None
    replaces: str | None = None
    priority: int = 5
    version: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class PostSent:
    """A post arrived. `version` is that of the content which was sent: a newer content stays unsent."""

    key: str
    version: int
    posted: PostedMessage


@dataclass(frozen=True, kw_only=True, slots=True)
class PostFailed:
    """A post will never arrive."""

    key: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PostDropped:
    """A post that is not worth sending any more; nothing happens if it was sent."""

    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxEntryHandled:
    """What was heard has been dealt with, in this transaction. `why` is for those that changed nothing."""

    key: str
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallUsageRecorded:
    """One attempt of a call. `reserved` before, `booked` after, `unknown` where nobody knows if it was billed. US dollars.

    `expected`: the tokens that it was expected to take; the first row of an attempt says so, and when it began.
    """

    run: int
    action: str
    attempt: int
    agent: str
    model: str
    state: Literal["reserved", "booked", "failed", "unknown"]
    reserved: Decimal | None = None
    cost: Decimal | None = None
    served: str = ""
    usage: Usage | None = None
    expected: int = 0
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptTokensObserved:
    """A prompt's tokens as we counted them, by a tokenizer or `estimate`, and as its provider reported them."""

    model: str
    by: str
    counted: int
    reported: int
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobStored:
    """A picture that a person attached; `picture` names it by its content."""

    picture: str
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSelected:
    """Somebody picked a model for a channel: for all of it, for `team:NAME` or for `agent:NAME`. Empty: none any more."""

    place: Place
    scope: str
    model: str
    by: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetRaised:
    """People have granted US dollars beyond a day's budget: that of a channel, or (where it is empty) of all runs."""

    question: int
    channel: str
    amount: Decimal
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResultStored:
    """The whole result of a use of a tool, of which the agent was shown a part."""

    run: int
    use: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeDelivered:
    """An agent outside was given the outcome of its question; the first time counts."""

    question: int
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCreated:
    """A token for agents outside. `hash` is its SHA-256 in hex, `terms` JSON. A name that was withdrawn can be taken again."""

    name: str
    hash: str
    terms: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRevoked:
    """A token is good for nothing any more."""

    name: str
    at: float


Record = (
    RunOpened
    | RunClosed
    | RunBusy
    | QuestionOpened
    | QuestionUpdated
    | QuestionClosed
    | QuestionMessageLinked
    | RunMessageLinked
    | ReplyStored
    | ReplyRemoved
    | OutboxEntry
    | PostSent
    | PostFailed
    | PostDropped
    | InboxEntryHandled
    | CallUsageRecorded
    | BudgetRaised
    | BlobStored
    | PromptTokensObserved
    | ModelSelected
    | ToolResultStored
    | OutcomeDelivered
    | TokenCreated
    | TokenRevoked
)
