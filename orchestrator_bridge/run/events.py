"""What can happen in a run. A run is nothing but these, in order; `apply` folds them.

Every event carries `at`, seconds since the epoch by our clock. Stored as JSON with the version of this catalogue; `upgrade`
lifts older versions, so that the logs of every release fold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Discriminator, TypeAdapter

from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.chat.inbound import Author, ExternalAgent, Group, Place
from orchestrator_bridge.model.interface import PromptCount, ProviderState, ToolCall, Usage
from orchestrator_bridge.question.model import Ask, Delivery, FallbackStage, Outcome, Question
from orchestrator_bridge.team.budgets import BudgetName
from orchestrator_bridge.team.directory import Mentioned, Responder
from orchestrator_bridge.team.team import Team
from orchestrator_bridge.tool.model import Tool

VERSION = 1

Purpose = Literal["work", "final", "peer", "judge"]
Bound = Literal["calls", "tokens", "money", "wall", "channel", "day"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted:
    """Somebody gave a task to a team. `place` is the channel; the run's thread opens there. `askable`: whom agents can ask.

    `notices`: what is to be known of the team's models before anything is paid. `outside`: the agent outside that asked for it.
    """

    at: float
    run: int
    task: str
    team: Team
    place: Place
    by: Author
    askable: tuple[str, ...] = ("humans", "agents")
    files: tuple[AttachmentContent, ...] = ()
    notices: tuple[str, ...] = ()
    outside: ExternalAgent | None = None
    event: Literal["run_started"] = "run_started"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resumed:
    """The process was started again: calls in flight are lost, and the time that it was down does not count."""

    at: float
    event: Literal["resumed"] = "resumed"


@dataclass(frozen=True, kw_only=True, slots=True)
class CallStarted:
    """A request is about to leave. `seen`: the log position of what its prompt shows; `reserved`: in US dollars.

    `tokens`: what it is expected to take, in and out. `left_out`: how many pieces of the conversation did not fit into the
    model's window.
    """

    at: float
    action: str
    attempt: int
    agent: str
    purpose: Purpose
    model: str
    seen: int
    reserved: Decimal | None = None
    tokens: int = 0
    left_out: int = 0
    question: int | None = None
    event: Literal["call_started"] = "call_started"


@dataclass(frozen=True, kw_only=True, slots=True)
class CallHeld:
    """A call cannot be started yet. `why` completes "waiting for …"; `until`: when it may go, None if nobody can tell."""

    at: float
    action: str
    attempt: int
    agent: str
    purpose: Purpose
    model: str
    why: str
    until: float | None = None
    question: int | None = None
    event: Literal["call_held"] = "call_held"


@dataclass(frozen=True, kw_only=True, slots=True)
class Responded:
    """A call brought a response. `consumed`: the positions of the guidance, late replies and outcomes that its prompt showed.

    `kept`: what the provider wants back with it, such as signed reasoning; shown to nobody. `counted`: how we had counted its
    prompt.
    `notice`: what is to be known of who answered, where it is not the model that was expected.
    """

    at: float
    action: str
    agent: str
    text: str
    tool_calls: tuple[ToolCall, ...]
    consumed: tuple[int, ...]
    usage: Usage
    served: str
    cost: Decimal | None
    kept: ProviderState | None = None
    counted: PromptCount | None = None
    notice: str = ""
    event: Literal["responded"] = "responded"


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFailed:
    """A call brought nothing. `retry_at`: when it is tried again, None: never. `billed`: whether it costs, None: unknown."""

    at: float
    action: str
    agent: str
    kind: str
    found: str
    advice: str
    retry_at: float | None
    billed: bool | None = False
    event: Literal["call_failed"] = "call_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class RetryDue:
    """A failed call may be tried again."""

    at: float
    action: str
    event: Literal["retry_due"] = "retry_due"


@dataclass(frozen=True, kw_only=True, slots=True)
class StragglerDue:
    """A call has been out for so long that nobody waits for it any more."""

    at: float
    action: str
    event: Literal["straggler_due"] = "straggler_due"


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundReached:
    """A bound of the run, or a budget that it shares, is used up: nothing new is started. `limit` of a budget in US dollars."""

    at: float
    bound: Bound
    limit: Decimal | None = None
    event: Literal["bound_reached"] = "bound_reached"


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetNeared:
    """Most of a budget is used up, in US dollars: booked, reserved and unknown together."""

    at: float
    budget: BudgetName
    limit: Decimal
    used: Decimal
    event: Literal["budget_neared"] = "budget_neared"


@dataclass(frozen=True, kw_only=True, slots=True)
class MoreAsked:
    """A budget is used up, and those responsible are asked for more: nothing new is started before they have answered."""

    at: float
    budget: BudgetName
    limit: Decimal
    question: Question
    event: Literal["more_asked"] = "more_asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupTaken:
    """An agent's model cannot be called: its backup takes over for the rest of the run."""

    at: float
    agent: str
    model: str
    reason: str
    event: Literal["backup_taken"] = "backup_taken"


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentRetired:
    """An agent is out of the run; its answers stay, its votes go."""

    at: float
    agent: str
    reason: str
    event: Literal["agent_retired"] = "agent_retired"


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestAsked:
    """An agent outside asks something, in a run that is made of its questions."""

    at: float
    action: str
    ask: Ask
    event: Literal["guest_asked"] = "guest_asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionAsked:
    """An agent's `ask_others` became a question."""

    at: float
    action: str
    question: Question
    event: Literal["question_asked"] = "question_asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionRefused:
    """An agent's `ask_others` did not become a question; it is told why."""

    at: float
    action: str
    reason: str
    event: Literal["question_refused"] = "question_refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionJoined:
    """An agent's `ask_others` is an open question already, or one that people have answered: it gets that one's outcome."""

    at: float
    action: str
    question: int
    wait: bool = True
    event: Literal["question_joined"] = "question_joined"


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedAgain:
    """A person wants a question that has ended to be asked again: `question` takes the place of number `of`."""

    at: float
    question: Question
    of: int
    by: Responder
    event: Literal["asked_again"] = "asked_again"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionPosted:
    """People can see the question: its times count from here."""

    at: float
    question: int
    delivery: Delivery
    event: Literal["question_posted"] = "question_posted"


