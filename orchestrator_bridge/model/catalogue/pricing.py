"""Prices in US dollars per million tokens, and the cost of a call in exact decimal arithmetic.

Many vendors charge more for long prompts: above a certain prompt size other rates apply, and they apply to the whole request, its
output and the first tokens of its prompt included. A price is therefore a list of rates by prompt size.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator_bridge.model.interface import Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class Rates:
    """US dollars per million tokens. `cached` applies to input read from a cache, `cache_write` to input written to one.

    Both are the rate of `input` if they are None.
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tier(Rates):
    """Rates of a whole request whose prompt has more than `above` tokens."""

    above: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Price(Rates):
    """Rates of a request, and those of longer prompts, lowest bound first. `source` and `as_of` name the origin and its date."""

    tiers: tuple[Tier, ...] = ()
    source: str = ""
    as_of: date | None = None

    def rates(self, prompt: int) -> Rates:
        """Rates that apply to a prompt of this many tokens."""
        return next((tier for tier in reversed(self.tiers) if prompt > tier.above), self)


def cost(usage: Usage, price: Price) -> Decimal:
    """Cost of a usage in US dollars. Reasoning tokens are part of the output and billed as such."""
    rates = price.rates(usage.input)
    cached = min(usage.cached, usage.input)
    written = min(usage.cache_written, usage.input - cached)
    fresh = usage.input - cached - written
    millionths = (
        fresh * rates.input
        + cached * (rates.input if rates.cached is None else rates.cached)
        + written * (rates.input if rates.cache_write is None else rates.cache_write)
        + usage.output * rates.output
    )
    return millionths.scaleb(-6)


def format_price(price: Price) -> str:
    """`$1.25 in, $0.20 cached, $2.50 out per million tokens; above 200k of prompt $2.50, $0.40, $5.00`."""
    cached = "" if price.cached is None else f", {format_rate(price.cached)} cached"
    first = f"{format_rate(price.input)} in{cached}, {format_rate(price.output)} out per million tokens"
    return "; ".join([first, *(f"{format_tier_bound(tier)} of prompt {format_rates(tier)}" for tier in price.tiers)])


def format_tier_bound(tier: Tier) -> str:
    """`above 128k`, or `from 200k` if the tier includes the bound itself."""
    reached = (tier.above + 1) % 1000 == 0
    return f"from {format_size(tier.above + 1)}" if reached else f"above {format_size(tier.above)}"


def format_rates(rates: Rates) -> str:
    """`$1.25 / $0.20 / $2.50`: input, cached input if it has its own rate, output."""
    return " / ".join(format_rate(rate) for rate in (rates.input, rates.cached, rates.output) if rate is not None)


def format_rate(rate: Decimal) -> str:
    """US dollars with two decimals, or with all of them if there are more."""
    return f"${rate:.2f}" if rate == round(rate, 2) else f"${rate.normalize():f}"


def format_size(tokens: int) -> str:
    """A number of tokens, rounded: `128k`, `1M`, `1.05M`."""
    if tokens < 1000:
        return str(tokens)
    if tokens < 999_500:
        return f"{round(tokens / 1000)}k"
    return f"{round(tokens / 1_000_000, 2):g}M"
