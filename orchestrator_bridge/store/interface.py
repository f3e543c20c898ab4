"""The store protocols: `Lookups` to read, `Store` to write and to recover; their errors and views.

`store.sqlite` implements them. The contract suite in the tests defines what any implementation must do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Literal, Protocol

from orchestrator_bridge.chat.inbound import ExternalAgent, InboundEvent, MessageReceived, Place
from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.model.estimator import Ratio
from orchestrator_bridge.question.decisions import Decision, DecisionScope
from orchestrator_bridge.run.events import Event
from orchestrator_bridge.run.records import BudgetRaised, OutboxEntry, QuestionStatus, Record, RunStatus


class StoreError(TownhallError):
    """The store cannot do its work. The text says what was found, in which file, what is expected, and the fix.

    The subclasses are drawn in `orchestrator_bridge.common.errors`.
    """

    def __init__(self, found: str, expected: str = "", fix: str = "") -> None:
        text = found + (f"; expected {expected}" if expected else "")
        super().__init__(f"{text}. {fix}" if fix else text)
        self.found = found
        self.expected = expected
        self.fix = fix


class Conflict(StoreError):
    """The log has moved on, the question is closed, or the action has a response already: read again and decide anew."""


class InUse(StoreError):
    """Another process has the file open."""


class NotFound(StoreError):
    """There is no file to read."""


class Corrupted(StoreError):
    """The file is damaged, or not a database of Townhall."""


class SchemaTooOld(StoreError):
    """An older release wrote the file, and a look-up may not migrate it."""


class SchemaTooNew(StoreError):
    """A newer release wrote the file."""


class WriteFailed(StoreError):
    """The file is read-only, the disk is full, or has another fault. Acknowledged writes are safe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingPost:
    """A post that is not known to have arrived. `anchored` is the message whose thread it goes to, `replaced` the one that it
    edits."""

    outgoing: OutboxEntry
    anchored: PostedMessage | None = None
    replaced: PostedMessage | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenDeadline:
    """An open question and the time of its next check, by our clock."""

    question: int
    run: int
    fires_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The run, and the question if it is one's, to which a thread or message belongs."""

    run: int
    question: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """A run as listed. `cost` is the sum of its booked calls in US dollars, None if a part of it is unknown.

    `busy`: it is live and waits for something other than people.
    """

    run: int
    task: str
    team: str
    place: Place
    by: str
    status: RunStatus
    busy: bool
    result: str
    started_at: float
    ended_at: float | None
    calls: int
    tokens: int
    cost: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Viewer:
    """The person who asks for a list, by what they may see: the runs of `place` (None: of no channel as a whole), the runs that
    they started, and the questions that ask them. `engine.authority` decides it, as for single runs and questions.

    `persons` are the accounts of the person, each as in `RunOpened.person`; `asked_as` are the ids by which questions ask the
    viewer: the person's own and those of their roles.
    """

    place: Place | None
    persons: tuple[str, ...]
    asked_as: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionSummary:
    """A question as listed. `place` and `message` are those of its first posted card; replies are read in `place.thread`.

    `expires_at`, by our clock, is the time at which it ends if nobody answers; `silence` describes what happens then.
    """

    question: int
    run: int
    agent: str
    text: str
    asked: str
    status: QuestionStatus
    line: str
    asked_at: float
    fires_at: float
    closed_at: float | None
    place: Place | None
    message: str | None
    posted_at: float | None
    noted_at: float | None
    expires_at: float | None = None
    silence: str = ""
    people: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenQuestionAudience:
    """An open question, the channel of its run, and the ids of the people asked."""

    question: int
    run: int
    place: Place
    people: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CostLine:
    """Calls, tokens and cost of one agent and model in one run. `unknown` are US dollars reserved for calls without a known
    bill. `sources` say where the cost comes from. `origin` names a run that is not in the store, whose number is 0."""

    run: int
    agent: str
    model: str
    calls: int
    input: int
    output: int
    cached: int
    cost: Decimal | None
    unknown: Decimal
    sources: tuple[str, ...] = ()
    origin: str = ""


