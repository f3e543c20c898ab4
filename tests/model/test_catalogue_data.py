"""Our own list beside LiteLLM's price map: every correction differs from the map and has a source; the rest is in the map."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator_bridge.model.catalogue import PROVIDERS
from orchestrator_bridge.model.catalogue.resolve import route_of
from orchestrator_bridge.model.catalogue.sources import NO_MAP_KEY, bundled_facts, model_entries
from orchestrator_bridge.model.catalogue.spec import HostEntry, ModelFacts

DATA = Path(__file__).parents[2] / "orchestrator_bridge" / "model" / "catalogue" / "data"
HOSTS = [host for entry in model_entries().values() for host in entry.hosts]


def mapped(host: HostEntry) -> ModelFacts | None:
    """What the map says of a model at a host; None where it is silent, or not asked."""
    provider = PROVIDERS[host.provider]
    key = host.map_key or provider.map_key(host.id)
    return None if provider.any_model or key == NO_MAP_KEY else bundled_facts(key, provider)


def corrections(host: HostEntry, facts: ModelFacts) -> Iterator[tuple[str, bool]]:
    """The facts that our list writes, and whether the map says the same."""
    for name in ModelFacts.model_fields:
        ours, theirs = getattr(host, name), getattr(facts, name)
        if name in host.model_fields_set:
            yield name, _plain(ours) == _plain(theirs)


def _plain(value: Any) -> Any:
    return set(value) if isinstance(value, tuple) else value


def table_of(host: HostEntry) -> str:
    """The text of a host's table in our files; several hosts may have the same id."""
    head = re.escape(f'provider = "{host.provider}"\nid = "{host.id}"\n')
    texts = [file.read_text(encoding="utf-8") for file in sorted(DATA.glob("*.toml"))]
    return "\n".join(found for text in texts for found in re.findall(f"{head}.*?(?=\n\\[|\\Z)", text, re.DOTALL))


@pytest.mark.parametrize("host", HOSTS, ids=[f"{host.provider}/{host.id}" for host in HOSTS])
def test_a_correction_differs_from_the_map_and_says_why(host: HostEntry) -> None:
    facts = mapped(host)
    for name, same in corrections(host, facts) if facts else ():
        assert not same, f"{name} is what the map says by now: take it out"
        why = re.search(rf"^(?:#.*\n{name} = |{name} = .*#)", table_of(host), re.MULTILINE)
        assert why or host.note, f"{name} differs from the map, and nothing says why"
    assert host.as_of is not None


@pytest.mark.parametrize("host", HOSTS, ids=[f"{host.provider}/{host.id}" for host in HOSTS])
def test_every_host_of_a_model_has_plausible_sizes_and_a_price(host: HostEntry) -> None:
    route = route_of(host)
    assert route.price is not None
    assert route.tools is not None
    if host.provider in ("ollama", "vllm"):
        return
    price = route.price
    assert route.context is not None
    assert 100_000 <= route.context <= 2_100_000
    assert route.max_output is None or 4_000 <= route.max_output <= route.context
    assert 0 < price.input <= price.output <= 100
    assert price.cached is None or 0 < price.cached <= price.input
    assert all(tier.input >= price.input and tier.output >= price.output for tier in price.tiers)
    assert price.source
    assert price.as_of or price.source == "LiteLLM's map" or price.source.startswith("genai-prices ")
