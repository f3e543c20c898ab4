"""How a model is reached, and what is known about it there. None means that it is not known, never that there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from orchestrator_bridge.model.catalogue.pricing import Price, format_price

LimitName = Literal["max_tokens", "max_completion_tokens"]
Client = Literal["openai", "litellm", "scripted"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Lifecycle:
    """How long a model is served at one provider, and what answers to its id after that."""

    released: date | None = None
    retires_on: date | None = None
    """The first day on which the model itself cannot be relied on; None where no such day was announced."""
    sure: bool = True
    """Whether the host's own word was looked up. LiteLLM's map also has days before which nothing happens ("not sooner than")."""
    answered_by: str = ""
    """The id, at the same provider, of what answers instead; empty where the id is simply refused, or nobody said."""
    answered_effort: str = ""
    """The reasoning effort with which that one answers; empty for its own default."""
    price: Price | None = None
    """What that one costs."""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """How a model is reached. `name` is what people call it, `id` what its provider calls it."""

    name: str
    provider: str
    id: str
    base_url: str = ""
    key_env: str | None = None
    """The environment variable that holds the key; None where the endpoint takes no key."""
    needs: tuple[str, ...] = ()
    """Every setting that must be set before this route can be called, the key's own among them."""
    client: Client = "openai"
    litellm_model: str = ""
    """What LiteLLM calls the model, with its provider in front; empty for routes that do not go through it."""
    extra: str | None = None
    """The optional extra of this package that the route needs, such as `vertex`."""
    streams: bool = False
    """Whether the endpoint is known to stream with usage at the end."""
    limit_name: LimitName = "max_tokens"
    """The parameter that caps the output."""
    accepts: frozenset[str] | None = None
    """Parameters that may be sent beside messages, tools and the limit of the output. None: an endpoint of one's own."""
    price: Price | None = None
    context: int | None = None
    """Tokens that fit into a prompt."""
    max_output: int | None = None
    """Tokens that an answer may have at most."""
    tools: bool | None = None
    vision: bool | None = None
    efforts: tuple[str, ...] = ()
    """The reasoning efforts that can be asked for, least first; none where the route takes no such parameter."""
    effort: str = ""
    """The effort to ask for where the agent names none; empty for the model's own default."""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    lifecycle: Lifecycle | None = None
    why: str = ""
    """Why this route and no other, in a few words for people."""


LifecycleStage = Literal["unknown", "current", "retiring", "retired"]

RETIRING_DAYS = 60
"""Days before its retirement from which a model is called retiring."""


def lifecycle_stage(life: Lifecycle | None, today: date) -> LifecycleStage:
    """Where a model stands on that day. Its last day counts as retired: hosts end it at some hour of theirs."""
    if life is None or life.retires_on is None:
        return "unknown"
    left = (life.retires_on - today).days
    if left <= 0:
        return "retired"
    return "retiring" if left <= RETIRING_DAYS else "current"


def lifecycle_notice(route: Route, today: date) -> str:
    """What whoever is about to pay for this model has to know of its lifecycle, as a sentence; empty if nothing.

    A retired model: since when, what answers instead and at which price. One that will be retired soon: when.
    """
    life = route.lifecycle
    if life is None or life.retires_on is None:
        return ""
    said = "" if life.sure else "by LiteLLM's map "
    match lifecycle_stage(life, today):
        case "retired":
            return _sentence(f"{said}{route.provider} retired {_both(route)} on {life.retires_on}{_instead(route, life)}")
        case "retiring":
            left = (life.retires_on - today).days
            day = f"{life.retires_on}, in {left} day{'s' if left > 1 else ''}{'' if life.sure else ', at the earliest'}"
            return _sentence(f"{said}{route.provider} retires {_both(route)} on {day}.")
        case _:
            return ""


def _sentence(text: str) -> str:
    """With a capital where it does not begin with the name of a host."""
    return f"B{text[1:]}" if text.startswith("by ") else text


def _both(route: Route) -> str:
    name = route.name.removeprefix(f"{route.provider}/")
    return name if name == route.id else f"{name} ({route.id})"


def _instead(route: Route, life: Lifecycle) -> str:
    if not life.answered_by and not life.sure:
        return "; whether it still answers is not known here."
    if not life.answered_by:
        return "; requests to it are refused. Choose another model."
    effort = f" with reasoning effort {life.answered_effort}" if life.answered_effort else ""
    price = f", at {format_price(life.price)}" if life.price else ", at a price that is not known"
    return f"; {life.answered_by} answers instead{effort}{price}."


def lifecycle_badge(life: Lifecycle | None, today: date) -> str:
    """The lifecycle in a few words for a table, as `retired 2026-05-15, grok-4.3 answers`; empty if no day is known."""
    if life is None or life.retires_on is None:
        return ""
    match lifecycle_stage(life, today):
        case "retired":
            return f"retired {life.retires_on}" + (f", {life.answered_by} answers" if life.answered_by else "")
        case "retiring":
            return f"retires {life.retires_on}"
        case _:
            return f"until {life.retires_on}"
