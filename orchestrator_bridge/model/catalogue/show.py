"""Prices and sizes in a few words."""

from __future__ import annotations

from decimal import Decimal

from orchestrator_bridge.model.price import Price, Rates, Tier


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
