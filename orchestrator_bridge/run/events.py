"""Events of a run and their JSON. A run is the ordered log of its events; the reducer folds them to its state.

Every event has `at`, in seconds since the epoch by our clock, and a tag `event`. It is stored as JSON with the version of this
catalogue, and `upgrade` converts older versions, so that the logs of every release fold. Tags and field names never change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Discriminator, TypeAdapter

from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.chat.inbound import Author, ExternalAgent, Group, Place, ThreadPosition
from orchestrator_bridge.chat.thread_context import ThreadContext
from orchestrator_bridge.model.interface import PromptCount, ProviderState, ServerUse, ToolCall, Usage
from orchestrator_bridge.question.decisions import Decision
from orchestrator_bridge.question.model import Ask, Delivery, FallbackStage, Outcome, Question
from orchestrator_bridge.run.conversation import Continuation
from orchestrator_bridge.team.budgets import BudgetName
from orchestrator_bridge.team.directory import Mentioned, Responder
from orchestrator_bridge.team.team import Team
from orchestrator_bridge.tool.model import Tool

VERSION = 1

Purpose = Literal["work", "final", "peer", "judge"]
Bound = Literal["calls", "tokens", "money", "wall", "channel", "day"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RunStarted:
    """A person or an external agent gave a task to a team. `place`: the channel in which the run's thread opens.

    `model`: the model for every agent that was named for this run alone. `continues`: the conversation of which this run is the
    next turn.

    `askable`: names that agents can ask. `notices`: warnings about the team's models, shown before anything is paid. `outside`:
    the external agent (MCP client) that started the run. `thread`: the thread in which the task was given; it is read once,
    before the first call, which gives `ThreadRead`.
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
    thread: ThreadPosition | None = None
    model: str = ""
    continues: Continuation | None = None
    event: Literal["run_started"] = "run_started"


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadRead:
    """The thread in which the task was given was read, or could not be."""

    at: float
    context: ThreadContext
    event: Literal["thread_read"] = "thread_read"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resumed:
    """The process was restarted: calls under way are lost, and the time since the last event does not count."""

    at: float
    event: Literal["resumed"] = "resumed"


@dataclass(frozen=True, kw_only=True, slots=True)
class CallStarted:
    """A model call is about to start. `seen`: the log position up to which its prompt shows the run; `reserved`: US dollars.

    `tokens`: estimate, in and out. `left_out`: pieces of the conversation that did not fit into the model's context window.
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
    """A call cannot start yet. `why` completes "waiting for …"; `until`: the time at which it may start, None if unknown."""

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
    """A call returned a response. `consumed`: positions of the guidance, late replies and outcomes that its prompt showed.

    `served`: the model that answered. `cost`: US dollars, None if unknown. `kept`: state that goes back to the provider with the
    turn, such as signed reasoning; shown to nobody. `counted`: our count of the prompt. `notice`: a warning for people if another
    model than expected answered. `cut`: the output limit broke the response off. `cost_source`: where the cost comes from, the
    provider's own bill or a price list. `server_uses`: tools that the provider ran.
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
    cut: bool = False
    cost_source: str = ""
    server_uses: tuple[ServerUse, ...] = ()
    event: Literal["responded"] = "responded"


@dataclass(frozen=True, kw_only=True, slots=True)
class CallFailed:
    """A call failed. `retry_at`: time of the next try, None if there is none. `billed`: None if nobody knows."""

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
    """A call has been under way for so long that other agents no longer wait for it."""

    at: float
    action: str
    event: Literal["straggler_due"] = "straggler_due"


@dataclass(frozen=True, kw_only=True, slots=True)
class BoundReached:
    """A bound of the run or a budget is used up: nothing new is started. `limit`: of a budget, in US dollars."""

    at: float
    bound: Bound
    limit: Decimal | None = None
    event: Literal["bound_reached"] = "bound_reached"


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetNeared:
    """Most of a budget is used up. `used`: booked, reserved and unknown together, in US dollars."""

    at: float
    budget: BudgetName
    limit: Decimal
    used: Decimal
    event: Literal["budget_neared"] = "budget_neared"


