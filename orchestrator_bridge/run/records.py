"""Records of a transaction beside its events: changes of the store's tables, as values. The store writes them with the events."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from orchestrator_bridge.chat.inbound import ExternalAgent, Place
from orchestrator_bridge.chat.outbound import Post, PostedMessage
from orchestrator_bridge.model.interface import Usage
from orchestrator_bridge.question.decisions import Decision

RunStatus = Literal["running", "finished", "failed", "cancelled"]
QuestionStatus = Literal["open", "answered", "fallen_back", "cancelled"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunOpened:
    """A run begins. `by` is the requester's name. `at`, here and below, is in seconds since the epoch."""

    run: int
    task: str
    team: str
    place: Place
    by: str
    at: float
    person: str = ""
    """The platform and the person's id there: `platform:42`."""
    outside: ExternalAgent | None = None
    """The external agent (MCP client) that started it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunClosed:
    """A run ended. `result` is its answer, or the reason if there is none."""

    run: int
    status: RunStatus
    result: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RunBusy:
    """A live run starts or stops waiting for something other than people. After a restart only busy runs are driven on."""

    run: int
    busy: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionOpened:
    """A question was asked. `fires_at`: the next time, by our clock, at which something is due.

    `asked` (the people asked) and `silence` (the effect of expiry) are in words; `people`: ids of those asked, a role as
    `platform:id`.
    """

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
    """The next due time of an open question, and its changed columns; None: unchanged."""

    question: int
    fires_at: float
    asked: str | None = None
    expires_at: float | None = None
    silence: str | None = None
    people: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionClosed:
    """A question ended. It must still be open in the store, else the whole transaction fails with `Conflict`."""

    question: int
    status: QuestionStatus
    line: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionStored:
    """The outcome of a question as a decision of the team; a second one with its number changes nothing."""

    decision: Decision


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionSuperseded:
    """A decision is replaced by another one; the newest replacement counts.

    `by_people`: people decided the new one, or asked for this; otherwise it replaces decisions of agents alone.
    """

    decision: int
    by: int
    by_people: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionMessageLinked:
    """A posted card of a question: replies come from its thread, or answer this message."""

    question: int
    place: Place
    message: str
    thread: str | None
    posted_at: float
    noted_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class RunMessageLinked:
    """The card and thread of a run: messages there are guidance."""

    run: int
    place: Place
    message: str
    thread: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyStored:
    """A reply; the same key replaces it."""

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
    """A reply was withdrawn."""

    question: int
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboxEntry:
    """A post to send. `anchor`: key of the post in whose thread it belongs; `replaces`: key of the post that it edits.

    The same key with a higher `version` replaces the content and makes it unsent again; with the same or a lower one nothing
    changes. So the states of a card share one key, and only the newest is sent. Within a channel a lower `priority` is sent
    first, then the entry that was written first.
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
    """A post was sent. `version` is that of the sent content: a newer one stays unsent."""

    key: str
    version: int
    posted: PostedMessage


@dataclass(frozen=True, kw_only=True, slots=True)
class PostFailed:
    """A post can never be sent."""

    key: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PostDropped:
    """A post is no longer worth sending; nothing changes if it was sent."""

    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class InboxEntryHandled:
    """An inbox entry is handled by this transaction. `why`: the reason if it changed nothing."""

    key: str
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallUsageRecorded:
    """One attempt of a call: `reserved` when it starts, `booked` or `failed` after it, `unknown` if it may have been billed.

    Amounts in US dollars. `expected`: estimated tokens, in the first record of an attempt only. `cost_source`: where the cost
    comes from.
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
    cost_source: str = ""
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptTokensObserved:
    """Tokens of a prompt as Townhall counted them (`by`: a tokenizer or `estimate`) and as its provider reported them."""

    model: str
    by: str
    counted: int
    reported: int
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class BlobStored:
    """A picture from a person or a tool; `picture` is derived from its content."""

    picture: str
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSelected:
    """A person selected a model in a channel: for all of it, for `team:NAME` or for `agent:NAME`. Empty: selection removed."""

    place: Place
    scope: str
    model: str
    by: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetRaised:
    """People granted US dollars beyond a day's budget: that of a channel, or of all runs if `channel` is empty."""

    question: int
    channel: str
    amount: Decimal
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolResultStored:
    """The whole result of a tool use of which the agent was shown a part."""

    run: int
    use: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class OutcomeDelivered:
    """An external agent received the outcome of its question; the first time counts."""

    question: int
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCreated:
    """An access token for MCP clients. `hash`: SHA-256 in hex; `terms`: JSON. The name of a revoked token can be used again."""

    name: str
    hash: str
    terms: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRevoked:
    """An access token was revoked."""

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
    | DecisionStored
    | DecisionSuperseded
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
