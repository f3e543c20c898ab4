"""The values of a question: what is asked, of whom, what was replied, how it ended."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from orchestrator_bridge.chat.inbound import LOCAL_USER, Author, Group, Place
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.team.directory import Mentioned, Responder
from orchestrator_bridge.team.team import Policy

Kind = Literal["text", "choice", "confirm", "number"]
"""What agents can ask for."""
AskKind = Kind | Literal["approval"]
"""An approval is ours alone to ask for: whether an agent may use a tool."""
Urgency = Literal["low", "normal", "high"]
URGENCY_SCALE: dict[Urgency, float] = {"low": 4.0, "normal": 1.0, "high": 1 / 3}
"""How `urgency` scales a policy's times."""


class Option(Value):
    """One option of a choice. `label` must fit a button. What else a model writes is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(min_length=1, max_length=40)]
    label: Annotated[str, Field(min_length=1, max_length=75)]
    description: Annotated[str, Field(max_length=300)] = ""
    recommended: bool = False


class Ask(Value):
    """What an agent passes to `ask_others`. What else it writes is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    question: Annotated[str, Field(min_length=1, max_length=500)]
    context: Annotated[str, Field(max_length=4000)] = ""
    kind: AskKind = "text"
    options: Annotated[tuple[Option, ...], Field(max_length=10)] = ()
    unit: Annotated[str, Field(max_length=20)] = ""
    """What a number counts: `GB`, `h`, `EUR`, `servers`."""
    min: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max: Annotated[float, Field(allow_inf_nan=False)] | None = None
    to: tuple[str, ...] = ()
    """Whom to ask: `humans`, `agents`, `@alice`, `role:backend`, `agent:skeptic`; empty: as the team says."""
    assumption: Annotated[str, Field(min_length=1, max_length=500)]
    urgency: Urgency = "normal"
    wait: bool = True

    @model_validator(mode="before")
    @classmethod
    def _normalise(cls, given: Any) -> Any:
        """Take what models write for what they mean: null is left out, one name is a list of one, options make a choice."""
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
    """One thing that one responder did, in one version: words typed, an option clicked (`choice`), or "not me" (`passed`).

    What a question has heard is kept as it came; all else follows from it, so that nothing depends on the order in which things
    arrived. `message` is the platform's id of the message or click; `edit` tells its versions apart and counts up or is a time
    (`""` < `"2"` < `"10"`). `mentions` are the people whom the words name. `at` is in seconds, by the platform's clock.
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
    """More time, wanted by somebody, in seconds. `key` tells one wish from another."""

    key: str
    seconds: float
    at: float


class Delegation(Value):
    """Somebody (their id) handed the question over to somebody else."""

    by: str
    to: Mentioned


class Subscriber(Value):
    """An agent that asked what was open already: its tool use, and whether it waits for the outcome."""

    agent: str
    action: str
    wait: bool


class Reply(Value):
    """What one responder said last. `key` names the newest message or click that it came by; `at` is that one's time, in seconds.

    `text` is all that was typed, in order of time; for a bare click it is the option's label. `choice` is the chosen option's
    id (`yes` or `no` for a confirm), `number` the number of a `number` question. `clicked`: the choice was clicked, and what was
    typed after it is a remark. `taken`: it can be taken as an answer. `late`: all of it came after the deadline, so it goes along
    but does not count.
    """

    key: str
    author: Responder
    text: str
    choice: str | None = None
    number: float | None = None
    clicked: bool = False
    taken: bool = True
    late: bool = False
    at: float
    parts: tuple[tuple[str, str, float], ...] = ()
    """The typed messages that make up this reply, in order: (message, text, time)."""


class Delivery(Value):
    """One posted copy. `posted_at` is by the platform's clock, `noted_at` by ours: their difference relates the two."""

    place: Place
    message: str
    posted_at: float
    noted_at: float


Status = Literal["answered", "fallen_back", "cancelled"]


