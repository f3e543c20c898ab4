"""Costs of calls by the rates of 2026-11-22, calculated by hand: cached tokens, tokens written to a cache, long prompts.

Where the rates are from: LiteLLM's map (1.106.2), which names the vendor's page, and our own list for what it lacks. A rate
that changes there makes a test fail here, on purpose: somebody has to look.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.model.catalogue import resolve
from orchestrator_bridge.model.catalogue.pricing import Price, Tier, cost
from orchestrator_bridge.model.interface import Usage

LONG_AGO = date(2026, 2, 1)
"""Grok 4.1 Fast was served by xAI then."""


@dataclass(frozen=True)
class Bill:
    """A call, its rates in US dollars per million tokens with where they stand, and its cost worked out by hand."""

    model: str
    rates: str
    source: str
    usage: Usage
    by_hand: str
    cost: Decimal
    today: date | None = field(default=None)


BILLS = [
    Bill(
        "grok-4.3",
        "1.25 in, 0.20 cached, 2.50 out",
        "api.x.ai/v1/language-models",
        Usage(input=10_000, cached=4_000, output=2_000, reasoning=1_500),
        "6,000 x 1.25 + 4,000 x 0.20 + 2,000 x 2.50 = 7,500 + 800 + 5,000",
        Decimal("0.0133"),
    ),
    Bill(
        "grok-4.3",
        "from 200k of prompt 2.50 in, 0.40 cached, 5.00 out",
        "docs.x.ai: the whole request, once its prompt reaches 200k",
        Usage(input=200_000, cached=100_000, output=1_000),
        "100,000 x 2.50 + 100,000 x 0.40 + 1,000 x 5.00 = 250,000 + 40,000 + 5,000",
        Decimal("0.295"),
    ),
    Bill(
        "grok-4.3",
        "1.25 in, 2.50 out",
        "one token less",
        Usage(input=199_999, output=1_000),
        "199,999 x 1.25 + 1,000 x 2.50 = 249,998.75 + 2,500",
        Decimal("0.25249875"),
    ),
    Bill(
        "grok-4.7",
        "2.00 in, 0.50 cached, 6.00 out",
        "docs.x.ai/developers/grok-4-7",
        Usage(input=50_000, cached=45_000, output=3_000),
        "5,000 x 2 + 45,000 x 0.50 + 3,000 x 6 = 10,000 + 22,500 + 18,000",
        Decimal("0.0505"),
    ),
    Bill(
        "grok-4.1-fast",
        "0.20 in, 0.05 cached, 0.50 out",
        "xAI's price list of 2025-11-19, before its retirement",
        Usage(input=10_000, cached=4_000, output=2_000),
        "6,000 x 0.20 + 4,000 x 0.05 + 2,000 x 0.50 = 1,200 + 200 + 1,000",
        Decimal("0.0024"),
        LONG_AGO,
    ),
    Bill(
        "grok-4.1-fast",
        "from 128k of prompt 0.40 in, 0.05 cached, 1.00 out",
        "xAI's price list of 2025-11-19",
        Usage(input=128_000, output=2_000),
        "128,000 x 0.40 + 2,000 x 1.00 = 51,200 + 2,000",
        Decimal("0.0532"),
        LONG_AGO,
    ),
    Bill(
        "vertex_ai/xai/grok-4.1-fast-reasoning",
        "0.20 in, 0.05 cached, 0.50 out",
        "cloud.google.com, prices of Grok on Vertex AI",
        Usage(input=100_000, cached=90_000, output=10_000),
        "10,000 x 0.20 + 90,000 x 0.05 + 10,000 x 0.50 = 2,000 + 4,500 + 5,000",
        Decimal("0.0115"),
    ),
    Bill(
        "azure_ai/grok-4-1-fast-reasoning",
        "0.20 in, 0.50 out; nothing off for cached",
        "prices.azure.com",
        Usage(input=100_000, cached=90_000, output=10_000),
        "100,000 x 0.20 + 10,000 x 0.50 = 20,000 + 5,000",
        Decimal("0.025"),
    ),
    Bill(
        "gpt-5.4-mini",
        "0.75 in, 0.075 cached, 4.50 out",
        "developers.openai.com, pricing",
        Usage(input=10_000, cached=8_000, output=2_000),
        "2,000 x 0.75 + 8,000 x 0.075 + 2,000 x 4.50 = 1,500 + 600 + 9,000",
        Decimal("0.0111"),
    ),
    Bill(
        "gpt-5.6",
        "above 272k of prompt 8.00 in, 0.80 cached, 10.00 written to the cache, 30.00 out",
        "developers.openai.com, pricing",
        Usage(input=300_000, cached=100_000, cache_written=50_000, output=1_000),
        "150,000 x 8 + 100,000 x 0.80 + 50,000 x 10 + 1,000 x 30 = 1,200,000 + 80,000 + 500,000 + 30,000",
        Decimal("1.81"),
    ),
    Bill(
        "gpt-5.6",
        "4.00 in, 0.40 cached, 20.00 out",
        "272,000 tokens are not above 272k",
        Usage(input=272_000, output=1_000),
        "272,000 x 4 + 1,000 x 20 = 1,088,000 + 20,000",
        Decimal("1.108"),
    ),
    Bill(
        "claude-haiku-4-5",
        "1.00 in, 0.10 cached, 1.25 written to the cache, 5.00 out",
        "platform.claude.com, pricing",
        Usage(input=20_000, cached=10_000, cache_written=8_000, output=1_000),
        "2,000 x 1 + 10,000 x 0.10 + 8,000 x 1.25 + 1,000 x 5 = 2,000 + 1,000 + 10,000 + 5,000",
        Decimal("0.018"),
    ),
    Bill(
        "claude-haiku-5-5",
        "above 100k of prompt 0.50 in, 0.05 cached, 2.50 out",
        "platform.claude.com, models, haiku-5-5",
        Usage(input=100_001, output=1_000),
        "100,001 x 0.50 + 1,000 x 2.50 = 50,000.5 + 2,500",
        Decimal("0.0525005"),
    ),
    Bill(
        "claude-opus-5-5",
        "4.00 in, 0.20 cached, 5.00 written to the cache, 20.00 out",
        "platform.claude.com, pricing",
        Usage(input=10_000, cached=10_000, output=100),
        "10,000 x 0.20 + 100 x 20 = 2,000 + 2,000",
        Decimal("0.004"),
    ),
    Bill(
        "gemini-2.5-pro",
        "above 200k of prompt 2.50 in, 0.25 cached, 15.00 out",
        "ai.google.dev, pricing",
        Usage(input=200_001, cached=1, output=100),
        "200,000 x 2.50 + 1 x 0.25 + 100 x 15 = 500,000 + 0.25 + 1,500",
        Decimal("0.50150025"),
    ),
    Bill(
        "gemini-2.5-flash-lite",
        "0.10 in, 0.01 cached, 0.40 out",
        "ai.google.dev, pricing",
        Usage(input=10_000, cached=4_000, output=2_000),
        "6,000 x 0.10 + 4,000 x 0.01 + 2,000 x 0.40 = 600 + 40 + 800",
        Decimal("0.00144"),
    ),
    Bill(
        "deepseek-v4-flash",
        "0.30 in, 0.006 cached, 1.20 out, at peak hours",
        "api-docs.deepseek.com, pricing",
        Usage(input=10_000, cached=4_000, output=2_000),
        "6,000 x 0.30 + 4,000 x 0.006 + 2,000 x 1.20 = 1,800 + 24 + 2,400",
        Decimal("0.004224"),
    ),
    Bill(
        "mistral-large-4",
        "0.70 in, 0.07 cached, 2.10 out",
        "mistral.ai, pricing",
        Usage(input=10_000, output=2_000),
        "10,000 x 0.70 + 2,000 x 2.10 = 7,000 + 4,200",
        Decimal("0.0112"),
    ),
]


@pytest.mark.parametrize("bill", BILLS, ids=[f"{bill.model}-{bill.usage.input}" for bill in BILLS])
def test_a_call_costs_the_amount_calculated_by_hand(bill: Bill) -> None:
    price = resolve(bill.model, today=bill.today).price
    assert price is not None
    assert cost(bill.usage, price) == bill.cost, f"{bill.rates} ({bill.source}): {bill.by_hand}"


def test_every_price_names_its_source() -> None:
    for bill in BILLS:
        price = resolve(bill.model).price
        assert price is not None
        assert price.source


TIERED = Price(
    input=Decimal(1),
    output=Decimal(4),
    tiers=(Tier(above=100, input=Decimal(2), output=Decimal(8)), Tier(above=200, input=Decimal(3), output=Decimal(12))),
)


@pytest.mark.parametrize(("prompt", "rate"), [(0, 1), (100, 1), (101, 2), (200, 2), (201, 3), (9_999, 3)])
def test_the_size_of_the_prompt_selects_the_rates_of_the_whole_request(prompt: int, rate: int) -> None:
    assert cost(Usage(input=prompt, output=10), TIERED) == Decimal(prompt * rate + 10 * 4 * rate).scaleb(-6)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_no_token_is_billed_twice(taken: int, cached: int, written: int) -> None:
    flat = Price(input=Decimal(1), cached=Decimal(1), cache_write=Decimal(1), output=Decimal(1))
    assert cost(Usage(input=taken, cached=cached, cache_written=written), flat) == Decimal(taken).scaleb(-6)
