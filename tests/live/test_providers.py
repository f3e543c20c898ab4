"""Providers for real: two turns with a tool call each, the usage that they report, and what is booked beside what they state.

Nothing of this runs by itself; `make test-live` does, for the providers whose keys are set. A provider's test costs less than a
cent.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from bot.config.settings import read_settings
from orchestrator_bridge.model.catalogue import price_of
from orchestrator_bridge.model.catalogue.pricing import cost
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.interface import Message, Request, Response
from tests.live.conftest import keys
from tests.support.model_calls import NEW_ANSWER

pytestmark = pytest.mark.live


@dataclass(frozen=True, kw_only=True)
class LiveProvider:
    """A provider, the setting of its key, and a cheap model of it with tools."""

    name: str
    key: str
    model: str


PROVIDERS = (
    LiveProvider(name="xai", key="XAI_API_KEY", model="xai/grok-4.3"),
    LiveProvider(name="openai", key="OPENAI_API_KEY", model="openai/gpt-6.1-terra"),
    LiveProvider(name="mistral", key="MISTRAL_API_KEY", model="mistral/mistral-small-latest"),
    LiveProvider(name="anthropic", key="ANTHROPIC_API_KEY", model="anthropic/claude-haiku-4-5"),
    LiveProvider(name="google", key="GEMINI_API_KEY", model="gemini/gemini-2.5-flash"),
    LiveProvider(name="openrouter", key="OPENROUTER_API_KEY", model="openrouter/deepseek/deepseek-v4-flash"),
)

# Most providers cache prompts from 1,024 tokens on.
RULES = "You are planner. Answer with one call of the tool new_answer and nothing else.\n" + "\n".join(
    f"Rule {number}: an answer names one small step and says what it costs." for number in range(1, 80)
)
MOST = Decimal("0.01")
"""US dollars of both turns."""


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
async def test_two_turns_with_a_tool_each_are_answered_counted_and_booked(provider: LiveProvider) -> None:
    settings = read_settings(Path(".env"), os.environ)
    models = ModelClient(keys=keys(), base_urls=settings.base_urls)
    try:
        asked = Message(role="user", text="Call new_answer with the content: begin small")
        first = await models.respond(_request(provider, Message(role="system", text=RULES), asked))
        result = Message(role="tool", text="Received.", tool_call=first.tool_calls[0].id)
        said = Message(role="assistant", text=first.text, tool_calls=first.tool_calls[:1], kept=first.kept)
        again = Message(role="user", text="Call new_answer again, with the content: go on")
        second = await models.respond(_request(provider, Message(role="system", text=RULES), asked, said, result, again))
        route = models.check(provider.model)
    finally:
        await models.close()
    for response, words in ((first, "begin small"), (second, "go on")):
        assert words in json.loads(response.tool_calls[0].arguments)["content"].casefold()
        assert not response.usage.estimated
        assert response.usage.input > 1000
        assert 0 <= response.usage.cached <= response.usage.input
        assert response.cost is not None
        price = price_of(route, response.served)
        listed = cost(response.usage, price) if price else None
        print(
            f"\n{provider.model} was served by {response.served}: {response.usage.input} tokens, {response.usage.cached} from its"
            f" cache, {response.usage.output} out; booked ${response.cost} ({response.cost_source}), by the price list ${listed}"
        )
    assert _sum(first, second) < MOST


def _request(provider: LiveProvider, *messages: Message) -> Request:
    return Request(
        agent="planner",
        model=provider.model,
        messages=messages,
        tools=(NEW_ANSWER,),
        max_output=512,
        conversation="townhall-live-planner",
    )


def _sum(*responses: Response) -> Decimal:
    return sum((response.cost or Decimal(0) for response in responses), Decimal(0))