class Outcome(Value):
    """How a question ended. `decided_by`: `human`, `agent`, `nobody`, or `fallback:` with the fallback's name.

    `why` is the reason for a fallback, or what people should know of the quorum; `given` what a fallback had to decide by.
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
    """What a judge makes of a question: a decision with its reason, or none (`decision` is empty) and why not."""

    decision: str = ""
    choice: str | None = None
    number: float | None = None
    reason: str = ""


class FallbackStage(Value):
    """The fallback that is at work: `step` is its place in the chain, `since` when it began, in seconds by the platform's clock.

    `agents` are those who are asked in the fallback of that name, `verdict` is the judge's.
    """

    step: int
    since: float
    why: str
    agents: tuple[str, ...] = ()
    verdict: JudgeVerdict | None = None


class Question(Value):
    """A question as its run knows it. Times are in seconds; `asked_at` by our clock.

    The policy's times are already scaled by the urgency. `asked` is fixed at posting; `groups` are those of it whose members
    nobody knows, `added` came in by escalation, `decider` has the last word. `heard`, `withdrawn` (deleted messages) and `wishes`
    for more time are what came in; `replies` (one a responder, in order of time), `passed` (who said "not me" and nothing since),
    `handed` and `extended` (the time granted beyond `expire_after`) follow from them and are kept beside them. `gone` are those
    who cannot be reached any more. `notes` are remarks for people on who is asked.
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
    """The ids of all whom the agent wanted asked, those spared or asleep too; empty: exactly those who are asked."""
    decider: Responder | None = None
    others: tuple[str, ...] = ()
    """Names of the agents that a fallback can ask."""
    here: tuple[str, ...] = ()
    """Those asked, by id, who are known to be in the channel: they need no copy of their own."""
    asleep: dict[str, float] = Field(default_factory=dict)
    """Those asked who are not to be disturbed yet, by id, and until when by our clock."""
    starts_at: float = 0.0
    """By our clock: its times count from here where that is after its posting, because those asked are asleep."""
    authors: dict[str, Author] = Field(default_factory=dict)
    """The people among those asked by their ids, as their platform knows them, for mentions."""
    notes: tuple[str, ...] = ()
    asked_at: float
    delivery: Delivery | None = None
    copied: tuple[Delivery, ...] = ()
    """Further posted copies, in direct messages or in place of a deleted card: what is said there counts as well."""
    lost: tuple[str, ...] = ()
    """Messages in the channel that were its card, and that somebody has deleted."""
    heard: tuple[Utterance, ...] = ()
    withdrawn: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    joined: tuple[Subscriber, ...] = ()
    """Who asked the same, and gets this one's outcome too."""
    again: int | None = None
    """The question in whose place a person wanted this one asked."""
    wishes: tuple[ExtensionRequest, ...] = ()
    added: tuple[Responder, ...] = ()
    welcome: tuple[str, ...] = ()
    """Roles that came in by escalation and whose members nobody knows: whoever holds one may answer."""
    replies: tuple[Reply, ...] = ()
    passed: frozenset[str] = frozenset()
    handed: tuple[Delegation, ...] = ()
    extended: float = 0.0
    reminded: int = 0
    escalated: int = 0
    """How many steps of the policy's escalation were taken."""
    stage: FallbackStage | None = None
    outcome: Outcome | None = None

    @property
    def open(self) -> bool:
        """Not settled yet."""
        return self.outcome is None

    @cached_property
    def all_asked(self) -> tuple[Responder, ...]:
        """All who were ever asked, each once: at posting, by escalation, by handing over, and for the last word."""
        last = (self.decider,) if self.decider else ()
        found: dict[str, Responder] = {}
        for one in (*self.asked, *(handed.to.who for handed in self.handed), *self.added, *last):
            found.setdefault(one.id, one)
        return tuple(found.values())

    @cached_property
    def peers(self) -> tuple[str, ...]:
        """Names of the agents asked, in a fallback too."""
        asked = (one.name for one in self.asked if one.kind == "agent")
        return tuple(dict.fromkeys((*asked, *(self.stage.agents if self.stage else ()))))

    @cached_property
    def humans(self) -> tuple[Responder, ...]:
        """The people asked."""
        return tuple(one for one in self.all_asked if one.kind == "human")

    def author(self, responder: str) -> Author | None:
        """The author by whom a platform knows somebody who was asked."""
        handed = {one.to.who.id: one.to.author for one in self.handed}
        return self.authors.get(responder) or handed.get(responder)

    @property
    def copy_recipients(self) -> tuple[Author, ...]:
        """The people who get, or have got, a copy as a direct message once the question is posted; who sleeps gets it later."""
        if not self.policy.direct or self.delivery is None:
            return ()
        sent = {one.place.channel for one in self.copied}
        people = ((self.author(one.id), one.id in self.asleep) for one in self.humans if one.id not in self.here)
        apart = ((author, asleep) for author, asleep in people if author and author.id != LOCAL_USER)
        return tuple(author for author, asleep in apart if not asleep or f"@{author.id}" in sent)


def to_platform_time(question: Question, at: float) -> float:
    """A time of our clock by the clock of the platform where the question stands."""
    delivery = question.delivery
    return at - (delivery.noted_at - delivery.posted_at) if delivery else at


def effective_start(question: Question) -> float:
    """From when its times count: its posting, or when enough of those asked have slept."""
    posted = question.delivery.posted_at if question.delivery else question.asked_at
    return max(posted, to_platform_time(question, question.starts_at))


def deadline(question: Question) -> float:
    """The last moment at which a reply counts, unless a fallback is still at work then."""
    return effective_start(question) + question.policy.expire_after + (question.extended if question.delivery else 0.0)


def expiry(question: Question) -> float:
    """When the question ends if nothing else ends it: with the grace for replies that are slow to arrive."""
    return deadline(question) + (question.policy.grace if question.delivery else 0.0)


def waiting_end(question: Question) -> float:
    """When waiting is over: the expiry, or the end of the time of the fallback that is at work."""
    if question.stage is None:
        return expiry(question)
    return question.stage.since + question.policy.fallback[question.stage.step].seconds
