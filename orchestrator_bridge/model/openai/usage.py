"""Token usage and stated bills in the chat completions format, as `Usage` and US dollars. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator

from orchestrator_bridge.model.interface import Request, ToolCall, Usage
from orchestrator_bridge.model.tokens import BYTES_PER_TOKEN, estimate, estimate_prompt

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


TOO_FEW, TOO_MANY = 40, 10
"""Bytes of text per token above which a count is too small: ten times as many as in English. Tokens per byte above which it is
too large: a tokenizer makes one at most, and ten allow for what a provider adds."""

FRAME_BYTES, PICTURE_BYTES = 10_000, 50_000
"""Bytes that a provider's own instructions and a picture stand for in the bound of a prompt."""

MOST_OUTPUT = 200_000
"""Output tokens of a call without a known limit, reasoning included, of which ten times as many are too many."""

_RUN = re.compile(r"(.)\1{3,}", re.DOTALL)


def believable(reported: Usage, request: Request, route: Route, produced: Sequence[str]) -> Usage:
    """The reported counts that can be true, with zeros in place of the others; the same usage if all of them can.

    `produced` are the texts of the answer. A count is too small with fewer than one token for `TOO_FEW` bytes of the messages or
    the answer; a character that is repeated counts three times at most, since tokenizers have tokens for long runs. A prompt is
    too large with more than `TOO_MANY` tokens for each byte of it, an output with more than ten times its limit. A part, such as
    cached tokens, cannot be larger than its whole.
    """
    said = [text for message in request.messages for text in (message.text, *(call.arguments for call in message.tool_calls))]
    parts = reported.cached + reported.cache_written
    prompt = parts <= reported.input <= _most_input(request) and not _is_too_small(reported.input, said)
    limit = request.max_output or route.max_output or MOST_OUTPUT
    output = reported.reasoning <= reported.output <= TOO_MANY * limit and not _is_too_small(reported.output, produced)
    return Usage(
        input=reported.input if prompt else 0,
        cached=reported.cached if prompt else 0,
        cache_written=reported.cache_written if prompt else 0,
        output=reported.output if output else 0,
        reasoning=reported.reasoning if output else 0,
    )


def _most_input(request: Request) -> int:
    pictures = sum(len(message.pictures) for message in request.messages)
    # `estimate_prompt` counts four bytes as a token.
    return TOO_MANY * (estimate_prompt(request) * BYTES_PER_TOKEN + FRAME_BYTES + PICTURE_BYTES * pictures)


def _is_too_small(tokens: int, texts: Sequence[str]) -> bool:
    """True if no tokenizer can have made so few tokens of these texts."""
    if tokens * TOO_FEW >= sum(map(estimate, texts)) * BYTES_PER_TOKEN:
        return False
    return tokens * TOO_FEW < sum(estimate(_RUN.sub(r"\1\1\1", text)) for text in texts) * BYTES_PER_TOKEN


def estimate_usage(request: Request, text: str, calls: tuple[ToolCall, ...], reasoning: str = "") -> Usage:
    """Estimate the usage of an answer by the size of its texts."""
    texts = (text, reasoning, *(f"{call.name}{call.arguments}" for call in calls))
    return Usage(input=estimate_prompt(request), output=sum(map(estimate, texts)), estimated=True)
