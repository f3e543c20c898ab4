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
    from orchestrator_bridge.model.port import Usage


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
