"""What `townhall.toml` says about teams, people and rules, as checked values. A run keeps a copy of its team in its log."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.duration import Duration, bounded, bounded_duration
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.common.quiet_hours import QuietHours
from orchestrator_bridge.common.validation import explain_validation
from orchestrator_bridge.model.parameters import PARAMETERS

ToolName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}(?:\..+)?$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Fallback = Literal["default_option", "agents", "judge", "assume", "fail"]
FALLBACK_TIMEOUTS: dict[Fallback, float] = {"agents": 120.0, "judge": 60.0}
"""The fallbacks that take time, and how many seconds they have unless the team file says otherwise."""


def _one_or_several(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


def _step(given: Any) -> Any:
    return {"use": given} if isinstance(given, str) else given


Names = Annotated[tuple[str, ...], BeforeValidator(_one_or_several), Field(min_length=1)]
"""Names of people, roles and agents; one of them may be written without brackets."""


DAY, YEAR = 86_400, 31_536_000
"""Seconds. What is longer than these is a slip of the finger."""


class AgentSpec(Value):
    """One agent: its name, its model, and who it is in a sentence or two.

    The rest is how its model is asked to answer; what is left out is the provider's own default. Not every model takes every one.
    """

    name: Name
    model: Annotated[str, Field(min_length=1, max_length=200)]
    backup: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The model that takes over for the rest of a run when `model` cannot be called."""
    persona: Annotated[str, Field(max_length=4000)] = ""
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    """How much a reasoning model thinks."""
    max_output: Annotated[int, Field(ge=1)] | None = None
    """Tokens of one response at most, what the model thinks included."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    stop: Annotated[tuple[str, ...], Field(min_length=1, max_length=4)] | None = None
    seed: int | None = None
    tools: tuple[ToolName, ...] = ()
    """Tool servers (`files`) and tools of them (`files.read_file`) that it has beside those of its team."""

    @property
    def parameters(self) -> dict[str, Any]:
        """How its model is asked to answer, as far as that is set, by the names here."""
        return {name: value for name in PARAMETERS if (value := getattr(self, name)) is not None}

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that it may work with, its own first."""
        return (self.model, self.backup) if self.backup else (self.model,)


