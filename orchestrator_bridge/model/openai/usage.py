"""Token usage and stated bills in the chat completions format, as `Usage` and US dollars. Pure functions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator

from orchestrator_bridge.model.interface import Request, ToolCall, Usage
from orchestrator_bridge.model.tokens import estimate, estimate_prompt

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


MOST_TOKENS = 1_000_000_000
"""Bound of a token count. No call has as many; a greater number is an error of the server, and may not fit the database."""


def _read_count(value: object) -> int | None:
    """Return a token count, or None for anything that cannot be one. A false count must not fail the answer beside it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MOST_TOKENS and value == int(value) else None


def _read_object(value: object) -> object:
    return value if isinstance(value, dict | BaseModel) else None


Count = Annotated[int | None, BeforeValidator(_read_count)]


class TokenDetails(BaseModel):
    """Parts of a token count. Tokens written to a cache have one name at OpenRouter (`cache_write_tokens`) and one in LiteLLM."""

    cached_tokens: Count = None
    reasoning_tokens: Count = None
    cache_write_tokens: Count = None
    cache_creation_tokens: Count = None


Details = Annotated[TokenDetails | None, BeforeValidator(_read_object)]


class UsageBody(BaseModel):
    """Token usage of an answer."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    prompt_tokens_details: Details = None
    completion_tokens_details: Details = None
    cost_in_usd_ticks: Any = None
    cost: Any = None
    is_byok: Any = None
    cost_details: Any = None

    @property
    def has_counts(self) -> bool:
        """True if it has both counts. A prompt is never empty: some servers report zeros for calls that they do not count."""
        return bool(self.prompt_tokens) and self.completion_tokens is not None


OptionalUsage = Annotated[UsageBody | None, BeforeValidator(_read_object)]


def read_usage(counted: UsageBody) -> Usage:
    """Usage as it is billed."""
    prompt, output = counted.prompt_tokens or 0, counted.completion_tokens or 0
    reasoning = (counted.completion_tokens_details or TokenDetails()).reasoning_tokens or 0
    # xAI reports reasoning beside the output instead of as a part of it; its total shows that.
    if reasoning and counted.total_tokens == prompt + output + reasoning:
        output += reasoning
    details = counted.prompt_tokens_details or TokenDetails()
    written = details.cache_write_tokens or details.cache_creation_tokens or 0
    return Usage(input=prompt, output=output, cached=details.cached_tokens or 0, reasoning=reasoning, cache_written=written)


TICKS_PER_DOLLAR = Decimal(10_000_000_000)
"""docs.x.ai/developers/cost-tracking; litellm books the same (BerriAI/litellm#39441)."""

MOST_DOLLARS = 1_000_000
"""Bound of a stated bill: a greater one is an error of the server."""

BILL_FIELDS = ("cost_in_usd_ticks", "cost", "is_byok", "cost_details")


def stated_cost(stated: UsageBody, route: Route) -> Decimal | None:
    """Bill in US dollars that a response states; None if it states none.

    xAI states `cost_in_usd_ticks`. OpenRouter states `cost` in US dollars (openrouter.ai/docs, "Usage accounting"): with the
    user's own key of an upstream provider (`is_byok`) it is only OpenRouter's fee, and that provider's bill is stated beside it.
    Elsewhere `cost` has no fixed unit.
    """
    ticks = _amount(stated.cost_in_usd_ticks)
    # xAI serves nothing for free, so zero ticks are no bill.
    if ticks:
        return _dollars(ticks / TICKS_PER_DOLLAR)
    cost = _amount(stated.cost) if route.provider == "openrouter" else None
    if cost is None or stated.is_byok is not True:
        # A bill of zero is that of a free model, unless nothing else in the usage was counted either.
        return _dollars(cost) if cost or (cost is not None and stated.has_counts) else None
    upstream = _amount(stated.cost_details.get("upstream_inference_cost")) if isinstance(stated.cost_details, dict) else None
    return None if upstream is None else _dollars(cost + upstream)


def _amount(value: object) -> Decimal | None:
    """Decimal of a JSON number that can be an amount of money; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    amount = Decimal(str(value))
    return amount if amount.is_finite() and amount >= 0 else None


def _dollars(amount: Decimal) -> Decimal | None:
    """The amount; None if no call costs as much."""
    return amount if amount <= MOST_DOLLARS else None


def estimate_usage(request: Request, text: str, calls: tuple[ToolCall, ...], reasoning: str = "") -> Usage:
    """Estimate the usage of an answer by the size of its texts."""
    texts = (text, reasoning, *(f"{call.name}{call.arguments}" for call in calls))
    return Usage(input=estimate_prompt(request), output=sum(map(estimate, texts)), estimated=True)