@dataclass(frozen=True, kw_only=True, slots=True)
class MoreAsked:
    """A budget is used up, and the responsible people are asked for more: nothing new is started before they have answered."""

    at: float
    budget: BudgetName
    limit: Decimal
    question: Question
    event: Literal["more_asked"] = "more_asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class BackupTaken:
    """An agent's model cannot be called: its backup model is used for the rest of the run."""

    at: float
    agent: str
    model: str
    reason: str
    event: Literal["backup_taken"] = "backup_taken"


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentRetired:
    """An agent is out of the run: its answers stay, its vote no longer counts."""

    at: float
    agent: str
    reason: str
    event: Literal["agent_retired"] = "agent_retired"


@dataclass(frozen=True, kw_only=True, slots=True)
class GuestAsked:
    """An external agent asks something, in a run that consists of its questions."""

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
    """An agent's `ask_others` did not become a question, for this reason."""

    at: float
    action: str
    reason: str
    event: Literal["question_refused"] = "question_refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionJoined:
    """An agent's `ask_others` repeats an open question, or one that people have answered: the agent gets that one's outcome."""

    at: float
    action: str
    question: int
    wait: bool = True
    event: Literal["question_joined"] = "question_joined"


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionsOffered:
    """An agent's `ask_others` was not asked yet, because earlier decisions resemble it: the agent is shown them."""

    at: float
    action: str
    decisions: tuple[Decision, ...]
    event: Literal["decisions_offered"] = "decisions_offered"


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionUsed:
    """An agent goes by an earlier decision instead of asking. `question` has its outcome already and is not posted."""

    at: float
    action: str
    question: Question
    decision: Decision
    event: Literal["decision_used"] = "decision_used"


@dataclass(frozen=True, kw_only=True, slots=True)
class AskedAgain:
    """A person had an ended question asked again: `question` replaces number `of`."""

    at: float
    question: Question
    of: int
    by: Responder
    event: Literal["asked_again"] = "asked_again"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionPosted:
    """A question's card is posted: its times start."""

    at: float
    question: int
    delivery: Delivery
    event: Literal["question_posted"] = "question_posted"


@dataclass(frozen=True, kw_only=True, slots=True)
class CardLost:
    """The card (`message`, an id) of an open question was deleted."""

    at: float
    question: int
    message: str
    event: Literal["card_lost"] = "card_lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Replied:
    """Somebody replied or edited a reply, including people who may not answer.

    `sent_at`: by the platform's clock. `choice`: the option that was clicked. `mentions`: the people whom the text names.
    """

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
    """A person asked declined, handed the question over (`to`), or can no longer be reached (`gone`).

    `sent_at`: by the platform's clock. `why`: how a person came to be gone, as a clause after their name; empty where nobody
    can reply at all.
    """

    at: float
    question: int
    responder: Responder
    sent_at: float = 0.0
    to: Mentioned | None = None
    gone: bool = False
    why: str = ""
    event: Literal["passed"] = "passed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Extended:
    """A person extends a question by `seconds`. `key` identifies the request; `sent_at`: by the platform's clock."""

    at: float
    question: int
    by: Responder
    seconds: float
    key: str = ""
    sent_at: float = 0.0
    event: Literal["extended"] = "extended"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reminded:
    """The people who have not replied were reminded, except those with quiet hours (`asleep`, ids)."""

    at: float
    question: int
    asleep: tuple[str, ...] = ()
    event: Literal["reminded"] = "reminded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Escalated:
    """The next escalation step was taken: these people are asked too. `to`: their names in the policy."""

    at: float
    question: int
    to: tuple[str, ...]
    people: tuple[Mentioned, ...] = ()
    groups: tuple[Group, ...] = ()
    asleep: dict[str, float] = field(default_factory=dict)
    """End of quiet hours, by our clock, of those who have them now, by id."""
    event: Literal["escalated"] = "escalated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rested:
    """A person to whom the question is about to be handed over has quiet hours. `asleep`: their end by our clock, by id.

    The times of the question start at `starts_at` by our clock, if that is later than they would.
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
    """A fallback that takes time has begun; the question is still open."""

    at: float
    question: int
    stage: FallbackStage
    event: Literal["fallback_began"] = "fallback_began"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuestionSettled:
    """A question has its outcome. Every question has one such event.

    `similar`: the numbers of questions whose outcomes the agent is shown beside this one. None in a log from before this field:
    they are all those that resemble it, which the reducer has to find.
    """

    at: float
    question: int
    outcome: Outcome
    similar: tuple[int, ...] | None = None
    event: Literal["question_settled"] = "question_settled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Guided:
    """A person wrote guidance for the agents in the run's thread."""

    at: float
    message: str
    author: Author
    text: str
    files: tuple[AttachmentContent, ...] = ()
    event: Literal["guided"] = "guided"


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolsListed:
    """The tools that a server offers from now on; `trouble` is the reason if it offers none."""

    at: float
    server: str
    tools: tuple[Tool, ...] = ()
    trouble: str = ""
    event: Literal["tools_listed"] = "tools_listed"


