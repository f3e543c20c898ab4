"""What can be written about a model, in our own lists and in `[models.<name>]` of a team file. What is left out is not known."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from orchestrator_bridge.value import Value

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
