"""Which provider a name leads to, and what is said of a name that leads nowhere."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orchestrator_bridge.model.catalogue import UnknownModelName, price_of, resolve
from orchestrator_bridge.model.price import Price
from orchestrator_bridge.team import ModelSpec

OWN = {
    "local": ModelSpec(base_url="http://localhost:11434/v1/", id="llama3.2:3b", input=Decimal(0), output=Decimal(0)),
    "cheap": ModelSpec(id="grok-4.1-fast", input=Decimal("0.2"), cached_input=Decimal("0.05"), output=Decimal("0.5")),
    "xai/grok-4.3": ModelSpec(key_env="OTHER_KEY"),
    "half": ModelSpec(id="gpt-5", input=Decimal(1)),
}


@pytest.mark.parametrize(
    ("name", "provider", "model", "key"),
    [
        ("xai/grok-4.3", "xai", "grok-4.3", "XAI_API_KEY"),
        ("grok-4.3", "xai", "grok-4.3", "XAI_API_KEY"),
        ("grok-4.1-fast", "xai", "grok-4-1-fast-reasoning", "XAI_API_KEY"),
        ("gpt-5-mini", "openai", "gpt-5-mini", "OPENAI_API_KEY"),
        ("o3", "openai", "o3", "OPENAI_API_KEY"),
        ("claude-4", "anthropic", "claude-4", "ANTHROPIC_API_KEY"),
        ("openai/some-new-thing", "openai", "some-new-thing", "OPENAI_API_KEY"),
        ("openrouter/x-ai/grok-4.1-fast", "openrouter", "x-ai/grok-4.1-fast", "OPENROUTER_API_KEY"),
        ("scripted/demo", "scripted", "demo", None),
    ],
)
def test_a_name_leads_to_its_provider(name: str, provider: str, model: str, key: str | None) -> None:
    route = resolve(name)
    assert (route.name, route.provider, route.id, route.key_env) == (name, provider, model, key)
    assert route.price is None


def test_an_address_can_be_pointed_elsewhere() -> None:
    assert resolve("grok-4.3", base_urls={"xai": "http://127.0.0.1:1/v1/"}).base_url == "http://127.0.0.1:1/v1"
    assert resolve("gpt-5", base_urls={"xai": "http://127.0.0.1:1/v1"}).base_url == "https://api.openai.com/v1"


def test_an_entry_of_the_team_file_is_a_model_of_its_own() -> None:
    route = resolve("local", OWN)
    assert (route.provider, route.id, route.base_url) == ("own", "llama3.2:3b", "http://localhost:11434/v1")
    assert route.key_env is None
    assert route.price == Price(input=Decimal(0), output=Decimal(0))


def test_an_entry_without_an_address_is_another_name_for_a_known_model() -> None:
    route = resolve("cheap", OWN)
    assert (route.name, route.provider, route.id, route.key_env) == ("cheap", "xai", "grok-4-1-fast-reasoning", "XAI_API_KEY")
    assert route.price == Price(input=Decimal("0.2"), cached=Decimal("0.05"), output=Decimal("0.5"))


def test_an_entry_can_give_a_known_model_another_key() -> None:
    assert resolve("xai/grok-4.3", OWN).key_env == "OTHER_KEY"


def test_half_a_price_is_no_price() -> None:
    assert resolve("half", OWN).price is None


@pytest.mark.parametrize(
    ("name", "near"),
    [("xia/grok-4.3", "xai/grok-4.3"), ("locall", "local"), ("Grok-4.3", "grok-4.3"), ("script/demo", "scripted/demo")],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(name: str, near: str) -> None:
    with pytest.raises(UnknownModelName) as caught:
        resolve(name, OWN)
    assert near in caught.value.near
    assert f"model {name!r} is not known; expected 'provider/model'" in str(caught.value)
    assert repr(near) in str(caught.value)


@pytest.mark.parametrize("name", ["", "/", "xai/", "xai/ ", "nothing like it at all"])
def test_a_name_that_leads_nowhere_is_refused(name: str) -> None:
    with pytest.raises(UnknownModelName, match="is not known; expected"):
        resolve(name)


def test_an_entry_that_names_no_known_model_is_refused_by_that_name() -> None:
    with pytest.raises(UnknownModelName, match="model 'mystery' is not known"):
        resolve("mine", {"mine": ModelSpec(id="mystery")})


def test_the_price_is_that_of_the_model_that_served() -> None:
    cheap = resolve("cheap", OWN)
    assert price_of(cheap, "grok-4-1-fast-reasoning", OWN) == cheap.price
    assert price_of(cheap, "grok-4.3", OWN) is None
    dear = {**OWN, "grok-4.3": ModelSpec(input=Decimal("1.25"), output=Decimal("2.5"))}
    assert price_of(cheap, "grok-4.3", dear) == Price(input=Decimal("1.25"), output=Decimal("2.5"))


def test_a_dated_release_has_the_price_of_its_model() -> None:
    own = {"gpt-4o": ModelSpec(input=Decimal(2), output=Decimal(10))}
    route = resolve("gpt-4o", own)
    assert price_of(route, "gpt-4o-2024-08-06", {}) == route.price
    assert price_of(route, "gpt-4o-mini", {}) is None


def test_at_an_endpoint_of_ones_own_the_price_holds_for_whatever_answers() -> None:
    route = resolve("local", OWN)
    assert price_of(route, "Llama-3.2-3B-Instruct", OWN) == route.price