@dataclass(frozen=True, kw_only=True, slots=True)
class ApprovalAsked:
    """People are asked to approve a tool use; the question's `action` is the use."""

    at: float
    question: Question
    event: Literal["approval_asked"] = "approval_asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolStarted:
    """A tool is about to be called. `action` is the use; `arguments` is JSON.

    `approved_by`: the person who approved it and the question in which; empty if no approval was needed.
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
    """A tool use has its result. `unknown`: it may have had an effect. `whole`: characters of a result that was cut."""

    at: float
    action: str
    agent: str
    text: str
    end: ToolEnd = "done"
    files: tuple[AttachmentContent, ...] = ()
    whole: int = 0
    event: Literal["tool_returned"] = "tool_returned"


@dataclass(frozen=True, kw_only=True, slots=True)
class FinishAsked:
    """A person wants the best answer so far: nothing new is begun. Without an answer, each agent gets one last call."""

    at: float
    by: Author
    event: Literal["finish_asked"] = "finish_asked"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFinished:
    """The run has its answer. `by`: the agent who wrote it; `how`: one sentence on how it came about; `early`: the name of the
    person who wanted the best answer so far, if one did."""

    at: float
    text: str
    by: str
    how: str
    bound: Bound | None = None
    early: str = ""
    event: Literal["run_finished"] = "run_finished"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunFailed:
    """The run ended without an answer."""

    at: float
    reason: str
    event: Literal["run_failed"] = "run_failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunCancelled:
    """A person cancelled the run."""

    at: float
    by: Author
    event: Literal["run_cancelled"] = "run_cancelled"


Event = (
    RunStarted
    | ThreadRead
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
    | DecisionsOffered
    | DecisionUsed
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
    | FinishAsked
    | RunFinished
    | RunFailed
    | RunCancelled
)

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Discriminator("event")])
_OBJECT: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def dump(event: Event) -> bytes:
    """Serialise an event as JSON."""
    return _ADAPTER.dump_json(event, exclude_defaults=False)


def load(version: int, body: bytes | str) -> Event:
    """Parse an event of any release.

    Raises:
        ValueError: the version is newer than this release, or the body is not an event.
    """
    # The usual case parses the JSON once, in Rust; only older versions take the detour over a dict.
    if version == VERSION:
        return _ADAPTER.validate_json(body)
    return _ADAPTER.validate_python(upgrade(version, _OBJECT.validate_json(body)), strict=False)


def upgrade(version: int, body: dict[str, Any]) -> dict[str, Any]:
    """Convert an event of an older version to this release's.

    Raises:
        ValueError: the version is unknown.
    """
    raise ValueError(f"found: event version {version}; expected: at most {VERSION}; fix: use a newer Townhall")
