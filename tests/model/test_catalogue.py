"""Resolution of model names into routes, changes by the team file, and errors for unknown names."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from orchestrator_bridge.model.catalogue import PROVIDERS, UnknownModelName, price_of, resolve, similar_names
from orchestrator_bridge.model.catalogue.pricing import Tier
from orchestrator_bridge.model.catalogue.sources import model_entries
from orchestrator_bridge.model.catalogue.spec import ModelSpec, TierFacts

OWN = {
    "local": ModelSpec(base_url="http://localhost:11434/v1/", id="llama3.2:3b", input=Decimal(0), output=Decimal(0)),
    "cheap": ModelSpec(id="grok-4.1-fast", input=Decimal("0.1"), cached_input=Decimal("0.05"), output=Decimal("0.5")),
    "xai/grok-4.3": ModelSpec(key_env="OTHER_KEY"),
    "half": ModelSpec(id="xai/not-listed", input=Decimal(1)),
}


@pytest.mark.parametrize(
    ("name", "provider", "model", "key"),
    [
        ("xai/grok-4.3", "xai", "grok-4.3", "XAI_API_KEY"),
        ("grok-4.3", "xai", "grok-4.3", "XAI_API_KEY"),
        ("gpt-5-mini", "openai", "gpt-5-mini", "OPENAI_API_KEY"),
        ("o3", "openai", "o3", "OPENAI_API_KEY"),
        ("claude-opus-5.5", "anthropic", "claude-opus-5-5", "ANTHROPIC_API_KEY"),
        ("claude-9", "anthropic", "claude-9", "ANTHROPIC_API_KEY"),
        ("gemini-2.5-flash", "gemini", "gemini-2.5-flash", "GEMINI_API_KEY"),
        ("mistral-large", "mistral", "mistral-large-latest", "MISTRAL_API_KEY"),
        ("deepseek-v4-flash", "deepseek", "deepseek-v4-flash", "DEEPSEEK_API_KEY"),
        ("openai/some-new-thing", "openai", "some-new-thing", "OPENAI_API_KEY"),
        ("openrouter/x-ai/grok-4.1-fast", "openrouter", "x-ai/grok-4.1-fast", "OPENROUTER_API_KEY"),
        ("ollama/llama3.2:3b", "ollama", "llama3.2:3b", None),
        ("vllm/my/own-model", "vllm", "my/own-model", None),
        ("scripted/demo", "scripted", "demo", None),
    ],
)
def test_a_name_leads_to_its_provider(name: str, provider: str, model: str, key: str | None) -> None:
    route = resolve(name)
    assert (route.name, route.provider, route.id, route.key_env) == (name, provider, model, key)


@pytest.mark.parametrize(
    ("name", "client", "litellm_model", "needs"),
    [
        ("grok-4.3", "openai", "", ("XAI_API_KEY",)),
        ("claude-sonnet-5", "litellm", "anthropic/claude-sonnet-5", ("ANTHROPIC_API_KEY",)),
        ("vertex_ai/xai/grok-4.3", "litellm", "vertex_ai/xai/grok-4.3", ("VERTEXAI_PROJECT", "VERTEXAI_LOCATION")),
        ("azure_ai/grok-4.3", "litellm", "azure_ai/grok-4.3", ("AZURE_AI_API_KEY", "AZURE_AI_API_BASE")),
        ("ollama/llama3.3", "openai", "", ()),
        ("scripted/demo", "scripted", "", ()),
    ],
)
def test_a_route_says_who_calls_it_and_what_it_needs(name: str, client: str, litellm_model: str, needs: tuple[str, ...]) -> None:
    route = resolve(name)
    assert (route.client, route.litellm_model, route.needs) == (client, litellm_model, needs)
    assert route.extra == ("vertex" if name.startswith("vertex_ai") else None)


def test_every_listed_model_has_all_that_a_picker_shows() -> None:
    for name in model_entries():
        route = resolve(name)
        assert route.price is not None, name
        assert route.context is not None or route.provider == "ollama", name
        assert route.tools is not None, name


def test_every_spelling_leads_to_one_model_only() -> None:
    taken: dict[str, str] = {}
    for name, entry in model_entries().items():
        for spelling in (name, *entry.also):
            assert taken.setdefault(spelling, name) == name
            before, slash, _ = spelling.partition("/")
            assert not (slash and before in PROVIDERS), "a provider in front leads there, whatever else it may spell"


def test_a_listed_model_has_its_sizes_abilities_efforts_and_parameters() -> None:
    route = resolve("grok-4.3")
    assert (route.context, route.tools, route.vision) == (1_000_000, True, True)
    assert route.efforts == ("none", "low", "medium", "high")
    assert route.accepts is not None
    assert {"temperature", "reasoning_effort", "tool_choice"} <= route.accepts
    assert not route.accepts & {"stop", "presence_penalty", "frequency_penalty"}


@pytest.mark.parametrize("name", ["grok-4.1-fast", "grok-4.20", "gpt-4.1", "deepseek-chat"])
def test_a_model_whose_effort_cannot_be_chosen_takes_no_such_parameter(name: str) -> None:
    route = resolve(name)
    assert route.efforts == ()
    assert route.accepts is not None
    assert "reasoning_effort" not in route.accepts


def test_a_name_with_blanks_is_not_a_vendors_id() -> None:
    with pytest.raises(UnknownModelName, match=r"Did you mean 'grok-4\.3'"):
        resolve("grok 4.3 please")


def test_the_parameters_of_an_own_endpoint_are_unknown() -> None:
    assert resolve("local", OWN).accepts is None
    assert resolve("ollama/llama3.3").accepts is None


def test_an_unlisted_model_has_the_facts_of_the_bundled_map() -> None:
    route = resolve("mistral/mistral-medium-2604")
    assert route.context == 262144
    assert resolve("xai/nobody-knows-it").price is None


def test_an_address_can_be_replaced() -> None:
    assert resolve("grok-4.3", base_urls={"xai": "http://127.0.0.1:1/v1/"}).base_url == "http://127.0.0.1:1/v1"
    assert resolve("gpt-5", base_urls={"xai": "http://127.0.0.1:1/v1"}).base_url == "https://api.openai.com/v1"


def test_an_entry_of_the_team_file_is_a_model_of_its_own() -> None:
    route = resolve("local", OWN)
    assert (route.provider, route.id, route.base_url) == ("own", "llama3.2:3b", "http://localhost:11434/v1")
    assert route.key_env is None
    assert route.price is not None
    assert (route.price.input, route.price.output) == (Decimal(0), Decimal(0))


def test_an_entry_without_an_address_is_an_alias_of_a_known_model() -> None:
    route = resolve("cheap", OWN)
    assert (route.name, route.provider, route.id, route.key_env) == ("cheap", "xai", "grok-4-1-fast-reasoning", "XAI_API_KEY")
    assert route.price is not None
    assert (route.price.input, route.price.cached, route.price.output) == (Decimal("0.1"), Decimal("0.05"), Decimal("0.5"))
    assert route.price.source == "townhall.toml"
    assert route.context == 2_000_000, "what the entry leaves out stays as it is known"


def test_an_entry_can_state_all_facts_of_a_model() -> None:
    tiers = (
        TierFacts(above=200_000, input=Decimal(4), output=Decimal(8)),
        TierFacts(above=100_000, input=Decimal(2), output=Decimal(4)),
    )
    spec = ModelSpec(
        base_url="http://localhost:1/v1",
        input=Decimal(1),
        output=Decimal(2),
        tiers=tiers,
        context=300_000,
        max_output=8_000,
        tools=True,
        vision=False,
        efforts=("low", "high"),
        accepts=("temperature",),
        requests_per_minute=10,
        tokens_per_minute=20_000,
        retires_on=date(2027, 1, 1),
    )
    route = resolve("mine", {"mine": spec})
    assert route.price is not None
    assert [tier.above for tier in route.price.tiers] == [100_000, 200_000], "in order, whatever the file's"
    assert route.price.tiers[0] == Tier(above=100_000, input=Decimal(2), output=Decimal(4))
    assert (route.context, route.max_output, route.tools, route.vision) == (300_000, 8_000, True, False)
    assert (route.efforts, route.accepts) == (("low", "high"), frozenset({"temperature"}))
    assert (route.requests_per_minute, route.tokens_per_minute) == (10, 20_000)
    assert route.lifecycle is not None
    assert route.lifecycle.retires_on == date(2027, 1, 1)


def test_an_entry_can_give_a_known_model_another_key() -> None:
    route = resolve("xai/grok-4.3", OWN)
    assert (route.key_env, route.needs) == ("OTHER_KEY", ("OTHER_KEY",))


def test_half_a_price_is_ignored() -> None:
    assert resolve("half", OWN).price is None


@pytest.mark.parametrize(
    ("name", "near"),
    [("xia/grok-4.3", "xai/grok-4.3"), ("locall", "local"), ("grog-4.3", "grok-4.3"), ("script/demo", "scripted/demo")],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(name: str, near: str) -> None:
    with pytest.raises(UnknownModelName) as caught:
        resolve(name, OWN)
    assert near in caught.value.near
    assert f"model {name!r} is not known; expected a name that `townhall models` lists" in str(caught.value)
    assert repr(near) in str(caught.value)


@pytest.mark.parametrize("name", ["", "/", "xai/", "xai/ ", "nothing like it at all"])
def test_a_name_without_a_model_is_refused(name: str) -> None:
    with pytest.raises(UnknownModelName, match="is not known; expected"):
        resolve(name)


def test_an_entry_that_names_no_known_model_is_refused_by_that_name() -> None:
    with pytest.raises(UnknownModelName, match="model 'mystery' is not known"):
        resolve("mine", {"mine": ModelSpec(id="mystery")})


def test_the_price_is_that_of_the_model_that_served() -> None:
    cheap = resolve("cheap", OWN)
    assert price_of(cheap, "grok-4-1-fast-reasoning", OWN) == cheap.price
    assert price_of(cheap, "grok-4.3", OWN) == resolve("grok-4.3").price
    assert price_of(cheap, "a-model-of-tomorrow", OWN) is None
    dear = {**OWN, "grok-4.3": ModelSpec(input=Decimal("9.25"), output=Decimal("2.5"))}
    served = price_of(cheap, "grok-4.3", dear)
    assert served is not None
    assert served.input == Decimal("9.25")


def test_a_dated_release_has_the_price_of_its_model() -> None:
    route = resolve("gpt-5-mini")
    assert price_of(route, "gpt-5-mini-2025-08-07") == route.price
    assert price_of(route, "gpt-5-nano") == resolve("gpt-5-nano").price


def test_at_an_own_endpoint_the_price_applies_to_any_answer() -> None:
    route = resolve("local", OWN)
    assert price_of(route, "Llama-3.2-3B-Instruct", OWN) == route.price


def test_a_script_is_not_taken_for_a_misspelt_model() -> None:
    own = {"m": ModelSpec(base_url="http://localhost:1/v1")}
    assert similar_names(resolve("scripted/demo", own), own) == ()
