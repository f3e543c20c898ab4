"""xAI for real: one call, one tool call, who served, what was booked, and our count beside xAI's own tokenizer.

Nothing of this runs by itself; `make test-live` does, with XAI_API_KEY in the environment or in .env.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from bot.config.settings import read_variables
from orchestrator_bridge.model.catalogue import price_of
from orchestrator_bridge.model.catalogue.pricing import cost
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.tokens import estimate
from tests.support.model_calls import create_request

pytestmark = pytest.mark.live

MODEL = os.environ.get("LIVE_MODEL", "xai/grok-4.3")
TOKENIZER = "/tokenize-text"
"""docs.x.ai, "Tokenize text": the tokens of a text as the model sees it."""

TEXT = """Townhall lets a team of agents and a team of people work on one task. "Which database?", asks the planner;
Alice answers from her phone: «PostgreSQL – aber erst nächste Woche». def total(rows): return sum(row.cost for row in rows)"""


@pytest.fixture(scope="session")
def key() -> str:
    found = read_variables(Path(".env"), os.environ).get("XAI_API_KEY")
    if found is None or not found.value.strip():
        pytest.exit("XAI_API_KEY is not set: put it into the environment or into .env, then run `make test-live` again", 2)
    return found.value.strip()


@pytest.fixture
async def models(key: str) -> AsyncIterator[ModelClient]:
    models = ModelClient(keys={"XAI_API_KEY": key})
    yield models
    await models.close()


async def test_a_call_is_answered_by_a_model_whose_price_is_known(models: ModelClient) -> None:
    route = models.check(MODEL)
    response = await models.respond(create_request("Answer with the one word: ready", model=MODEL, tools=()))
    print(f"\n{MODEL} was served by {response.served}: {response.usage}, ${response.cost}")
    assert "ready" in response.text.casefold()
    assert response.served
    assert response.usage.input > 0
    assert not response.usage.estimated
    price = price_of(route, response.served)
    assert price is not None, f"no price is known for {response.served!r}, which answered"
    assert response.cost == cost(response.usage, price)


async def test_a_tool_is_called(models: ModelClient) -> None:
    response = await models.respond(create_request("Call the tool new_answer with the content: begin small", model=MODEL))
    (call,) = response.tool_calls
    assert call.name == "new_answer"
    assert "begin small" in json.loads(call.arguments)["content"].casefold()


async def test_our_count_is_near_to_xais_own(models: ModelClient, key: str) -> None:
    route = models.check(MODEL)
    async with httpx.AsyncClient(timeout=30) as client:
        body = {"model": route.id, "text": TEXT}
        answer = await client.post(f"{route.base_url}{TOKENIZER}", json=body, headers={"Authorization": f"Bearer {key}"})
    answer.raise_for_status()
    theirs, ours = len(answer.json()["token_ids"]), estimate(TEXT)
    print(f"\nxAI counts {theirs} tokens, we estimate {ours}: {theirs / ours:.2f} times that")
    assert 0.5 <= theirs / ours <= 2.0


async def test_the_second_estimate_of_a_prompt_is_better_than_the_first(models: ModelClient) -> None:
    request = create_request(TEXT * 20, model=MODEL, tools=(), max_output=64)
    first = models.estimate_call(request).tokens - 64
    reported = (await models.respond(request)).usage.input
    second = models.estimate_call(request).tokens - 64
    print(f"\nxAI reports {reported} tokens; we estimated {first}, and now {second}")
    assert abs(second - reported) <= abs(first - reported)
