"""Teams, people, roles and permissions of `townhall.toml`, as validated values.

A run stores a copy of its team in its event log. The field names are keys of the team file: both must not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, ValidationInfo, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.chat.thread_context import MAX_CONTEXT_MESSAGES
from orchestrator_bridge.common.duration import Duration, bounded, bounded_duration
from orchestrator_bridge.common.frozen import Value
from orchestrator_bridge.common.quiet_hours import Handover, QuietDay, QuietHours
from orchestrator_bridge.common.validation import Integer, Real, explain_validation
from orchestrator_bridge.model.interface import ServerTool
from orchestrator_bridge.model.parameters import PARAMETERS

ToolName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}(?:\..+)?$")]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Fallback = Literal["default_option", "agents", "judge", "assume", "fail"]
FALLBACK_TIMEOUTS: dict[Fallback, float] = {"agents": 120.0, "judge": 60.0}
"""Fallbacks that take time, and their default limits in seconds."""


def _as_tuple(given: Any) -> Any:
    return (given,) if isinstance(given, str) else given


def _as_step(given: Any) -> Any:
    return {"use": given} if isinstance(given, str) else given


Names = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
"""Names of people, roles and agents; a single name may be written without brackets."""


HOUR, DAY, YEAR = 3_600, 86_400, 31_536_000
"""Seconds. Upper bounds of durations: a longer one is a typing error."""


class AgentSpec(Value):
    """One agent: name, model, persona in a sentence or two, sampling parameters, and tools.

    A parameter that is not set has the provider's default. Not every model accepts every parameter.
    """

    name: Name
    model: Annotated[str, Field(min_length=1, max_length=200)]
    backup: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Model used for the rest of a run once `model` cannot be called."""
    persona: Annotated[str, Field(max_length=4000)] = ""
    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    """Reasoning effort."""
    max_output: Annotated[Integer, Field(ge=1)] | None = None
    """Most tokens of one response, reasoning included."""
    temperature: Annotated[Real, Field(ge=0, le=2)] | None = None
    top_p: Annotated[Real, Field(gt=0, le=1)] | None = None
    presence_penalty: Annotated[Real, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[Real, Field(ge=-2, le=2)] | None = None
    stop: Annotated[tuple[str, ...], Field(min_length=1, max_length=4)] | None = None
    seed: Integer | None = None
    tools: tuple[ToolName, ...] = ()
    """Tool servers (`files`) and single tools (`files.read_file`), in addition to those of the team."""
    server_tools: tuple[ServerTool, ...] = ()
    """Tools that the model's provider runs itself, in addition to those of the team."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Sampling parameters that are set, by field name."""
        return {name: value for name in PARAMETERS if (value := getattr(self, name)) is not None}

    @property
    def models(self) -> tuple[str, ...]:
        """Models of this agent: `model`, then `backup`."""
        return (self.model, self.backup) if self.backup else (self.model,)


class FallbackStep(Value):
    """One fallback of the chain. In the team file it may be written as its name alone. `within` limits its time, in seconds."""

    use: Fallback
    within: Annotated[Duration, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _check_time_limit(self) -> Self:
        if self.within is not None and self.use not in FALLBACK_TIMEOUTS:
            raise ValueError(f"'within' beside {self.use!r}, which decides at once; expected it beside 'agents' or 'judge' only")
        return self

    @property
    def seconds(self) -> float:
        """Time limit, 0 for a fallback that decides at once."""
        return FALLBACK_TIMEOUTS.get(self.use, 0.0) if self.within is None else self.within


Step = Annotated[FallbackStep, BeforeValidator(_as_step)]


class Escalation(Value):
    """People to ask in addition, `after` seconds without enough answers."""

    after: Annotated[Duration, Field(gt=0)]
    to: Names


class Policy(Value):
    """Rules by which a question is decided, and its fallbacks. Times are in seconds, at urgency `normal`."""

    quorum: Literal["first", "majority", "all"] | Annotated[Integer, Field(ge=1, le=100)] = "first"
    peer_quorum: Literal["first", "majority", "all"] = "all"
    """Quorum where only agents are asked: all are called anyway, so all of them count by default."""
    decider: Annotated[str, Field(pattern=r"^@")] | None = None
    """Person with the last word: the question waits for their reply until the deadline, even if others have answered."""
    responders: Annotated[str, Field(pattern=r"^(?:asked|anyone|role:.+)$")] = "asked"
    settle_delay: Annotated[Duration, bounded_duration(0, DAY)] = 5.0
    remind_after: Annotated[Duration, bounded_duration(0, YEAR)] = 600.0
    escalate: tuple[Escalation, ...] = ()
    expire_after: Annotated[Duration, bounded_duration(1, YEAR)] = 1800.0
    extend_max: Annotated[Duration, bounded_duration(0, YEAR)] = 86400.0
    grace: Annotated[Duration, bounded_duration(0, DAY)] = 3.0
    """Grace period after the deadline, in which the thread is read again for replies that were in time but arrived late."""
    asleep: Literal["wait", "next", "fall_back"] = "wait"
    """Treatment of a question to people in their quiet hours: wait, ask the next escalation step, or fall back."""
    fallback: Annotated[tuple[Step, ...], Field(min_length=1)] = (FallbackStep(use="default_option"), FallbackStep(use="assume"))
    judge: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """Model of the judge; None: the model of the agent that asks."""
    direct: bool = False
    """Send people asked a copy as a direct message."""

    @model_validator(mode="after")
    def _check_last_fallback(self) -> Self:
        last = self.fallback[-1].use
        if last not in ("assume", "fail"):
            raise ValueError(f"'fallback' ends with {last!r}, which cannot always decide; expected 'assume' or 'fail' at its end")
        return self

    @model_validator(mode="after")
    def _check_escalation_times(self) -> Self:
        late = next((step for step in self.escalate if step.after >= self.expire_after), None)
        if late is not None:
            raise ValueError(
                f"'escalate' after {late.after:g} s, when the question has expired; "
                f"expected less than 'expire_after' ({self.expire_after:g} s)"
            )
        return self


class Bounds(Value):
    """Limits that end a run without convergence. Money in US dollars, times in seconds."""

    answers: Annotated[Integer, bounded(1, 100)] = 3
    calls: Annotated[Integer, bounded(1, 100_000)] = 60
    tokens: Annotated[Integer, bounded(1, 100_000_000_000)] = 2_000_000
    money: Annotated[Decimal, bounded(Decimal("0.01"), 1_000_000)] = Decimal("2.00")
    wall: Annotated[Duration, bounded_duration(1, YEAR)] = 1800.0
    straggler_after: Annotated[Duration, bounded_duration(0, YEAR)] = 120.0
    call_timeout: Annotated[Duration, bounded_duration(1, DAY)] = 300.0
    tries: Annotated[Integer, bounded(1, 20)] = 6
    """Attempts of a call with transient errors, the first one included."""
    tool_calls: Annotated[Integer, Field(ge=0)] = 100
    """Tool calls in a run, by all agents together."""
    tool_calls_per_agent: Annotated[Integer, Field(ge=0)] = 40


class Limits(Value):
    """Limits on questions to people. Over a limit, the agent gets an error at once and goes by its assumption."""

    per_agent: Annotated[Integer, bounded(0, 1_000)] = 3
    per_run: Annotated[Integer, bounded(0, 1_000)] = 8
    open_per_agent: Annotated[Integer, Field(ge=1)] = 3
    open_per_run: Annotated[Integer, Field(ge=1)] = 8
    open_per_person: Annotated[Integer, Field(ge=1)] = 3
    open_per_channel: Annotated[Integer, Field(ge=1)] = 10


class RoutingRule(Value):
    """Audience (`to`) of a question that names nobody, if it contains one of `words` and one of `agents` asks it.

    Either condition may be left out.
    """

    words: Annotated[tuple[Annotated[str, Field(min_length=2, max_length=80)], ...], BeforeValidator(_as_tuple)] = ()
    agents: Annotated[tuple[str, ...], BeforeValidator(_as_tuple)] = ()
    to: Names

    @model_validator(mode="after")
    def _check_conditions(self) -> Self:
        if not self.words and not self.agents:
            raise ValueError("a route for every question; expected 'words' or 'agents' (whom all ask is the team's 'ask')")
        return self


class ChannelRules(Value):
    """Rules of one channel (`C0123`, or `platform/C0123`): keys of the policy and of the limits that differ there."""

    channel: Annotated[str, Field(min_length=1)]
    policy: Mapping[str, Any] = {}
    limits: Mapping[str, Any] = {}

    def matches(self, place: Place) -> bool:
        """True if the rules are for the channel of a place."""
        return self.channel in (place.channel, f"{place.platform}/{place.channel}")

    def apply(self, policy: Policy) -> Policy:
        """The policy of a team as it is in this channel."""
        return Policy.model_validate({**policy.model_dump(), **self.policy})

    def changes(self, policy: Policy) -> Policy:
        """The default policy with the keys that this channel changes."""
        here = self.apply(policy)
        return Policy().model_copy(update={key: getattr(here, key) for key in self.policy})


class Team(Value):
    """Agents of a run, the people they ask, and the rules of a run."""

    name: Name = "default"
    about: str = ""
    agents: Annotated[tuple[AgentSpec, ...], Field(min_length=1, max_length=16)]
    ask: Annotated[tuple[str, ...], Field(min_length=1)] = ("humans",)
    routes: tuple[RoutingRule, ...] = ()
    tools: tuple[ToolName, ...] = ()
    """Tool servers and tools of all agents."""
    server_tools: tuple[ServerTool, ...] = ()
    """Tools of all agents that the providers of their models run themselves."""
    policy: Policy = Policy()
    bounds: Bounds = Bounds()
    limits: Limits = Limits()
    on_budget: Literal["stop", "ask"] = "stop"
    """Reaction to a used-up budget: end the run, or ask the people responsible for more."""
    responsible: Annotated[tuple[str, ...], Field(min_length=1)] = ("humans",)
    """Names asked for more money."""
    context_messages: Annotated[Integer, Field(ge=0, le=MAX_CONTEXT_MESSAGES)] = 30
    """Messages that are read of the thread in which a task is given; 0: the thread is not read."""
    stream: bool = False
    """Show the final answer while it is written, on platforms that support it."""
    notify: Literal["mention", "direct", "none"] = "mention"
    """Notice of the end to the requester: a mention in its thread, a direct message, or neither."""
    memory: Literal["channel", "workspace", "off"] = "channel"
    """Earlier decisions that agents are offered: of the channel, also of the workspace's public channels, or none. With `off`,
    outcomes are not remembered either."""
    memory_max_age: Annotated[Duration, bounded_duration(HOUR, 10 * YEAR)] = 180 * DAY
    """Age in seconds up to which a decision is offered to agents."""
    follow_up: Literal["mention", "any", "off"] = "mention"
    """Messages in the thread of a run that has ended which go on with it: those that address the bot, all, or none."""
    channels: tuple[ChannelRules, ...] = ()

    @cached_property
    def tool_servers(self) -> tuple[str, ...]:
        """Tool servers of all agents, each once."""
        names = (*self.tools, *(name for agent in self.agents for name in agent.tools))
        return tuple(dict.fromkeys(name.partition(".")[0] for name in names))

    def server_tools_of(self, agent: AgentSpec) -> tuple[ServerTool, ...]:
        """Server-side tools of an agent, each once."""
        return tuple(dict.fromkeys((*self.server_tools, *agent.server_tools)))

    @property
    def models(self) -> tuple[str, ...]:
        """Models that a run may call, each once."""
        judge = (self.policy.judge,) if self.policy.judge else ()
        return tuple(dict.fromkeys((*(model for agent in self.agents for model in agent.models), *judge)))

    def in_channel(self, place: Place) -> Team:
        """Team with the rules of the channel of a place."""
        rules = next((rules for rules in self.channels if rules.matches(place)), None)
        return self if rules is None else self._with_rules(rules)

    def _with_rules(self, rules: ChannelRules) -> Team:
        limits = Limits.model_validate({**self.limits.model_dump(), **rules.limits})
        return self.model_copy(update={"policy": rules.apply(self.policy), "limits": limits, "channels": ()})

    @model_validator(mode="after")
    def _check_channel_rules(self) -> Self:
        for rules in self.channels:
            try:
                self._with_rules(rules)
            except ValidationError as error:
                raise ValueError(
                    f"rules for the channel {rules.channel!r} that do not fit ({explain_validation(error, limit=1)}); "
                    "expected keys of the policy and of the limits"
                ) from None
        return self

    @model_validator(mode="after")
    def _check_agent_names(self) -> Self:
        names = [agent.name for agent in self.agents]
        repeated = [index for index, name in enumerate(names) if name in names[:index]]
        if repeated:  # raised at the second agent's name, so that its line is known
            message = f"a second agent called {names[repeated[0]]!r}; expected a different name for each agent"
            error = PydanticCustomError("value_error", "{error}", {"error": message})
            details = [InitErrorDetails(type=error, loc=("agents", repeated[0], "name"), input=names[repeated[0]])]
            raise ValidationError.from_exception_data(type(self).__name__, details)
        return self


class _WithPlatformIds(Value):
    """A value with an id on each platform, by the platform's name.

    In the team file each id is a key of its own: `matrix = "@ana"`. Which keys these are comes with the validation context as
    `platforms`, because only the bot knows the installed platforms; without a context there is only `ids`.
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
    """A person: ids on platforms, time zone as in the tz database, quiet hours and quiet days."""

    time_zone: str | None = None
    quiet: QuietHours | None = None
    quiet_days: tuple[QuietDay, ...] = ()
    """Weekends, weekdays and dates on which nobody asks them."""

    @model_validator(mode="after")
    def _check_time_zone(self) -> Self:
        if (self.quiet is not None or self.quiet_days) and self.time_zone is None:
            key = "quiet_days" if self.quiet is None else "quiet"
            raise ValueError(f"{key!r} without 'time_zone'; expected the zone too, such as time_zone = 'Europe/Berlin'")
        return self


class RoleSpec(_WithPlatformIds):
    """A group of people by name, or a group of a platform (a role, a user group) by its id there."""

    people: tuple[str, ...] = ()


class RotationSpec(Value):
    """People who are on duty in turn, a week each. One of them is asked: the one whose week it is when the question is asked."""

    people: Annotated[tuple[str, ...], Field(min_length=1)]
    handover: Handover = "monday 09:00"
    time_zone: str = "UTC"
    first: date = date(1970, 1, 5)
    """A day in a week of the first person."""


class Permissions(Value):
    """Permissions: names of people (`@alice`), roles (`role:backend`), channels (`channel:C0123`), `anyone` or `guests`.

    `anyone` is every member who can see the place; guests of a workspace are not among them.
    """

    start: tuple[str, ...] = ("anyone",)
    cancel: tuple[str, ...] = ("anyone",)
    pick: tuple[str, ...] = ("anyone",)
    answer: tuple[str, ...] = ()
    """May answer every question, in addition to the people asked."""
    extend: tuple[str, ...] = ()
    """May extend every question, in addition to the people asked."""
    costs: tuple[str, ...] = ()
    """May see the costs of all channels; everybody else sees those of their own runs and of the channel that they ask in."""
