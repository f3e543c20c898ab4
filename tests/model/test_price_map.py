"""LiteLLM's price map is read as data: the package is not imported, and single entries equal those of the whole file."""

from __future__ import annotations

import json
import subprocess
import sys
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path

import pytest

from orchestrator_bridge.model.catalogue.providers import PROVIDERS
from orchestrator_bridge.model.catalogue.sources import bundled_entry, bundled_facts

ROOT = Path(__file__).parents[2]


def the_whole_map() -> dict[str, object]:
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    file = Path(spec.origin).parent / "model_prices_and_context_window_backup.json"
    whole: dict[str, object] = json.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    return whole


def test_each_entry_equals_that_of_the_parsed_file() -> None:
    whole = the_whole_map()
    for key in [*list(whole)[::97], *list(whole)[-40:], "xai/grok-4.3", "gpt-5", "claude-haiku-5-5"]:
        assert bundled_entry(key) == whole[key], key


def test_a_missing_entry_is_none() -> None:
    assert bundled_entry("xai/grok-4-1-fast-reasoning") is None
    assert bundled_entry("mode") is None, "a key inside of a model is no model"
    assert bundled_facts("xai/grok-voice-3.0", PROVIDERS["xai"]) is None, "not a model to chat with"


def test_rates_become_dollars_per_million_to_the_last_digit() -> None:
    facts = bundled_facts("gemini/gemini-3.8-flash", PROVIDERS["gemini"])
    assert facts is not None
    assert (facts.input, facts.cached_input, facts.output) == (Decimal("0.75"), Decimal("0.075"), Decimal("3.75"))


@pytest.mark.parametrize(
    ("key", "provider", "above"), [("xai/grok-4.3", "xai", 199_999), ("gemini/gemini-2.5-pro", "gemini", 200_000)]
)
def test_a_tier_begins_at_its_vendors_bound(key: str, provider: str, above: int) -> None:
    facts = bundled_facts(key, PROVIDERS[provider])
    assert facts is not None
    assert facts.tiers is not None
    assert [tier.above for tier in facts.tiers] == [above]


RUN = """
import sys
from bot.app import load_config
start = load_config()
{what}
print("litellm" in sys.modules, "openai" in sys.modules, bool(sources._map_text.cache_info().currsize))
"""


@pytest.mark.parametrize(
    ("what", "read"),
    [
        ("from bot.cli.run import startup_summary; startup_summary(start)", False),
        ("start.route('grok-4.1-fast').price.input", True),
        ("start.route('claude-opus-5-5').price.input", True),
    ],
    ids=["demo", "grok", "claude"],
)
def test_no_start_imports_litellm_and_the_demo_does_not_read_its_map(what: str, read: bool, tmp_path: Path) -> None:
    code = "from orchestrator_bridge.model.catalogue import sources\n" + RUN.format(what=what)
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == ["False", "False", str(read)]
