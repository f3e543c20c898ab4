"""Tokens that come from a provider's cache: a run is sent so that the provider finds them, and `/cost` shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator_bridge.store.interface import Spending
from tests.bot.commands.test_models import start_bot
from tests.support.fake_models.anthropic_wire import ANTHROPIC
from tests.support.fake_models.players import team_behaviour
from tests.support.fake_models.prompt_cache import BreakpointCache, PrefixCache
from tests.support.fake_models.refusals import OPENROUTER_RULES, Rule
from tests.support.fake_models.replies import ModelCall
from tests.support.fake_models.server import ModelServer
from tests.support.fake_models.wire import Wire
from tests.support.running_engine import ListPlatform

TASK = "Plan how our ordering service moves to its own database. " + "What the service does today, in detail: " * 200
TEAMS = """
default_team = "three"
[team.three.policy]
settle_delay = "0s"
"""
AGENT = """
[[team.three.agents]]
name = "{name}"
model = "{model}"
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model, how its provider's cache works, and the share of a run's prompts that it must find.

    The call for the final text has another `tool_choice`, so Claude's cache finds its tools and system message alone.
    """

    model: str
    cache: type[PrefixCache | BreakpointCache]
    wire: Wire | None = None
    refuses: Sequence[Rule] = ()
    below: str = "/v1"
    share: float = 0.5


CASES = {
    "chat completions of OpenAI": Case(model="gpt-4.1", cache=PrefixCache),
    "responses of OpenAI": Case(model="gpt-5.6", cache=PrefixCache),
    "chat completions of xAI": Case(model="grok-4.20-non-reasoning", cache=PrefixCache),
    "responses of xAI": Case(model="grok-4.3", cache=PrefixCache),
    "mistral": Case(model="mistral/mistral-large-latest", cache=PrefixCache),
    "claude": Case(model="claude-sonnet-4-5", cache=BreakpointCache, wire=ANTHROPIC, below="", share=0.4),
    "claude at OpenRouter": Case(
        model="openrouter/anthropic/claude-sonnet-4.5", cache=BreakpointCache, refuses=OPENROUTER_RULES, share=0.4
    ),
}


async def run_of_three(folder: Path, case: Case, *names: str) -> tuple[list[Spending], str, list[ModelCall]]:
    """Spending by model, what `/cost by model` shows, and the requests of a run of three agents."""
    agents = "".join(AGENT.format(name=name, model=case.model) for name in names)
    async with ModelServer(case.cache(team_behaviour), wire=case.wire, refuses=case.refuses) as server:
        vendors = ("OPENAI", "XAI", "MISTRAL", "ANTHROPIC", "OPENROUTER")
        settings = {f"{vendor}_API_KEY": f"key-of-{vendor}" for vendor in vendors}
        settings |= {f"{vendor}_BASE_URL": f"{server.root}{case.below}" for vendor in vendors}
        async with start_bot(folder, server, TEAMS + agents, platform=ListPlatform, **settings) as bot:
            await bot.run(TASK)
            (table,) = (await bot("cost", "by model")).tables
            spending = await bot.app.store.spending("model")
        assert "tokens in" in table.columns
        return spending, dict(zip(table.columns, map(str, table.rows[0]), strict=True))["cached"], server.requests


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_half_of_what_three_agents_send_comes_from_the_cache_and_cost_shows_it(tmp_path: Path, case: Case) -> None:
    (line,), shown, requests = await run_of_three(tmp_path, case, "one", "two", "three")
    assert len(requests) == 7
    assert line.cached / line.input >= case.share
    assert shown == f"{line.cached:,} ({line.cached / line.input:.0%})"
