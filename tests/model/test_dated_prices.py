"""Prices of genai-prices: the day decides, tiers are kept, and only the model itself counts."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from orchestrator_bridge.model.catalogue import price_of, resolve
from orchestrator_bridge.model.catalogue.dated_prices import dated_price
from orchestrator_bridge.model.catalogue.spec import ModelSpec


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 10, 19), ("0.68", "2.09")),
        (date(2026, 10, 20), ("1.36", "4.18")),
        (date(2026, 10, 28), ("1.36", "4.18")),
        (date(2026, 10, 29), ("0.7", "2.1")),
        (date(2026, 11, 30), ("0.7", "2.1")),
    ],
)
def test_the_price_of_the_day_applies(day: date, expected: tuple[str, str]) -> None:
    price = resolve("mistral-large-4", today=day).price
    assert price is not None
    assert (price.input, price.output) == tuple(map(Decimal, expected))
    assert price.source.startswith("genai-prices 0.2")


def test_tiers_are_those_of_the_vendor() -> None:
    price = dated_price("openai", "gpt-6.1-terra", date(2026, 11, 30))
    assert price is not None
    assert [(tier.above, tier.input, tier.output) for tier in price.tiers] == [(272_000, Decimal(2), Decimal("7.5"))]
    assert (price.input, price.cached, price.cache_write, price.output) == tuple(map(Decimal, ("1", "0.05", "1.25", "5")))


def test_openrouter_has_prices_of_its_own() -> None:
    vendor, there = (
        resolve(name, today=date(2026, 11, 30)).price for name in ("deepseek-v4-flash", "openrouter/deepseek-v4-flash")
    )
    assert vendor is not None
    assert there is not None
    assert there.input < vendor.input / 2


def test_the_highest_price_of_the_day_is_booked_where_the_hour_counts() -> None:
    price = dated_price("deepseek", "deepseek-v4-flash", date(2026, 11, 30))
    assert price is not None
    assert (price.input, price.output) == (Decimal("0.3"), Decimal("1.2"))


def test_an_alias_has_not_the_price_of_an_older_model() -> None:
    assert dated_price("mistral", "mistral-large-latest") is None
    price = resolve("mistral-large-latest").price
    assert price is not None
    assert price.source == "LiteLLM's map"


def test_a_dated_release_has_the_price_of_its_model() -> None:
    price = dated_price("openai", "gpt-5-mini")
    assert price is not None
    assert dated_price("openai", "gpt-5-mini-2025-08-07") == price


def test_clouds_are_left_to_litellms_map() -> None:
    assert dated_price("azure_ai", "deepseek-v4-pro") is None
    assert dated_price("vertex_ai", "gemini-3.8-flash") is None


def test_a_served_model_has_the_price_of_the_day_too() -> None:
    route = resolve("mistral-small-latest", today=date(2026, 10, 25))
    served = price_of(route, "mistral-large-4", today=date(2026, 10, 25))
    assert served is not None
    assert served.input == Decimal("1.36")


def test_a_price_of_the_team_file_stays_first() -> None:
    own = {"mine": ModelSpec(id="mistral-large-4", input=Decimal(1), output=Decimal(2))}
    price = resolve("mine", own, today=date(2026, 11, 30)).price
    assert price is not None
    assert (price.input, price.output, price.source) == (Decimal(1), Decimal(2), "townhall.toml")


def test_the_newest_models_are_known() -> None:
    terra, sol = resolve("gpt-6.1-terra", today=date(2026, 11, 30)), resolve("gpt-6.2-sol", today=date(2026, 11, 30))
    assert (terra.context, terra.efforts[0], sol.context, sol.efforts[0]) == (922_000, "none", 922_000, "low")
    assert terra.price is not None
    assert sol.price is not None
    assert (terra.price.input, sol.price.input, sol.price.output) == (Decimal(1), Decimal(2), Decimal(10))
