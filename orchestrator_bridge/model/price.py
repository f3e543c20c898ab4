"""What a call costs: US dollars per million tokens, in exact decimal arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator_bridge.model.port import Usage

CHARACTERS_A_TOKEN = 4
"""The usual rule of thumb for English text; other scripts take more tokens. Good enough for a reservation, not for a bill."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """US dollars per million tokens. `cached` is for the part of the input that was cached; the price of input if None."""

    input: Decimal
    output: Decimal
    cached: Decimal | None = None


def cost(usage: Usage, price: Price) -> Decimal:
    """What this usage costs, in US dollars. Reasoning tokens are billed as the output that they are part of."""
    cached = min(usage.cached, usage.input)
    cached_price = price.input if price.cached is None else price.cached
    millionths = (usage.input - cached) * price.input + cached * cached_price + usage.output * price.output
    return millionths.scaleb(-6)


def estimate_tokens(characters: int) -> int:
    """About how many tokens a text of this many characters has: an estimate, never a count."""
    return -(-characters // CHARACTERS_A_TOKEN)
