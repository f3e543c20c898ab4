"""Values of a question: the ask, the people and agents asked, the replies, the outcome, and the times that follow from them.

The classes are stored in the event log: their field names must not change. Times are in seconds since the epoch.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from orchestrator_bridge.chat.inbound import LOCAL_USER, Author, Group, Place
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.team.directory import Mentioned, Responder
from orchestrator_bridge.team.team import Policy

Kind = Literal["text", "choice", "confirm", "number"]
"""Kinds of question that an agent can ask."""
AskKind = Kind | Literal["approval"]
"""An approval (may an agent call a tool?) is asked by the run itself, never by an agent."""
Urgency = Literal["low", "normal", "high"]
URGENCY_SCALE: dict[Urgency, float] = {"low": 4.0, "normal": 1.0, "high": 1 / 3}
"""Factor on the policy's reminder, escalation and expiry times."""


class Option(Value):
    """One option of a choice. `label` fits a button of any platform. Unknown keys of a model are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=40)]
    label: Annotated[str, Field(min_length=1, max_length=75)]
    description: Annotated[str, Field(max_length=300)] = ""
    recommended: bool = False


class Ask(Value):
    """Arguments of the tool `ask_others`. Unknown keys of a model are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    question: Annotated[str, Field(min_length=1, max_length=500)]
    context: Annotated[str, Field(max_length=4000)] = ""
    kind: AskKind = "text"
    options: Annotated[tuple[Option, ...], Field(max_length=10)] = ()
    unit: Annotated[str, Field(max_length=20)] = ""
    """Unit of a number: `GB`, `h`, `EUR`, `servers`."""
    min: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max: Annotated[float, Field(allow_inf_nan=False)] | None = None
    to: tuple[str, ...] = ()
    """Names to ask: `humans`, `agents`, `@alice`, `role:backend`, `agent:skeptic`; empty: the default of the team."""
    assumption: Annotated[str, Field(min_length=1, max_length=500)]
    urgency: Urgency = "normal"
    wait: bool = True
    settled_by: int | None = None
    """Number of an earlier decision, which was offered to the agent, that answers the question: nobody is asked."""
    refers_to: int | None = None
    """Number of an offered decision that the question is to replace."""

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, given: Any) -> Any:
        """Accept common spellings of models: null means absent, one name is a list of one, options imply a choice."""
        if not isinstance(given, dict):
            return given
        meant = {key: value for key, value in given.items() if value is not None}
        if isinstance(meant.get("to"), str):
            meant["to"] = tuple(name.strip() for name in meant["to"].split(",") if name.strip())
        if meant.get("options"):
            meant.setdefault("kind", "choice")
        elif {"unit", "min", "max"} & meant.keys():
            meant.setdefault("kind", "number")
        return meant

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        if self.kind == "choice" and len(self.options) < 2:
            raise ValueError(f"kind 'choice' needs 2 to 10 options, found {len(self.options)}")
        if self.kind not in ("choice", "approval") and self.options:
            raise ValueError(f"options go with kind 'choice' only, found kind {self.kind!r}")
        if self.kind != "number" and (self.unit or self.min is not None or self.max is not None):
            raise ValueError(f"'unit', 'min' and 'max' go with kind 'number' only, found kind {self.kind!r}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"'min' is {self.min:g} and 'max' is {self.max:g}; the smallest must not be above the largest")
        ids = [option.id for option in self.options]
        if len(set(ids)) < len(ids):
            raise ValueError("two options have the same id; give each an id of its own")
        labels = [option.label.casefold().strip() for option in self.options]
        if len(set(labels)) < len(labels):
            raise ValueError("two options have the same label; people could not tell them apart")
        return self


class Utterance(Value):
    """One version of one act of a responder: words typed, an option clicked (`choice`), or "Not me" (`passed`).

    A question keeps its utterances as they came and derives everything else from them, so that the order of arrival does not
    matter. `message` is the platform's id of the message or click; `edit` identifies the version and is a counter or a time
    (`""` < `"2"` < `"10"`). `mentions` are the people named in the words. `at` is by the platform's clock.
    """

    message: str
    author: Responder
    text: str = ""
    choice: str | None = None
    passed: bool = False
    mentions: tuple[Mentioned, ...] = ()
    edit: str = ""
    at: float


class ExtensionRequest(Value):
    """A request for more time, in seconds. `key` identifies the request across redeliveries."""

    key: str
    seconds: float
    at: float


class Delegation(Value):
    """A responder (`by`, an id) handed the question over to another person."""

    by: str
    to: Mentioned


class Subscriber(Value):
    """An agent that asked a duplicate of an open question: its tool use, and whether it waits for the outcome."""

    agent: str
    action: str
    wait: bool


class Reply(Value):
    """Current reply of one responder. `key` is the id of its newest message or click, `at` the time of that one.

    `text` is everything typed, oldest first; for a click without words, the option's label. `choice` is the id of the chosen
    option (`yes` or `no` for a confirm), `number` the number of a `number` question. `clicked`: the choice was clicked; words
    typed after it are a remark. `complete`: it was clicked, or its newest message is one clear answer and nothing else. `taken`:
    the reply is valid as an answer. `late`: all of it came after the deadline; it is reported but does not count.
    """

    key: str
    author: Responder
    text: str
    choice: str | None = None
    number: float | None = None
    clicked: bool = False
    complete: bool = False
    taken: bool = True
    late: bool = False
    at: float
    parts: tuple[tuple[str, str, float], ...] = ()
    """The typed messages of this reply, oldest first: (message id, text, time)."""


class Delivery(Value):
    """One posted card. `posted_at` is by the platform's clock, `noted_at` by ours; the difference converts between the two."""

    place: Place
    message: str
    posted_at: float
    noted_at: float
    url: str = ""
    """Web address of the card, where the platform has them."""


Status = Literal["answered", "fallen_back", "cancelled"]


class Outcome(Value):
    """The end of a question. `decided_by`: `human`, `agent`, `nobody`, `memory` (an earlier decision), or `fallback:` and the
    name of the fallback.

    `why` is the reason for a fallback or a remark on the quorum; `given` describes the replies that a fallback had.
    """

    status: Status
    decision: str
    choice: str | None = None
    number: float | None = None
    decided_by: str
    replies: tuple[Reply, ...] = ()
    why: str = ""
    given: str = ""
    at: float


class JudgeVerdict(Value):
    """Verdict of a judge: a decision with its reason, or an empty `decision` and the reason why there is none."""

    decision: str = ""
    choice: str | None = None
    number: float | None = None
    reason: str = ""


class FallbackStage(Value):
    """The fallback in progress: `step` is its index in the chain, `since` its start by the platform's clock.

    `agents` are the agents asked by the fallback `agents`; `verdict` is the result of the fallback `judge`.
    """

    step: int
    since: float
    why: str
    agents: tuple[str, ...] = ()
    verdict: JudgeVerdict | None = None


class Question(Value):
    """State of a question. `asked_at` is by our clock; the policy's times are already scaled by the urgency.

    Audience: `asked` is fixed at posting; `groups` are its groups with unknown members; `added` joined by escalation; `decider`
    has the last word; `gone` cannot be reached any more; `notes` are remarks for people on the audience.

    Inputs: `heard` (utterances), `withdrawn` (ids of deleted messages), `wishes` (requests for more time).

    Derived from the inputs by `transitions`, and stored with them: `replies` (one per responder, oldest first), `passed` (who
    said "Not me" and nothing since), `handed` (delegations), `extended` (seconds granted beyond `expire_after`).
    """

    id: int
    run: int
    agent: str
    action: str
    ask: Ask
    policy: Policy
    asked: tuple[Responder, ...]
    groups: tuple[Group, ...] = ()
    meant: tuple[str, ...] = ()
    """Ids of the whole intended audience, including people spared by limits or in quiet hours; empty: the same as `asked`."""
    decider: Responder | None = None
    others: tuple[str, ...] = ()
    """Names of the agents that the fallback `agents` can ask."""
    here: tuple[str, ...] = ()
    """Ids of the people asked who are known to be in the channel: they need no direct message."""
    asleep: dict[str, float] = Field(default_factory=dict)
    """People in their quiet hours: id -> their end by our clock."""
    starts_at: float = 0.0
    """By our clock: start of the question's times if later than its posting, because of quiet hours."""
    authors: dict[str, Author] = Field(default_factory=dict)
    """Platform authors of the people asked, by id, for mentions."""
    notes: tuple[str, ...] = ()
    asked_at: float
    delivery: Delivery | None = None
    copied: tuple[Delivery, ...] = ()
    """Further posted cards, in direct messages or in place of a deleted card: replies to them count as well."""
    lost: tuple[str, ...] = ()
    """Ids of deleted cards of the channel."""
    heard: tuple[Utterance, ...] = ()
    withdrawn: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    joined: tuple[Subscriber, ...] = ()
    """Agents that asked a duplicate and get this outcome too."""
    again: int | None = None
    """Number of the ended question that a person had asked again as this one."""
    supersedes: int | None = None
    """Number of the decision that the outcome replaces, if it is not that of a fallback."""
    shared_with: str = ""
    """Id of the server or workspace that shares the decision, if it was asked in a public channel; empty: its channel alone."""
    wishes: tuple[ExtensionRequest, ...] = ()
    added: tuple[Responder, ...] = ()
    welcome: tuple[str, ...] = ()
    """Roles with unknown members that joined by escalation: their holders may answer."""
    replies: tuple[Reply, ...] = ()
    passed: frozenset[str] = frozenset()
    handed: tuple[Delegation, ...] = ()
    extended: float = 0.0
    reminded: int = 0
    escalated: int = 0
    """Number of escalation steps taken."""
    stage: FallbackStage | None = None
    outcome: Outcome | None = None

    @property
    def open(self) -> bool:
        """True until the question has an outcome."""
        return self.outcome is None

    @cached_property
    def all_asked(self) -> tuple[Responder, ...]:
        """Everybody ever asked, each once: at posting, by delegation, by escalation, and the final decider."""
        last = (self.decider,) if self.decider else ()
        found: dict[str, Responder] = {}
        for responder in (*self.asked, *(delegation.to.who for delegation in self.handed), *self.added, *last):
            found.setdefault(responder.id, responder)
        return tuple(found.values())

    @cached_property
    def peers(self) -> tuple[str, ...]:
        """Names of the agents asked, including those of a fallback."""
        asked = (responder.name for responder in self.asked if responder.kind == "agent")
        return tuple(dict.fromkeys((*asked, *(self.stage.agents if self.stage else ()))))

    @cached_property
    def humans(self) -> tuple[Responder, ...]:
        """The people asked."""
        return tuple(responder for responder in self.all_asked if responder.kind == "human")

    def author(self, responder: str) -> Author | None:
        """Platform author of a person who was asked (an id), None if unknown."""
        handed = {delegation.to.who.id: delegation.to.author for delegation in self.handed}
        return self.authors.get(responder) or handed.get(responder)

    @property
    def copy_recipients(self) -> tuple[Author, ...]:
        """People who get a direct message with the card, after their quiet hours at the earliest, and those who have got one."""
        if not self.policy.direct or self.delivery is None:
            return ()
        sent = {delivery.place.channel for delivery in self.copied}
        elsewhere = (person for person in self.humans if person.id not in self.here)
        people = ((self.author(person.id), person.id in self.asleep) for person in elsewhere)
        reachable = ((author, asleep) for author, asleep in people if author and author.id != LOCAL_USER)
        return tuple(author for author, asleep in reachable if not asleep or f"@{author.id}" in sent)


def to_platform_time(question: Question, at: float) -> float:
    """Convert a time of our clock to the clock of the platform on which the question is posted."""
    delivery = question.delivery
    return at - (delivery.noted_at - delivery.posted_at) if delivery else at


def effective_start(question: Question) -> float:
    """Start of the question's times by the platform's clock: its posting, or the end of quiet hours if later."""
    posted = question.delivery.posted_at if question.delivery else question.asked_at
    return max(posted, to_platform_time(question, question.starts_at))


def deadline(question: Question) -> float:
    """Last moment at which a reply counts, unless a fallback is in progress then."""
    return effective_start(question) + question.policy.expire_after + (question.extended if question.delivery else 0.0)


def expiry(question: Question) -> float:
    """Time at which the question expires: the deadline, and the grace period for replies that arrive late."""
    return deadline(question) + (question.policy.grace if question.delivery else 0.0)


def waiting_end(question: Question) -> float:
    """End of the current wait: the expiry, or the end of the fallback in progress."""
    if question.stage is None:
        return expiry(question)
    return question.stage.since + question.policy.fallback[question.stage.step].seconds