@dataclass(frozen=True, kw_only=True, slots=True)
class CardLost:
    """Somebody deleted a question's card (`message`, by its id) while the question is open."""

    at: float
    question: int
    message: str
    event: Literal["card_lost"] = "card_lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Replied:
    """Somebody replied, or edited a reply, also somebody who may not answer. `sent_at` is the platform's time; `choice` an option
    that was clicked; `mentions` the people whom the words name."""

    at: float
    question: int
    author: Responder
    message: str
    text: str
    sent_at: float
    edit: str = ""
    choice: str | None = None
    mentions: tuple[Mentioned, ...] = ()
    event: Literal["replied"] = "replied"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unreplied:
    """A message with a reply was deleted."""

    at: float
    question: int
    message: str
    event: Literal["unreplied"] = "unreplied"


@dataclass(frozen=True, kw_only=True, slots=True)
class Passed:
    """Somebody who was asked said "not me" (`sent_at`: by the platform's clock), handed over (`to`), or cannot be reached any
    more (`gone`)."""

    at: float
    question: int
    responder: Responder
    sent_at: float = 0.0
    to: Mentioned | None = None
    gone: bool = False
    event: Literal["passed"] = "passed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Extended:
    """Somebody wants more time, in seconds. `key` tells wishes apart; `sent_at` is the platform's time."""

    at: float
    question: int
    by: Responder
    seconds: float
    key: str = ""
    sent_at: float = 0.0
    event: Literal["extended"] = "extended"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reminded:
    """Those who have not replied were reminded, except for those who are `asleep`, by id."""

    at: float
    question: int
    asleep: tuple[str, ...] = ()
    event: Literal["reminded"] = "reminded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Escalated:
    """The next step of the escalation was taken: these people are asked too. `to` are the names that the policy has."""

    at: float
    question: int
    to: tuple[str, ...]
    people: tuple[Mentioned, ...] = ()
    groups: tuple[Group, ...] = ()
    asleep: dict[str, float] = field(default_factory=dict)
    """Those of them who sleep, by id, and until when."""
    event: Literal["escalated"] = "escalated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rested:
    """Somebody to whom the question is about to be handed is not to be disturbed: by id, until when by our clock.

    Its times count from `starts_at` by our clock, where that is later than they do.
    """

    at: float
    question: int
    asleep: dict[str, float]
    starts_at: float
    event: Literal["rested"] = "rested"


