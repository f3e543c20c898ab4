"""What `townhall.toml` says about teams, people and rules, as checked values. A run keeps a copy of its team in its log."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from orchestrator_bridge.duration import Duration
from orchestrator_bridge.model.facts import ModelFacts
from orchestrator_bridge.model.parameters import PARAMETERS
from orchestrator_bridge.value import Value

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
Fallback = Literal["default_option", "assume", "fail"]


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

    @property
    def parameters(self) -> dict[str, Any]:
        """How its model is asked to answer, as far as that is set, by the names here."""
        return {name: value for name in PARAMETERS if (value := getattr(self, name)) is not None}

    @property
    def models(self) -> tuple[str, ...]:
        """Every model that it may work with, its own first."""
        return (self.model, self.backup) if self.backup else (self.model,)


class Policy(Value):
    """How a question is decided and what silence means. Times are in seconds, at urgency `normal`."""

    quorum: Literal["first", "majority", "all"] | Annotated[int, Field(ge=1, le=100)] = "first"
    peer_quorum: Literal["first", "majority", "all"] = "all"
    """The quorum where only agents are asked: each is called anyway, so all of them are heard."""
    responders: Literal["asked", "anyone"] = "asked"
    settle_delay: Duration = 5.0
    remind_after: Duration = 600.0
    expire_after: Annotated[Duration, Field(gt=0)] = 1800.0
    extend_max: Duration = 86400.0
    grace: Duration = 3.0
    """Expiry waits this long and reads the thread once more, for replies that were in time but slow to arrive."""
    fallback: Annotated[tuple[Fallback, ...], Field(min_length=1)] = ("default_option", "assume")

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.fallback[-1] == "default_option":
            raise ValueError(
                "'fallback' ends with 'default_option', which is not always there; expected 'assume' or 'fail' at its end"
            )
        return self


class Bounds(Value):
    """What ends a run that does not converge. Money is in US dollars, times in seconds."""

    answers: Annotated[int, Field(ge=1, le=100)] = 3
    calls: Annotated[int, Field(ge=1)] = 60
    tokens: Annotated[int, Field(ge=1)] = 2_000_000
    money: Annotated[Decimal, Field(gt=0)] = Decimal("2.00")
    wall: Annotated[Duration, Field(gt=0)] = 1800.0
    straggler_after: Duration = 120.0
    call_timeout: Annotated[Duration, Field(gt=0)] = 300.0
    tries: Annotated[int, Field(ge=1, le=20)] = 6
    """How often a call is tried while its provider has trouble, the first time included."""


class Limits(Value):
    """How much people are asked."""

    per_agent: Annotated[int, Field(ge=0)] = 3
    per_run: Annotated[int, Field(ge=0)] = 8


class Team(Value):
    """The agents of a run, whom they ask, and by which rules."""

    name: Name = "default"
    about: str = ""
    agents: Annotated[tuple[AgentSpec, ...], Field(min_length=1, max_length=16)]
    ask: Annotated[tuple[str, ...], Field(min_length=1)] = ("humans",)
    policy: Policy = Policy()
    bounds: Bounds = Bounds()
    limits: Limits = Limits()
    on_budget: Literal["stop", "ask"] = "stop"
    """What happens when a budget in US dollars is used up: the run ends, or those responsible are asked for more."""
    responsible: Annotated[tuple[str, ...], Field(min_length=1)] = ("humans",)
    """Who is asked for more money."""

    @model_validator(mode="after")
    def _names(self) -> Self:
        seen: set[str] = set()
        for agent in self.agents:
            if agent.name in seen:
                raise ValueError(f"two agents are called {agent.name!r}; expected a name of its own for each")
            seen.add(agent.name)
        return self


class PersonSpec(Value):
    """A person by all her names: platform ids, and her time zone as in the tz database."""

    discord: str | None = None
    slack: str | None = None
    time_zone: str | None = None


class RoleSpec(Value):
    """A group of people by name, or a Discord role and a Slack user group by id."""

    people: tuple[str, ...] = ()
    discord: str | None = None
    slack: str | None = None


class Permissions(Value):
    """Who may do what: names of people (`@alice`), roles (`role:backend`) or `anyone`."""

    start: tuple[str, ...] = ("anyone",)
    cancel: tuple[str, ...] = ("anyone",)
    pick: tuple[str, ...] = ("anyone",)


class ModelSpec(ModelFacts):
    """A model of one's own: an OpenAI-compatible endpoint, or what differs for a model that Townhall already knows.

    Without `base_url` it is another name, or other facts, for the model `id`.
    """

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")] | None = None
    key_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    """The environment variable that holds the key; none for an endpoint that takes any."""
    id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """What the endpoint calls the model; the table's name where it is left out."""