class FallbackStep(Value):
    """One fallback of the chain; written as its name alone where it needs no time of its own. `within` in seconds."""

    use: Fallback
    within: Annotated[Duration, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _takes_time(self) -> Self:
        if self.within is not None and self.use not in FALLBACK_TIMEOUTS:
            raise ValueError(f"'within' beside {self.use!r}, which decides at once; expected it beside 'agents' or 'judge' only")
        return self

    @property
    def seconds(self) -> float:
        """How long it may take; 0 for what decides at once."""
        return FALLBACK_TIMEOUTS.get(self.use, 0.0) if self.within is None else self.within


Step = Annotated[FallbackStep, BeforeValidator(_step)]


class Escalation(Value):
    """Whom to ask too, so many seconds after posting, while there are not enough answers."""

    after: Annotated[Duration, Field(gt=0)]
    to: Names


class Policy(Value):
    """How a question is decided and what silence means. Times are in seconds, at urgency `normal`."""

    quorum: Literal["first", "majority", "all"] | Annotated[int, Field(ge=1, le=100)] = "first"
    peer_quorum: Literal["first", "majority", "all"] = "all"
    """The quorum where only agents are asked: each is called anyway, so all of them are heard."""
    decider: Annotated[str, Field(pattern=r"^@")] | None = None
    """Who has the last word: the question waits for it until its deadline, whoever else has answered."""
    responders: Annotated[str, Field(pattern=r"^(?:asked|anyone|role:.+)$")] = "asked"
    settle_delay: Annotated[Duration, bounded_duration(0, DAY)] = 5.0
    remind_after: Annotated[Duration, bounded_duration(0, YEAR)] = 600.0
    escalate: tuple[Escalation, ...] = ()
    expire_after: Annotated[Duration, bounded_duration(1, YEAR)] = 1800.0
    extend_max: Annotated[Duration, bounded_duration(0, YEAR)] = 86400.0
    grace: Annotated[Duration, bounded_duration(0, DAY)] = 3.0
    """Expiry waits this long and reads the thread once more, for replies that were in time but slow to arrive."""
    asleep: Literal["wait", "next", "fall_back"] = "wait"
    """What becomes of a question to somebody whose quiet hours it is."""
    fallback: Annotated[tuple[Step, ...], Field(min_length=1)] = (FallbackStep(use="default_option"), FallbackStep(use="assume"))
    judge: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """The model that judges; none: the model of the agent that asked."""
    direct: bool = False
    """Whether those asked also get a copy as a direct message."""

    @model_validator(mode="after")
    def _ends(self) -> Self:
        last = self.fallback[-1].use
        if last not in ("assume", "fail"):
            raise ValueError(f"'fallback' ends with {last!r}, which cannot always decide; expected 'assume' or 'fail' at its end")
        return self

    @model_validator(mode="after")
    def _escalates_in_time(self) -> Self:
        late = next((step for step in self.escalate if step.after >= self.expire_after), None)
        if late is not None:
            raise ValueError(
                f"'escalate' after {late.after:g} s, when the question has expired; "
                f"expected less than 'expire_after' ({self.expire_after:g} s)"
            )
        return self


class Bounds(Value):
    """What ends a run that does not converge. Money is in US dollars, times in seconds."""

    answers: Annotated[int, bounded(1, 100)] = 3
    calls: Annotated[int, bounded(1, 100_000)] = 60
    tokens: Annotated[int, bounded(1, 100_000_000_000)] = 2_000_000
    money: Annotated[Decimal, bounded(0.01, 1_000_000)] = Decimal("2.00")
    wall: Annotated[Duration, bounded_duration(1, YEAR)] = 1800.0
    straggler_after: Annotated[Duration, bounded_duration(0, YEAR)] = 120.0
    call_timeout: Annotated[Duration, bounded_duration(1, DAY)] = 300.0
    tries: Annotated[int, bounded(1, 20)] = 6
    """How often a call is tried while its provider has trouble, the first time included."""
    tool_calls: Annotated[int, Field(ge=0)] = 100
    """Uses of the team's own tools in a run, by all agents together."""
    tool_calls_per_agent: Annotated[int, Field(ge=0)] = 40


class Limits(Value):
    """How much people are asked. Over a limit an agent is told so at once, and goes by its assumption."""

    per_agent: Annotated[int, bounded(0, 1_000)] = 3
    per_run: Annotated[int, bounded(0, 1_000)] = 8
    open_per_agent: Annotated[int, Field(ge=1)] = 3
    open_per_run: Annotated[int, Field(ge=1)] = 8
    open_per_person: Annotated[int, Field(ge=1)] = 3
    open_per_channel: Annotated[int, Field(ge=1)] = 10


class RoutingRule(Value):
    """Whom a question goes to that names nobody, where one of `words` is in it, and one of `agents` asks. One may be left out."""

    words: Annotated[tuple[Annotated[str, Field(min_length=2, max_length=80)], ...], BeforeValidator(_one_or_several)] = ()
    agents: Annotated[tuple[str, ...], BeforeValidator(_one_or_several)] = ()
    to: Names

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        if not self.words and not self.agents:
            raise ValueError("a route for every question; expected 'words' or 'agents' (whom all ask is the team's 'ask')")
        return self


class ChannelRules(Value):
    """Rules of one channel (`C0123`, or `platform/C0123`): keys of the policy and of the limits that differ there."""

    channel: Annotated[str, Field(min_length=1)]
    policy: Mapping[str, Any] = {}
    limits: Mapping[str, Any] = {}

    def matches(self, place: Place) -> bool:
        """Whether this is the place's channel."""
        return self.channel in (place.channel, f"{place.platform}/{place.channel}")


class Team(Value):
    """The agents of a run, whom they ask, and by which rules."""

    name: Name = "default"
    about: str = ""
    agents: Annotated[tuple[AgentSpec, ...], Field(min_length=1, max_length=16)]
    ask: Annotated[tuple[str, ...], Field(min_length=1)] = ("humans",)
    routes: tuple[RoutingRule, ...] = ()
    tools: tuple[ToolName, ...] = ()
    """Tool servers and tools that all its agents have."""
    policy: Policy = Policy()
    bounds: Bounds = Bounds()
    limits: Limits = Limits()
    on_budget: Literal["stop", "ask"] = "stop"
    """What happens when a budget in US dollars is used up: the run ends, or those responsible are asked for more."""
    responsible: Annotated[tuple[str, ...], Field(min_length=1)] = ("humans",)
    """Who is asked for more money."""
    stream: bool = False
    """Whether people see the final text while it is written, on platforms that can show that."""
    channels: tuple[ChannelRules, ...] = ()

    @cached_property
    def tool_servers(self) -> tuple[str, ...]:
        """The tool servers that its agents have, each once."""
        names = (*self.tools, *(name for agent in self.agents for name in agent.tools))
        return tuple(dict.fromkeys(name.partition(".")[0] for name in names))

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that may be called in a run, each once."""
        judge = (self.policy.judge,) if self.policy.judge else ()
        return tuple(dict.fromkeys((*(model for agent in self.agents for model in agent.models), *judge)))

    def in_channel(self, place: Place) -> Team:
        """The team by the rules of the channel in which it is to work."""
        rules = next((rules for rules in self.channels if rules.matches(place)), None)
        return self if rules is None else self._by(rules)

    def _by(self, rules: ChannelRules) -> Team:
        policy = Policy.model_validate({**self.policy.model_dump(), **rules.policy})
        limits = Limits.model_validate({**self.limits.model_dump(), **rules.limits})
        return self.model_copy(update={"policy": policy, "limits": limits, "channels": ()})

    @model_validator(mode="after")
    def _rules_of_channels(self) -> Self:
        for rules in self.channels:
            try:
                self._by(rules)
            except ValidationError as error:
                raise ValueError(
                    f"rules for the channel {rules.channel!r} that do not fit ({explain_validation(error, limit=1)}); "
                    "expected keys of the policy and of the limits"
                ) from None
        return self

    @model_validator(mode="after")
    def _names(self) -> Self:
        names = [agent.name for agent in self.agents]
        repeated = [index for index, name in enumerate(names) if name in names[:index]]
        if repeated:  # raised at the second agent's name, so that its line is known
            message = f"a second agent called {names[repeated[0]]!r}; expected a name of its own for each agent"
            error = PydanticCustomError("value_error", "{error}", {"error": message})
            details = [InitErrorDetails(type=error, loc=("agents", repeated[0], "name"), input=names[repeated[0]])]
            raise ValidationError.from_exception_data(type(self).__name__, details)
        return self


class _WithPlatformIds(Value):
    """A value with an id on each platform, by the platform's name.

    In the team file an id is a key of its own, `slack = "U123"`. The names that are such keys come with the validation context as
    `platforms`, because the installed platforms are known to the bot only; without a context there is only `ids`.
    """

    ids: Mapping[str, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather_ids(cls, given: Any, info: ValidationInfo) -> Any:
        platforms = info.context.get("platforms", ()) if info.context else ()
        if not isinstance(given, dict) or not (found := {name: given[name] for name in platforms if name in given}):
            return given
        rest = {key: value for key, value in given.items() if key not in found}
        ids = rest.get("ids", {})
        return {**rest, "ids": {**ids, **found} if isinstance(ids, dict) else ids}


class PersonSpec(_WithPlatformIds):
    """A person: ids on platforms, time zone as in the tz database, and quiet hours."""

    time_zone: str | None = None
    quiet: QuietHours | None = None

    @model_validator(mode="after")
    def _where(self) -> Self:
        if self.quiet is not None and self.time_zone is None:
            raise ValueError("'quiet' without 'time_zone'; expected the zone too, such as time_zone = 'Europe/Berlin'")
        return self


class RoleSpec(_WithPlatformIds):
    """A group of people by name, or a group of a platform (a role, a user group) by its id there."""

    people: tuple[str, ...] = ()


class Permissions(Value):
    """Who may do what: names of people (`@alice`), roles (`role:backend`), channels (`channel:C0123`) or `anyone`."""

    start: tuple[str, ...] = ("anyone",)
    cancel: tuple[str, ...] = ("anyone",)
    pick: tuple[str, ...] = ("anyone",)
    answer: tuple[str, ...] = ()
    """Who may answer every question, beside those whom it asks."""
    extend: tuple[str, ...] = ()
    """Who may give every question more time, beside those whom it asks."""
