"""Route of a model: address, client and facts at one provider, and its lifecycle. None means unknown, never "there is none"."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal, assert_never

from orchestrator_bridge.model.catalogue.pricing import Price, format_price

LimitName = Literal["max_tokens", "max_completion_tokens"]
Client = Literal["openai", "litellm", "scripted"]
Api = Literal["chat_completions", "responses"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lifecycle:
    """Lifecycle of a model at one provider, and the model that answers to its id afterwards."""

    released: date | None = None
    retires_on: date | None = None
    """First day on which the model cannot be relied on; None if no such day was announced."""
    sure: bool = True
    """True if the day comes from the host itself. LiteLLM's price map also has days that only mean "not sooner than"."""
    answered_by: str = ""
    """Id of the successor at the same provider; empty if the old id is refused or the successor is unknown."""
    answered_effort: str = ""
    """Reasoning effort of the successor; empty for its default."""
    price: Price | None = None
    """Price of the successor."""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """Connection and facts of a model. `name` is its name for people, `id` its provider's id."""

    name: str
    provider: str
    id: str
    base_url: str = ""
    key_env: str | None = None
    """Environment variable of the API key; None if the endpoint needs none."""
    needs: tuple[str, ...] = ()
    """All settings that a call requires, the key among them."""
    client: Client = "openai"
    api: Api = "chat_completions"
    """Format of requests, for the client `openai`."""
    litellm_model: str = ""
    """LiteLLM's name of the model, with the provider's prefix; empty for routes of other clients."""
    extra: str | None = None
    """Optional extra of this package that the route needs, such as `vertex`."""
    limit_name: LimitName = "max_tokens"
    """Name of the parameter that limits the output."""
    accepts: frozenset[str] | None = None
    """Parameters that may be sent beside messages, tools and the output limit; None for an endpoint that accepts any."""
    price: Price | None = None
    context: int | None = None
    """Context window in tokens."""
    max_output: int | None = None
    """Largest number of output tokens."""
    tools: bool | None = None
    vision: bool | None = None
    efforts: tuple[str, ...] = ()
    """Selectable reasoning efforts, lowest first; empty if the route has no such parameter."""
    effort: str = ""
    """Reasoning effort to send if the agent sets none; empty for the model's default."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    lifecycle: Lifecycle | None = None
    why: str = ""
    """Reason for the choice of this route, in a few words for people."""


LifecycleStage = Literal["unknown", "current", "retiring", "retired"]

RETIRING_DAYS = 60
"""Days before its retirement from which a model counts as retiring."""


def lifecycle_stage(life: Lifecycle | None, today: date) -> LifecycleStage:
    """Stage of a model on a day. The day of retirement counts as retired: hosts end the service at some hour of their own."""
    if life is None or life.retires_on is None:
        return "unknown"
    left = (life.retires_on - today).days
    if left <= 0:
        return "retired"
    return "retiring" if left <= RETIRING_DAYS else "current"


def lifecycle_notice(route: Route, today: date) -> str:
    """Sentence about a retired or retiring model, for a person about to pay for it; empty if there is nothing to say.

    It names the day, and for a retired model its successor with the successor's price.
    """
    life = route.lifecycle
    if life is None or life.retires_on is None:
        return ""
    source = "" if life.sure else "According to LiteLLM's price map, "
    name = route.name.removeprefix(f"{route.provider}/")
    model = name if name == route.id else f"{name} ({route.id})"
    match lifecycle_stage(life, today):
        case "retired":
            return f"{source}{route.provider} retired {model} on {life.retires_on}; {_successor_text(life)}"
        case "retiring":
            left = (life.retires_on - today).days
            days = f"{left} day{'s' if left > 1 else ''}{'' if life.sure else ', at the earliest'}"
            return f"{source}{route.provider} retires {model} on {life.retires_on}, in {days}."
        case "unknown" | "current":
            return ""
        case stage:
            assert_never(stage)


def _successor_text(life: Lifecycle) -> str:
    if not life.answered_by:
        return "requests to it are refused. Choose another model." if life.sure else "it is not known if it still answers."
    effort = f" with reasoning effort {life.answered_effort}" if life.answered_effort else ""
    price = format_price(life.price) if life.price else "an unknown price"
    return f"{life.answered_by} answers instead{effort}, at {price}."


def lifecycle_badge(life: Lifecycle | None, today: date) -> str:
    """Lifecycle in a few words for a table, such as `retired 2026-05-15, grok-4.3 answers`; empty if no day is known."""
    if life is None or life.retires_on is None:
        return ""
    match lifecycle_stage(life, today):
        case "retired":
            return f"retired {life.retires_on}" + (f", {life.answered_by} answers" if life.answered_by else "")
        case "retiring":
            return f"retires {life.retires_on}"
        case "unknown" | "current":
            return f"until {life.retires_on}"
        case stage:
            assert_never(stage)
