"""`townhall models` prints a table that fits into 80 columns, or JSON."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator_bridge.run.records import PromptTokensObserved
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.bot.conftest import Townhall

TEAM = """
[[team.review.agents]]
name = "one"
model = "grok-4.3"
[[team.review.agents]]
name = "two"
model = "mine"
[models.mine]
base_url = "http://localhost:1/v1"
key_env = "MINE"
input = 1
output = 2.50
"""


@pytest.fixture(autouse=True)
def team_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "townhall.toml").write_text(TEAM)
    monkeypatch.setenv("MINE", "my-secret-key")


def models(townhall: Townhall, search: str) -> dict[str, dict[str, Any]]:
    said = townhall("models", search, "--json")
    assert "my-secret-key" not in said.out + said.err
    return {model["model"]: model for model in json.loads(said.out)["models"]}


def test_the_models_of_the_team_file_come_first_and_the_table_fits_the_window(townhall: Townhall) -> None:
    lines = townhall("models").out.splitlines()
    assert lines[2].split() == ["grok-4.3", "xai", "1M", "1.25", "0.20", "2.50", "no"]
    remark = "used by review/one; needs XAI_API_KEY; from 200k of prompt $2.50 / $0.40 / $5.00"
    assert " ".join("".join(lines[3:5]).split()) == remark
    assert lines[5].split() == ["mine", "own", "?", "1.00", "2.50", "yes"]
    assert lines[6].strip() == "used by review/two; at http://localhost:1/v1; [models] of the team file"
    assert max(map(len, lines)) <= 80
    assert any(line.startswith("gpt-5.4-mini ") for line in lines)
    assert not any(line.startswith("grok-3 ") for line in lines), "old ones are shown to those who look for them"


def test_a_part_of_a_name_in_any_spelling_finds_a_model(townhall: Townhall) -> None:
    assert list(models(townhall, "4-1-fast")) == ["grok-4.1-fast", "grok-4.1-fast-non-reasoning"]
    assert "grok-3" in models(townhall, "GROK-3")
    said = townhall("models", "nothing-like-it")
    assert (said.code, said.out) == (0, "")
    assert "No model name contains 'nothing-like-it'." in said.err


def test_json_contains_all_known_facts_of_a_model(townhall: Townhall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAI_API_KEY", "xai-0123456789")
    grok = models(townhall, "grok-4.3")["grok-4.3"]
    assert (grok["provider"], grok["id"], grok["why"]) == ("xai", "grok-4.3", "the only host whose settings are set")
    assert (grok["usable"], grok["lacks"], grok["used_by"]) == (True, [], ["review/one"])
    prices = grok["usd_per_million_tokens"]
    assert (prices["input"], prices["cached_input"], prices["output"]) == ("1.25", "0.2", "2.5")
    assert prices["tiers"] == [{"above": 199999, "input": "2.5", "cached_input": "0.4", "cache_write": None, "output": "5"}]
    assert prices["source"].startswith("genai-prices ")
    mine = models(townhall, "mine")["mine"]
    assert (mine["usable"], mine["why"], mine["lifecycle"]) == (True, "[models] of the team file", None)


def test_grok_4_1_fast_shows_its_host_and_the_model_that_answers(townhall: Townhall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAI_API_KEY", "xai-0123456789")
    at_xai = models(townhall, "grok-4.1-fast")["grok-4.1-fast"]
    assert (at_xai["provider"], at_xai["context"], at_xai["usable"]) == ("xai", 1_000_000, True)
    life = at_xai["lifecycle"]
    assert (life["retires_on"], life["retired"], life["answered_by"]) == ("2026-05-15", True, "grok-4.3")
    assert "xai retired grok-4.1-fast" in " ".join(townhall("models", "grok-4.1-fast").out.split())
    monkeypatch.setenv("AZURE_AI_API_KEY", "azure-key")
    monkeypatch.setenv("AZURE_AI_API_BASE", "https://here.services.ai.azure.com")
    at_azure = models(townhall, "grok-4.1-fast")["grok-4.1-fast"]
    assert (at_azure["provider"], at_azure["why"]) == ("azure_ai", "xai retired it, azure_ai has it")
    assert at_azure["usd_per_million_tokens"]["output"] == "0.5"
    assert at_azure["lifecycle"]["retired"] is False


def test_an_unknown_key_of_a_model_is_refused_with_the_known_keys(townhall: Townhall, folder: Path) -> None:
    (folder / "townhall.toml").write_text(TEAM + "contxt = 1000\n[[models.mine.tiers]]\nabove = 10\nprice = 1\n")
    said = townhall("models")
    assert said.code == 1
    assert "models.mine.contxt" in said.err
    assert "did you mean 'context'?" in said.err
    assert "requests_per_minute" in said.err
    assert "models.mine.tiers[1].price" in said.err
    assert "one of: above, input, cached_input, cache_write, output" in said.err


def test_a_model_is_listed_with_the_accuracy_of_its_token_counts(townhall: Townhall, folder: Path) -> None:
    asyncio.run(_learn(folder / "data" / "townhall.db"))
    assert "prompts estimated by size, reported 1.25 times that (1 call)" in " ".join(townhall("models", "grok-4.3").out.split())
    counting = models(townhall, "grok-4.3")["grok-4.3"]["counting"]
    assert counting == [{"model": "xai/grok-4.3", "counted_by": "estimate", "ratio": 1.25, "calls": 1}]
    assert models(townhall, "mine")["mine"]["counting"] == []


def test_models_are_listed_although_the_store_cannot_be_read(townhall: Townhall, folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "townhall.db").write_bytes(b"not a database" * 100)
    said = townhall("models", "grok-4.3")
    assert said.code == 0
    assert "grok-4.3" in said.out
    assert "the accuracy of token counts is unknown" in said.err


async def _learn(file: Path) -> None:
    store = await SqliteStore.open(file)
    await store.append(rows=[PromptTokensObserved(model="xai/grok-4.3", by="estimate", counted=100, reported=125, at=1.0)])
    await store.close()