CostBy = Literal["call", "agent", "run", "channel", "person", "day", "model"]
"""The key by which costs are summed. `model` is the model that answered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """Calls, tokens and US dollars of one key (see `CostBy`). `name` is the key for people.

    `cost` is booked; `unknown` was reserved for calls whose bill is not known, or not yet. `complete` is False if some calls were
    answered by a model without a known price. `sources` say where the cost comes from.
    """

    key: str
    name: str
    calls: int
    input: int
    output: int
    cached: int
    cost: Decimal
    unknown: Decimal
    complete: bool
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRow:
    """One row of a run's log: its event, or the error for which it cannot be read."""

    seq: int
    event: Event | None = None
    fault: StoreError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnreadableLog:
    """A run with `rows` unreadable rows in its log; the first is at `seq`, with the error `fault`."""

    run: int
    seq: int
    fault: StoreError
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class StoreReport:
    """Result of a full check that found a sound database. `size` is in bytes; `unreadable` are runs with unreadable log rows."""

    size: int
    schema: int
    runs: int
    questions: int
    unsent: int
    stuck: int
    """Posts that have waited for more than 30 s."""
    unreadable: tuple[UnreadableLog, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCalibration:
    """The ratio of reported to counted tokens of a model's prompts. `by` is the tokenizer, or `estimate`."""

    model: str
    by: str
    ratio: Ratio


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSelection:
    """A model selected for a channel. `scope` is `channel`, `team:NAME` or `agent:NAME`."""

    place: Place
    scope: str
    model: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetCharge:
    """US dollars that one attempt of a call, or several, count against shared budgets. `key`: run, action and attempt.

    `open`: the amount is only reserved so far.
    """

    key: tuple[int, str, int]
    channel: str
    amount: Decimal
    at: float
    open: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RateSample:
    """One attempt of a call, sent at `at`. `model` is its name in the team file; `tokens` are input and output, as reported or
    else as expected."""

    model: str
    tokens: int
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredToken:
    """An access token of external agents. `hash` is its SHA-256, `terms` its scope as JSON; times are seconds since the epoch."""

    name: str
    hash: str
    terms: str
    made_at: float
    withdrawn_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenActivity:
    """Use of an access token: the numbers of its `open` questions; since a time, the number of questions `asked` and of `runs`
    started, and the `cost` of its calls in US dollars, reservations included."""

    open: tuple[int, ...] = ()
    asked: int = 0
    runs: int = 0
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalQuestionSummary:
    """A question of an external agent. `told`: its outcome was delivered to the agent."""

    question: int
    run: int
    text: str
    status: QuestionStatus
    told: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalRun:
    """A run that was started through an access token."""

    run: int
    outside: ExternalAgent
    place: Place
    team: str
    task: str
    status: RunStatus
    started_at: float


class Lookups(Protocol):
    """Queries, also for a process beside the one that writes. Every method raises `StoreError` if the store cannot be read."""

    async def log(self, run: int, after: int = 0) -> list[Event]:
        """Events of a run after a position, in order; empty if there is no such run.

        Raises:
            Corrupted: an event cannot be read.
            SchemaTooNew: a newer release wrote an event.
        """
        ...

    async def log_rows(self, run: int) -> list[LogRow]:
        """Rows of a run's log in order, with those that cannot be read, for which `log` raises."""
        ...

    async def runs(self, limit: int = 50, status: RunStatus | None = None, viewer: Viewer | None = None) -> list[RunSummary]:
        """Runs, newest first; with a viewer, those that the viewer may see."""
        ...

    async def questions(
        self, limit: int = 50, status: QuestionStatus | None = None, viewer: Viewer | None = None
    ) -> list[QuestionSummary]:
        """Questions, newest first; with a viewer, those that the viewer may see."""
        ...

    async def question(self, question: int, viewer: Viewer | None = None) -> QuestionSummary | None:
        """One question; None if there is none, or if the viewer may not see it."""
        ...

    async def decisions(self, words: str = "", limit: int = 20, scope: DecisionScope | None = None) -> list[Decision]:
        """Decisions that contain every one of these words, or a word that begins with it, in the question, the options, the
        outcome or the names of those who decided; all decisions without words. With a scope, those that it sees.

        Newest first; those that are superseded come after the others.
        """
        ...

    async def decision(self, number: int) -> Decision | None:
        """One decision by the number of its question; None if there is none."""
        ...

    async def similar_decisions(
        self, words: Sequence[str], scope: DecisionScope, since: float, limit: int = 50
    ) -> list[Decision]:
        """Candidates for `matching_decisions`: decisions since a time that agents may go by and that have at least two of these
        words, or words that begin with them from `LEAST_STEM` letters on. The most similar come first."""
        ...

    async def costs(self, run: int | None = None, viewer: Viewer | None = None) -> list[CostLine]:
        """Costs by run, agent and model, newest run first; with a viewer, those of the runs that the viewer may see."""
        ...

    async def token_calibrations(self) -> list[TokenCalibration]:
        """Calibrations of our token counts, by model."""
        ...

    async def picture(self, picture: str) -> bytes | None:
        """Content of a stored picture; None if there is none of this id."""
        ...

    async def model_selections(self) -> list[ModelSelection]:
        """Selected models of all channels."""
        ...

    async def tool_result(self, run: int, use: str) -> str | None:
        """Whole result of a tool call, if it was stored."""
        ...

    async def spending(
        self, by: CostBy, run: int | None = None, zone: tzinfo = UTC, viewer: Viewer | None = None
    ) -> list[Spending]:
        """Costs of all runs or of one, summed by a key; days are those of the time zone `zone`. With a viewer, only the runs that
        the viewer may see count.

        Newest first for calls, runs and days; highest cost first otherwise.
        """
        ...

    async def budget_charges(self, since: float) -> list[BudgetCharge]:
        """Charges against shared budgets since a time; those that are not open are summed by channel."""
        ...

    async def budget_grants(self, since: float) -> list[BudgetRaised]:
        """Grants beyond shared budgets since a time, oldest first."""
        ...

    async def rate_samples(self, since: float) -> list[RateSample]:
        """Calls that were sent after a time, oldest first."""
        ...

    async def tokens(self) -> list[StoredToken]:
        """Access tokens by name, with revoked ones."""
        ...

    async def token_activity(self, token: str, since: float) -> TokenActivity:
        """Use of an access token since a time."""
        ...

    async def external_questions(self, token: str, agent: str, place: Place, since: float) -> list[ExternalQuestionSummary]:
        """Questions of an external agent in a place since a time, newest first."""
        ...

    async def external_runs(self, token: str, since: float) -> list[ExternalRun]:
        """Runs started through a token since a time, newest first; without the runs that hold an agent's questions."""
        ...

    async def close(self) -> None:
        """Close the file."""
        ...


class Store(Lookups, Protocol):
    """All writes, and the queries that a start needs for recovery."""

    async def append(self, *, run: int = 0, after: int = 0, events: Sequence[Event] = (), rows: Sequence[Record] = ()) -> None:
        """Write events after position `after` of a run's log, and rows, in one durable transaction.

        With a `run`, its log must end at `after` (0: it is empty), even if there is no event; without one, no log is checked.
        Returns when the transaction is on disk. Transactions that wait at the same time may be committed as one group; each
        succeeds or fails by itself. If the caller is cancelled while it waits, the transaction is written as a whole or not at
        all.

        Raises:
            Conflict: the log does not end at `after`, a question to close is not open, or the action has a response already.
            WriteFailed: the disk cannot be written; nothing of it was stored.
        """
        ...

    async def receive(self, inbound: InboundEvent, at: float) -> InboundEvent | None:
        """Store an inbound event durably. Returns it as it will be read back, or None if its key is known already.

        Platforms may send text that no database accepts, such as lone surrogates, even in names and ids.
        """
        ...

    async def confirm_owned(self, max_age: float = 0.0) -> None:
        """Check that this process still has the store, before an act that no transaction guards, such as a post.

        A confirmation that was asked for at most `max_age` seconds ago is enough. If asking takes so long that another process
        could have taken the store over meanwhile, because this one was suspended, the answer counts for nothing.

        Raises:
            InUse: another process has taken it over.
            WriteFailed: that is not known now.
        """
        ...

    async def wait_lost(self) -> None:
        """Wait until another process has taken the store over: nothing can be written any more then. It may never happen."""
        ...

    async def unhandled_events(self) -> list[InboundEvent]:
        """Inbound events that are not handled, in the order in which they arrived."""
        ...

    async def messages_in(self, place: Place) -> list[MessageReceived]:
        """Messages of a thread in any order: every version of each, without those that are known to be deleted."""
        ...

    async def pending_posts(self) -> list[PendingPost]:
        """Posts that are not known to have arrived, in the order in which they were first stored."""
        ...

    async def sent_post(self, key: str) -> PostedMessage | None:
        """Receipt of a post, of its newest content that arrived; None before that."""
        ...

    async def clock_offset(self, platform: str) -> float | None:
        """Lower bound of the seconds by which a platform's clock is behind ours, from its last posts; None if there are none.

        A post is stored (our clock) before it is posted (the platform's clock), so the post that waited least gives the best
        bound.
        """
        ...

    async def open_deadlines(self) -> list[OpenDeadline]:
        """Open questions with the times of their next checks, earliest first."""
        ...

    async def open_question_audiences(self) -> list[OpenQuestionAudience]:
        """Open questions with the people asked."""
        ...

    async def find_target(self, place: Place, message: str | None = None) -> Target | None:
        """Run or question of a message that is replied to, or else of a thread. The message is the more specific one."""
        ...

    async def highest_ids(self) -> tuple[int, int]:
        """Highest run number and highest question number; 0 if there is none."""
        ...

    async def external_question_runs(self) -> list[ExternalRun]:
        """Live runs that hold the questions of external agents."""
        ...

    async def busy_runs(self) -> list[int]:
        """Live runs that wait for something other than people, oldest first. A run is busy from `RunOpened` on."""
        ...
