"""Runs of ask, vote and final text at servers that refuse what each vendor is known to refuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator_bridge.model.catalogue.spec import ModelSpec
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.team.team import AgentSpec, Policy, Team
from tests.support.clock import ManualClock
from tests.support.fake_models.players import ask_if
from tests.support.fake_models.refusals import BEDROCK_RULES, LLAMA_RULES, MISTRAL_RULES, VLLM_RULES, XAI_RULES, Rule
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine

KEYS = dict.fromkeys(("XAI_API_KEY", "OPENROUTER_API_KEY", "MISTRAL_API_KEY"), "key-0123456789abcdef")


@dataclass(frozen=True, kw_only=True)
class Host:
    """A model, and the rules of the server at its address."""

    model: str
    rules: Sequence[Rule]


HOSTS = [
    Host(model="mistral/mistral-large-latest", rules=MISTRAL_RULES),
    Host(model="openrouter/mistralai/mistral-large-2512", rules=MISTRAL_RULES),
    Host(model="xai/grok-4-0709", rules=XAI_RULES),
    Host(model="openrouter/anthropic/claude-sonnet-4.5", rules=BEDROCK_RULES),
    Host(model="local", rules=MISTRAL_RULES),
    Host(model="local", rules=VLLM_RULES),
    Host(model="local", rules=LLAMA_RULES),
    Host(model="vllm/mistral-small", rules=VLLM_RULES),
    Host(model="ollama/gemma3", rules=LLAMA_RULES),
]


def client(server: ModelServer) -> ModelClient:
    """All vendors at the local server."""
    urls = dict.fromkeys(("mistral", "openrouter", "xai", "vllm", "ollama"), server.url)
    return ModelClient(keys=KEYS, base_urls=urls, own={"local": ModelSpec(base_url=server.url)})


def team_of(model: str) -> Team:
    """Two agents with this model."""
    agents = tuple(AgentSpec(name=name, model=model) for name in ("one", "two"))
    return Team(agents=agents, policy=Policy(settle_delay=0))


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: f"{host.model}-{host.rules[0].__name__}")
async def test_a_team_asks_votes_and_writes_at_a_strict_host(tmp_path: Path, host: Host) -> None:
    platform = ListPlatform(ManualClock())
    async with (
        ModelServer(ask_if("You are one"), refuses=host.rules) as server,
        start_engine(tmp_path / "t.db", server, platform, models=client(server)) as engine,
    ):
        await engine.start_run(task="a task", team=team_of(host.model), place=PLACE, by=ANA)
        await platform.until(lambda: bool(platform.questions) or engine_is_done(platform))
        await platform.person_says("begin small, please")
        await platform.person_says("PostgreSQL", question=1)
        await engine.wait_finished()
    assert not [note for note in platform.notes if "stopped" in note or "again" in note]
    assert [answer.how for answer in platform.final_answers] == ["Won the vote, 2 of 2 votes."]


def engine_is_done(platform: ListPlatform) -> bool:
    """True if the run ended before anybody asked."""
    return any("ended without an answer" in note for note in platform.notes)