@dataclass(frozen=True, kw_only=True, slots=True)
class Woken:
    """The quiet hours of these people, by id, are over."""

    at: float
    question: int
    people: tuple[str, ...]
    event: Literal["woken"] = "woken"


@dataclass(frozen=True, kw_only=True, slots=True)
class FallbackBegan:
    """A fallback that takes time is at work: the question is still open."""

    at: float
    question: int
    stage: FallbackStage
    event: Literal["fallback_began"] = "fallback_began"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionSettled:
    """The one end of a question."""

    at: float
    question: int
    outcome: Outcome
    event: Literal["question_settled"] = "question_settled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Guided:
    """A person told the agents something in the run's thread."""

    at: float
    message: str
    author: Author
    text: str
    files: tuple[AttachmentContent, ...] = ()
    event: Literal["guided"] = "guided"


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolsListed:
    """What a tool server of the team offers from now on; `trouble` says why it offers nothing."""

    at: float
    server: str
    tools: tuple[Tool, ...] = ()
    trouble: str = ""
    event: Literal["tools_listed"] = "tools_listed"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalAsked:
    """People are asked whether an agent may use a tool; the question's `action` is the use."""

    at: float
    question: Question
    event: Literal["approval_asked"] = "approval_asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolStarted:
    """An agent's tool of the team's own is about to be called. `action` is the use; `arguments` is JSON.

    `approved_by`: who of the people approved it, and in which question; empty where nobody had to be asked.
    """

    at: float
    action: str
    agent: str
    server: str
    tool: str
    arguments: str
    approved_by: str = ""
    event: Literal["tool_started"] = "tool_started"


ToolEnd = Literal["done", "failed", "not_called", "unknown"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolReturned:
    """What became of a use. `unknown`: nobody knows whether it had any effect. `whole`: characters that the store keeps of it."""

    at: float
    action: str
    agent: str
    text: str
    end: ToolEnd = "done"
    files: tuple[AttachmentContent, ...] = ()
    whole: int = 0
    event: Literal["tool_returned"] = "tool_returned"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFinished:
    """The run has its answer. `by` is the agent who wrote it; `how` one sentence on how it came about."""

    at: float
    text: str
    by: str
    how: str
    bound: Bound | None = None
    event: Literal["run_finished"] = "run_finished"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFailed:
    """The run ended without an answer."""

    at: float
    reason: str
    event: Literal["run_failed"] = "run_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCancelled:
    """A person ended the run."""

    at: float
    by: Author
    event: Literal["run_cancelled"] = "run_cancelled"


Event = (
    RunStarted
    | Resumed
    | CallHeld
    | CallStarted
    | Responded
    | CallFailed
    | RetryDue
    | StragglerDue
    | BoundReached
    | BudgetNeared
    | MoreAsked
    | BackupTaken
    | AgentRetired
    | GuestAsked
    | QuestionAsked
    | QuestionRefused
    | QuestionJoined
    | AskedAgain
    | QuestionPosted
    | CardLost
    | Replied
    | Unreplied
    | Passed
    | Extended
    | Reminded
    | Escalated
    | Rested
    | Woken
    | FallbackBegan
    | QuestionSettled
    | Guided
    | ToolsListed
    | ApprovalAsked
    | ToolStarted
    | ToolReturned
    | RunFinished
    | RunFailed
    | RunCancelled
)

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Discriminator("event")])


def dump(event: Event) -> bytes:
    """An event as JSON."""
    return _ADAPTER.dump_json(event, exclude_defaults=False)


def load(version: int, body: bytes | str) -> Event:
    """An event from the JSON of any release.

    Raises:
        ValueError: the version is newer than this release, or the body is not an event.
    """
    if version == VERSION:
        return _ADAPTER.validate_json(body)
    return _ADAPTER.validate_python(upgrade(version, _ANY.validate_json(body)), strict=False)


_ANY: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def upgrade(version: int, body: dict[str, Any]) -> dict[str, Any]:
    """Lift an older event to this release's shape.

    Raises:
        ValueError: there is no way from that version.
    """
    raise ValueError(f"event version {version} is unknown to this release, which writes version {VERSION}: use a newer Townhall")
