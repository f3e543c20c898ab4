"""What can be written about a model, in our own lists and in `[models.<name>]` of a team file. What is left out is not known."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from orchestrator_bridge.common.frozen import Value

Rate = Annotated[Decimal, Field(ge=0)]
Tokens = Annotated[int, Field(ge=1)]


class TierFacts(Value):
    """Rates of a whole request whose prompt has more than `above` tokens, in US dollars per million tokens."""

    above: Tokens
    input: Rate
    cached_input: Rate | None = None
    cache_write: Rate | None = None
    output: Rate


class ModelFacts(Value):
    """Rates in US dollars per million tokens, sizes in tokens."""

    input: Rate | None = None
    cached_input: Rate | None = None
    cache_write: Rate | None = None
    output: Rate | None = None
    tiers: tuple[TierFacts, ...] | None = None
    context: Tokens | None = None
    max_output: Tokens | None = None
    tools: bool | None = None
    vision: bool | None = None
    efforts: tuple[str, ...] | None = None
    accepts: tuple[str, ...] | None = None
    requests_per_minute: Annotated[int, Field(ge=1)] | None = None
    tokens_per_minute: Tokens | None = None
    retires_on: date | None = None
    answered_by: str | None = None


class ModelSpec(ModelFacts):
    """A model of one's own: an OpenAI-compatible endpoint, or what differs for a model that Townhall already knows.

    Without `base_url` it is another name, or other facts, for the model `id`.
    """

    base_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")] | None = None
    key_env: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    """The environment variable that holds the key; none for an endpoint that takes any."""
    id: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    """What the endpoint calls the model; the table's name where it is left out."""
