"""The store as the bridge needs it. SQLite is the one implementation; the contract suite says what another must do."""

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
from orchestrator_bridge.run.events import Event
from orchestrator_bridge.run.records import BudgetRaised, OutboxEntry, QuestionStatus, Record, RunStatus


class StoreError(TownhallError):
    """The store cannot do its work. The text says what was found, in which file, what is expected, and the fix.

    The subclasses are drawn in `orchestrator_bridge.common.errors`.
    """

    def __init__(self, found: str, expected: str = "", fix: str = "") -> None:
        told = found + (f"; expected {expected}" if expected else "")
        super().__init__(f"{told}. {fix}" if fix else told)
        self.found = found
        self.expected = expected
        self.fix = fix


class Conflict(StoreError):
    """The log has moved on, the question is closed, or the result is already there."""


class InUse(StoreError):
    """Another process has this file."""


class NotFound(StoreError):
    """There is no file to look things up in."""


class Corrupted(StoreError):
    """The file is no healthy database of ours."""


class SchemaTooOld(StoreError):
    """The file was written by an older release, and looking things up changes nothing in it."""


class SchemaTooNew(StoreError):
    """The file was written by a newer release."""


class WriteFailed(StoreError):
    """Read-only, no space left, or another fault of the disk. What was acknowledged is safe."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PendingPost:
    """A post that is not known to have arrived; `replaced` is what it edits, once that was sent."""

    outgoing: OutboxEntry
    anchored: PostedMessage | None = None
    replaced: PostedMessage | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenDeadline:
    """An open question and when, by our clock, it must be looked at."""

    question: int
    run: int
    fires_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What a place belongs to: a question's thread or message, or a run's."""

    run: int
    question: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunSummary:
    """A run at a glance. `cost` in US dollars of all that is booked, None if a part of it is unknown.

    `busy`: while it runs, something but people is awaited.
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
    """Who looks, and from where. Channels can be private: of other channels nothing is shown but what is hers or asks her.

    `person` is as in `RunOpened.person`; `asked_as` are the ids by which questions ask her, her own and those of her roles.
    """

    place: Place
    person: str
    asked_as: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionSummary:
    """A question at a glance. `place` and `message` are of its first posted copy; `place.thread` is where replies are read.

    `expires_at`, by our clock, is when it ends if nobody answers; `silence` says what happens then.
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
    """An open question, the channel of its run, and the ids of the people whom it asks."""

    question: int
    run: int
    place: Place
    people: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class CostLine:
    """What one agent's model has cost in one run: booked, reserved or unknown dollars, and tokens."""

    run: int
    agent: str
    model: str
    calls: int
    input: int
    output: int
    cached: int
    cost: Decimal | None
    unknown: Decimal


CostBy = Literal["call", "agent", "run", "channel", "person", "day", "model"]
"""What the costs of calls are summed by; a model is the one that answered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spending:
    """What calls with something in common have cost, in US dollars and tokens. `key` tells them apart, `name` is for people.

    `cost` is what is booked; `unknown` what was reserved for calls whose bill nobody knows, or not yet. Not `complete`: some
    calls were answered by a model without a known price.
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


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRow:
    """One row of a run's log: its event, or the fault because of which it cannot be read."""

    seq: int
    event: Event | None = None
    fault: StoreError | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnreadableLog:
    """A run in whose log `rows` rows cannot be read; the first of them is at `seq`, because of `fault`."""

    run: int
    seq: int
    fault: StoreError
    rows: int


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCalibration:
    """How far our counts of a model's prompts are from what its provider reports; `by` a tokenizer or `estimate`."""

    model: str
    by: str
    ratio: Ratio


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSelection:
    """A model that somebody picked for a channel: `scope` is `channel`, `team:NAME` or `agent:NAME`."""

    place: Place
    scope: str
    model: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetCharge:
    """What one attempt of a call, or several, count against shared budgets, in US dollars. `key`: run, action and attempt.

    `open`: it is only reserved so far.
    """

    key: tuple[int, str, int]
    channel: str
    amount: Decimal
    at: float
    open: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RateSample:
    """One attempt of a call that was sent `at` some time: the model by its name here, and its tokens in and out, as they were
    reported or else expected."""

    model: str
    tokens: int
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredToken:
    """A token for agents outside, of which only the SHA-256 is known. `terms` is JSON; times are seconds since the epoch."""

    name: str
    hash: str
    terms: str
    made_at: float
    withdrawn_at: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenActivity:
    """What came through a token: the numbers of its `open` questions; since a moment the questions `asked`, the `runs` started,
    and what its calls have `cost` or may yet cost, in US dollars."""

    open: tuple[int, ...] = ()
    asked: int = 0
    runs: int = 0
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalQuestionSummary:
    """A question of an agent outside. `told`: that agent was given its outcome."""

    question: int
    run: int
    text: str
    status: QuestionStatus
    told: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ExternalRun:
    """A run that came through a token."""

    run: int
    outside: ExternalAgent
    place: Place
    team: str
    task: str
    status: RunStatus
    started_at: float


