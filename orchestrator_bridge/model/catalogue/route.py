"""How a model is reached, and what is known about it there. None means that it is not known, never that there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

from orchestrator_bridge.model.price import Price

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
