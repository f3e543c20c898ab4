"""Grok 4.1 Fast: its spellings, the choice of its host, and the notice of its retirement. Today is 2026-11-22."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from orchestrator_bridge.model.catalogue import lifecycle_notice, price_of, resolve, served_model_notice

TODAY = date(2026, 11, 22)
XAI = {"XAI_API_KEY"}
AZURE = {"AZURE_AI_API_KEY", "AZURE_AI_API_BASE"}
VERTEX = {"VERTEXAI_PROJECT", "VERTEXAI_LOCATION"}
OPENROUTER = {"OPENROUTER_API_KEY"}

REASONING = (
    "grok-4.1-fast",
    "grok-4-1-fast",
    "x-ai/grok-4.1-fast",
    "grok-4.1-fast-reasoning",
    "Grok-4.1-Fast",
    "grok 4.1 fast",
    "grok-4-1-fast-reasoning",
    "xai/grok-4.1-fast",
    "xai/grok-4-1-fast-reasoning",
    "xai/grok-4.1-fast-reasoning",
)
NON_REASONING = (
    "grok-4.1-fast-non-reasoning",
    "grok-4-1-fast-non-reasoning",
    "xai/grok-4-1-fast-non-reasoning",
    "xai/grok-4.1-fast-non-reasoning",
)


@pytest.mark.parametrize("name", REASONING)
def test_every_spelling_reaches_it_at_xai(name: str) -> None:
    route = resolve(name, have=XAI, today=TODAY)
    assert (route.name, route.provider, route.id) == (name, "xai", "grok-4-1-fast-reasoning")


@pytest.mark.parametrize("name", NON_REASONING)
def test_every_spelling_reaches_the_one_that_does_not_reason(name: str) -> None:
    route = resolve(name, have=XAI, today=TODAY)
    assert (route.provider, route.id) == ("xai", "grok-4-1-fast-non-reasoning")


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [
        ("vertex_ai/xai/grok-4.1-fast-reasoning", "vertex_ai", "xai/grok-4.1-fast-reasoning"),
        ("vertex_ai/grok-4.1-fast-non-reasoning", "vertex_ai", "xai/grok-4.1-fast-non-reasoning"),
        ("azure_ai/grok-4-1-fast-reasoning", "azure_ai", "grok-4-1-fast-reasoning"),
        ("azure_ai/grok-4.1-fast", "azure_ai", "grok-4-1-fast-reasoning"),
        ("openrouter/x-ai/grok-4.1-fast", "openrouter", "x-ai/grok-4.1-fast"),
        ("openrouter/grok-4.1-fast", "openrouter", "x-ai/grok-4.1-fast"),
    ],
)
def test_a_named_host_is_used_whatever_is_set(name: str, provider: str, model: str) -> None:
    route = resolve(name, have=XAI, today=TODAY)
    assert (route.provider, route.id, route.why) == (provider, model, f"{provider} is named")


@pytest.mark.parametrize(
    ("have", "provider", "context"),
    [
        (XAI | AZURE, "azure_ai", 128_000),
        (XAI | VERTEX, "vertex_ai", 128_000),
        (XAI | OPENROUTER, "xai", 1_000_000),  # OpenRouter has no endpoint for it any more
        (OPENROUTER | VERTEX, "vertex_ai", 128_000),
        (XAI | {"AZURE_AI_API_KEY"}, "xai", 1_000_000),  # half of Azure's settings are not enough
    ],
)
@pytest.mark.parametrize("name", ["grok-4.1-fast", "grok-4.1-fast-non-reasoning"])
def test_with_another_hosts_settings_it_goes_to_the_genuine_model(name: str, have: set[str], provider: str, context: int) -> None:
    route = resolve(name, have=have, today=TODAY)
    assert (route.provider, route.context) == (provider, context)
    assert route.price is not None
    if provider == "xai":
        assert (route.price.input, route.price.output) == (Decimal("1.25"), Decimal("2.50"))
    else:
        assert (route.price.input, route.price.output) == (Decimal("0.20"), Decimal("0.50"))
        assert lifecycle_notice(route, TODAY) == ""


def test_a_route_states_the_reason_for_its_choice() -> None:
    assert resolve("grok-4.1-fast", have=XAI | VERTEX, today=TODAY).why == "xai retired it, vertex_ai has it"
    assert resolve("grok-4.1-fast", have=XAI | OPENROUTER, today=TODAY).why == "the vendor's own"
    assert resolve("grok-4.3", have=OPENROUTER, today=TODAY).why == "XAI_API_KEY is not set, openrouter has it"
    assert resolve("grok-4.3", have=XAI, today=TODAY).why == "the only host whose settings are set"
    assert resolve("grok-4.3", have=XAI | OPENROUTER, today=TODAY).why == "the vendor's own"
    assert resolve("grok-4.3", today=TODAY).why == "the vendor's own; no host's settings are set"
    assert resolve("grok-build-0.1", today=TODAY).why == "its only host here"


def test_with_xais_key_alone_the_notice_names_successor_and_price() -> None:
    route = resolve("grok-4.1-fast", have=XAI, today=TODAY)
    assert lifecycle_notice(route, TODAY) == (
        "xai retired grok-4.1-fast (grok-4-1-fast-reasoning) on 2026-05-15; grok-4.3 answers instead with reasoning effort low,"
        " at $1.25 in, $0.20 cached, $2.50 out per million tokens; from 200k of prompt $2.50 / $0.40 / $5.00."
    )
    quick = resolve("grok-4.1-fast-non-reasoning", have=XAI, today=TODAY)
    assert "grok-4.3 answers instead with reasoning effort none" in lifecycle_notice(quick, TODAY)


def test_at_xai_it_is_billed_as_its_successor_whatever_the_response_names() -> None:
    route = resolve("grok-4.1-fast", have=XAI, today=TODAY)
    for served in ("grok-4.3", "grok-4-1-fast-reasoning"):
        price = price_of(route, served)
        assert price is not None
        assert (price.input, price.cached, price.output) == (Decimal("1.25"), Decimal("0.20"), Decimal("2.50"))


def test_before_its_retirement_its_own_facts_apply() -> None:
    route = resolve("grok-4.1-fast", have=XAI | OPENROUTER, today=date(2026, 2, 1))
    assert (route.provider, route.context) == ("xai", 2_000_000)
    assert route.price is not None
    assert (route.price.input, route.price.output) == (Decimal("0.20"), Decimal("0.50"))
    assert lifecycle_notice(route, date(2026, 2, 1)) == ""


def test_the_non_reasoning_spelling_sets_the_effort() -> None:
    route = resolve("grok-4.1-fast-non-reasoning", have=OPENROUTER, today=TODAY)
    assert (route.id, route.effort, route.efforts) == ("x-ai/grok-4.1-fast", "none", ("none",))
    assert route.accepts is not None
    assert "reasoning_effort" in route.accepts


@pytest.mark.parametrize(
    ("name", "answering"),
    [
        ("grok-2", "grok-4.3"),
        ("grok-3", "grok-4.3"),
        ("grok-3-mini", "grok-4.3"),
        ("grok-4", "grok-4.3"),
        ("grok-4-0709", "grok-4.3"),
        ("grok-4-fast", "grok-4.3"),
        ("grok-4-fast-non-reasoning", "grok-4.3"),
        ("grok-code-fast-1", "grok-4.3"),
    ],
)
def test_an_older_model_names_its_successor(name: str, answering: str) -> None:
    route = resolve(name, have=XAI, today=TODAY)
    said = lifecycle_notice(route, TODAY)
    assert said.startswith(f"xai retired {name}")
    assert f"on 2026-05-15; {answering} answers instead" in said
    assert route.price == resolve(answering).price


@pytest.mark.parametrize("name", ["grok-4.3", "grok-4.5", "grok-4.6", "grok-4.7", "grok-4.20"])
def test_the_current_ones_are_not_retired(name: str) -> None:
    assert lifecycle_notice(resolve(name, have=XAI, today=TODAY), TODAY) == ""


def test_grok_build_has_ended_without_a_successor() -> None:
    said = lifecycle_notice(resolve("grok-build-0.1", have=XAI, today=TODAY), TODAY)
    assert said == "xai retired grok-build-0.1 on 2026-11-19; requests to it are refused. Choose another model."


def test_with_openrouters_key_alone_grok_4_1_fast_is_refused_with_a_notice() -> None:
    route = resolve("grok-4.1-fast", have=OPENROUTER, today=TODAY)
    assert lifecycle_notice(route, TODAY).endswith("requests to it are refused. Choose another model.")


def test_the_multi_agent_model_takes_no_tools() -> None:
    assert resolve("grok-4.20-multi-agent").tools is False


def test_only_an_answer_by_an_unannounced_model_gives_a_notice() -> None:
    route = resolve("grok-4.1-fast", have=XAI, today=TODAY)
    assert served_model_notice(route, "grok-4.3") == ""
    assert served_model_notice(route, "grok-4-1-fast-reasoning") == ""
    assert served_model_notice(route, "grok-4.7").startswith(
        "xai answered with grok-4.7 instead of 'grok-4-1-fast-reasoning'. It is billed at $2.00 in"
    )
    elsewhere = resolve("grok-4.1-fast", have=OPENROUTER, today=TODAY)
    assert served_model_notice(elsewhere, "x-ai/grok-4.1-fast") == ""
    assert served_model_notice(elsewhere, "x-ai/grok-4.1-fast-20251119") == ""
    assert served_model_notice(elsewhere, "x-ai/grok-4.3").startswith(
        "openrouter answered with x-ai/grok-4.3 instead of 'x-ai/grok-4.1-fast'."
    )
    assert served_model_notice(resolve("ollama/llama3.2"), "anything") == ""


def test_a_refused_id_names_its_replacement() -> None:
    said = served_model_notice(resolve("xai/grok-4.3"), "grok-4.3", refused=resolve("xai/grok-4.1-fast"))
    assert said.startswith("xai no longer accepts 'grok-4-1-fast-reasoning'. grok-4.3 answers in its place, at $1.25 in")
