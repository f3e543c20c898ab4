"""What a call costs: US dollars per million tokens, in exact decimal arithmetic.

Many vendors charge more for long prompts: above a number of tokens in the prompt other rates hold, and they hold for the whole
request, its output and the first tokens of its prompt included. A price is therefore a list of rates by the size of the prompt.
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
    """US dollars per million tokens. `cached` is for the part of the input that was read from a cache, `cache_write` for the
    part that was written into one; each is the price of input where it is None."""

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    cache_write: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tier(Rates):
    """The rates of a whole request whose prompt has more than `above` tokens."""

    above: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Price(Rates):
    """The rates of a request, and those of longer prompts, lowest bound first. `source` and `as_of`: who says so, since when."""

    tiers: tuple[Tier, ...] = ()
    source: str = ""
    as_of: date | None = None

    def rates(self, prompt: int) -> Rates:
        """What holds for a prompt of this many tokens."""
        return next((tier for tier in reversed(self.tiers) if prompt > tier.above), self)


def cost(usage: Usage, price: Price) -> Decimal:
    """What this usage costs, in US dollars. Reasoning tokens are billed as the output that they are part of."""
    rates = price.rates(usage.input)
    cached = min(usage.cached, usage.input)
    written = min(usage.cache_written, usage.input - cached)
    fresh = usage.input - cached - written
    millionths = (
        fresh * rates.input
        + cached * _or_input(rates.cached, rates)
        + written * _or_input(rates.cache_write, rates)
        + usage.output * rates.output
    )
    return millionths.scaleb(-6)


def _or_input(rate: Decimal | None, rates: Rates) -> Decimal:
    return rates.input if rate is None else rate


def format_price(price: Price) -> str:
    """`$1.25 in, $0.20 cached, $2.50 out per million tokens; above 200k of prompt $2.50, $0.40, $5.00`."""
    first = f"{format_rate(price.input)} in{_cached(price)}, {format_rate(price.output)} out per million tokens"
    return "; ".join([first, *(f"{format_tier_bound(tier)} of prompt {format_rates(tier)}" for tier in price.tiers)])


def format_tier_bound(tier: Tier) -> str:
    """`above 128k`, or `from 200k` where the bound itself is in it already."""
    reached = (tier.above + 1) % 1000 == 0
    return f"from {format_size(tier.above + 1)}" if reached else f"above {format_size(tier.above)}"


def format_rates(rates: Rates) -> str:
    """`$1.25 / $0.20 / $2.50`: in, cached where it has a rate of its own, out."""
    return " / ".join(format_rate(rate) for rate in (rates.input, rates.cached, rates.output) if rate is not None)


def _cached(price: Price) -> str:
    return "" if price.cached is None else f", {format_rate(price.cached)} cached"


def format_rate(rate: Decimal) -> str:
    """US dollars with two digits, or as many as there are."""
    return f"${rate:.2f}" if rate == round(rate, 2) else f"${rate.normalize():f}"


def format_size(tokens: int) -> str:
    """`128k`, `1M`, `1.05M`: a number of tokens, rounded."""
    if tokens < 1000:
        return str(tokens)
    if tokens < 999_500:
        return f"{round(tokens / 1000)}k"
    return f"{round(tokens / 1_000_000, 2):g}M"