class Lookups(Protocol):
    """Reading, beside the one process that writes."""

    async def log(self, run: int, after: int = 0) -> list[Event]:
        """The events of a run behind a position, in order; empty if there is no such run."""
        ...

    async def log_rows(self, run: int) -> list[LogRow]:
        """Every row of a run's log in order, also those that cannot be read, for which `log` raises."""
        ...

    async def runs(self, limit: int = 50, status: RunStatus | None = None, viewer: Viewer | None = None) -> list[RunSummary]:
        """Runs, newest first; those that a viewer may see, where there is one."""
        ...

    async def questions(
        self, limit: int = 50, status: QuestionStatus | None = None, viewer: Viewer | None = None
    ) -> list[QuestionSummary]:
        """Questions, newest first; those that a viewer may see, where there is one."""
        ...

    async def question(self, question: int, viewer: Viewer | None = None) -> QuestionSummary | None:
        """One question; None also where there is a viewer who may not see it."""
        ...

    async def costs(self, run: int | None = None) -> list[CostLine]:
        """Costs per run, agent and model, newest run first."""
        ...

    async def token_calibrations(self) -> list[TokenCalibration]:
        """How far our counts of prompts are from what providers report, by model."""
        ...

    async def picture(self, picture: str) -> bytes | None:
        """A picture that was kept; None if there is none of this name."""
        ...

    async def model_selections(self) -> list[ModelSelection]:
        """The models that people picked and that hold, of all channels."""
        ...

    async def tool_result(self, run: int, use: str) -> str | None:
        """The whole result of a use of a tool, where it was kept."""
        ...

    async def spending(self, by: CostBy, run: int | None = None, zone: tzinfo = UTC) -> list[Spending]:
        """Costs by what calls have in common, of all runs or of one; days are those of `zone`."""
        ...

    async def budget_charges(self, since: float) -> list[BudgetCharge]:
        """What counts against shared budgets since a moment; what is settled is summed by channel."""
        ...

    async def budget_grants(self, since: float) -> list[BudgetRaised]:
        """What people have granted beyond shared budgets since a moment."""
        ...

    async def rate_samples(self, since: float) -> list[RateSample]:
        """The calls that were sent after a moment, in their order."""
        ...

    async def tokens(self) -> list[StoredToken]:
        """Every token for agents outside, by name, withdrawn ones too."""
        ...

    async def token_activity(self, token: str, since: float) -> TokenActivity:
        """What came through a token since a moment, and what of it is open."""
        ...

    async def external_questions(self, token: str, agent: str, place: Place, since: float) -> list[ExternalQuestionSummary]:
        """What an agent outside has asked in a place since a moment, newest first."""
        ...

    async def external_runs(self, token: str, since: float) -> list[ExternalRun]:
        """The runs that came through a token since a moment, newest first; not those of an agent's questions alone."""
        ...

    async def close(self) -> None:
        """Close the file."""
        ...


class Store(Lookups, Protocol):
    """The one door for changes, and what starting again needs to know."""

    async def append(self, *, run: int = 0, after: int = 0, events: Sequence[Event] = (), rows: Sequence[Record] = ()) -> None:
        """Write events behind position `after` of a run's log, and rows, in one durable transaction.

        With a `run` its log must end at `after` (0: it is empty), even if there is no event; without one, no log is looked at.
        Returns when it is on disk. Appends that wait at the same time are committed as one group; each stands or falls by itself.
        Whoever is cancelled while waiting leaves it undecided: it is written as a whole or not at all.

        Raises:
            Conflict: the log does not end at `after`, a question to close is not open, or the action has a response already.
            WriteFailed: the disk does not take it; nothing of it was written.
        """
        ...

    async def receive(self, inbound: InboundEvent, at: float) -> bool:
        """Keep what was heard, durably. False: it was known already, and nothing changed."""
        ...

    async def unhandled_events(self) -> list[InboundEvent]:
        """What was heard and not dealt with, in the order in which it came."""
        ...

    async def messages_in(self, place: Place) -> list[MessageReceived]:
        """What was said in a thread, every version of it, without the messages that are known to be deleted; in any order."""
        ...

    async def pending_posts(self) -> list[PendingPost]:
        """Posts not known to have arrived, in the order in which they were written."""
        ...

    async def sent_post(self, key: str) -> PostedMessage | None:
        """What became of a post."""
        ...

    async def clock_offset(self, platform: str) -> float | None:
        """How far a platform's clock is behind ours at least, in seconds, as its last posts tell; None if there were none.

        A post is written, by our clock, before it is posted, by the platform's; the one that waited least tells most.
        """
        ...

    async def open_deadlines(self) -> list[OpenDeadline]:
        """Every open question."""
        ...

    async def open_question_audiences(self) -> list[OpenQuestionAudience]:
        """Every open question, with those whom it asks."""
        ...

    async def find_target(self, place: Place, message: str | None = None) -> Target | None:
        """What a thread, or a message that is replied to, belongs to."""
        ...

    async def highest_ids(self) -> tuple[int, int]:
        """The highest run and the highest question number."""
        ...

    async def external_question_runs(self) -> list[ExternalRun]:
        """The runs of agents outside that are made of their questions alone and have not ended."""
        ...

    async def busy_runs(self) -> list[int]:
        """Runs that have not ended and wait for something but people, oldest first; a run is busy from `RunOpened` on."""
        ...
