"""Hints for providers' prompt caches: names of conversations that every provider takes, and Claude's breakpoints."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.interface import Message, ToolCall
from tests.support.fake_models.refusals import MISTRAL_RULES, OPENROUTER_RULES
from tests.support.fake_models.replies import ModelCall, ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.litellm_vendors import CLAUDE, MISTRAL, call_vendor, vendor_client
from tests.support.model_calls import KEY, create_model_client, create_request

LONG = "townhall-17-" + "Müller, der Planer 🦀 " * 5
CALL = ToolCall(id="turn00000", name="new_answer", arguments='{"content": "a"}')
CONVERSATION = (
    Message(role="system", text="You are planner."),
    Message(role="user", text="Do it."),
    Message(role="assistant", tool_calls=(CALL,)),
    Message(role="tool", text="Received.", tool_call="turn00000"),
    Message(role="user", text="Vote."),
    Message(role="assistant", tool_calls=(CALL,)),
    Message(role="tool", text="Received.", tool_call="turn00000"),
)


async def asked_of(model: str, conversation: str) -> ModelCall:
    async with ModelServer([ScriptedReply(text="x")]) as server:
        addresses = dict.fromkeys(("xai", "openai", "openrouter"), server.url)
        models = create_model_client(server, base_urls=addresses, keys={f"{name.upper()}_API_KEY": KEY for name in addresses})
        await models.respond(create_request(model=model, conversation=conversation))
        await models.close()
        return server.requests[0]


def name_in(asked: ModelCall) -> str | None:
    named = (asked.body.get("prompt_cache_key"), asked.headers.get("x-grok-conv-id"), asked.headers.get("x-session-id"))
    return next((name for name in named if name is not None), None)


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-5.6", "grok-4.20-non-reasoning", "grok-4.3", "openrouter/x-ai/grok-4.3"])
async def test_a_conversation_has_one_name_that_every_provider_takes(model: str) -> None:
    assert name_in(await asked_of(model, "townhall-7-planner")) == "townhall-7-planner"
    long = name_in(await asked_of(model, LONG))
    assert long is not None
    assert len(long) <= 64
    assert long == name_in(await asked_of(model, LONG))
    assert long != name_in(await asked_of(model, f"{LONG}!"))
    assert name_in(await asked_of(model, "")) is None


async def test_a_server_of_ones_own_is_sent_no_field_that_it_may_refuse() -> None:
    async with ModelServer([ScriptedReply(text="x")]) as server:
        models = create_model_client(server)
        await models.respond(create_request(model="mine", conversation="townhall-7-planner"))
        await models.close()
    assert "prompt_cache_key" not in server.requests[0].body


async def test_mistral_is_sent_the_name_in_ascii() -> None:
    async with ModelServer([ScriptedReply(text="x")], refuses=MISTRAL_RULES) as server:
        models = vendor_client(MISTRAL, server)
        await models.respond(create_request(model=MISTRAL.model, conversation=LONG))
        await models.close()
    assert server.requests[0].body["prompt_cache_key"].isascii()


async def test_claude_has_four_breakpoints_at_most_the_last_at_the_end_of_the_conversation() -> None:
    _, asked = await call_vendor(
        CLAUDE, ScriptedReply(text="x"), create_request(model=CLAUDE.model, messages=(*CONVERSATION, *CONVERSATION[1:]))
    )
    assert json.dumps(asked.body).count("cache_control") == 4
    assert "cache_control" in asked.body["tools"][-1]
    assert "cache_control" in asked.body["system"][-1]
    assert "cache_control" in asked.body["messages"][-1]["content"][-1]


async def test_a_conversation_that_no_cache_can_hold_is_not_marked() -> None:
    request = create_request(model=CLAUDE.model, messages=CONVERSATION, tool_choice="none")
    _, asked = await call_vendor(CLAUDE, ScriptedReply(text="x"), request)
    assert json.dumps(asked.body["messages"]).count("cache_control") == 0
    assert "cache_control" in asked.body["system"][-1]


async def test_claude_at_openrouter_has_breakpoints_in_texts_only() -> None:
    async with ModelServer([ScriptedReply(text="x")], refuses=OPENROUTER_RULES) as server:
        models = create_model_client(server, base_urls={"openrouter": server.url}, keys={"OPENROUTER_API_KEY": KEY})
        await models.respond(create_request(model="openrouter/anthropic/claude-sonnet-4.5", messages=CONVERSATION))
        await models.close()
    assert json.dumps(server.requests[0].body).count("cache_control") == 3


async def test_other_models_at_openrouter_have_no_breakpoints() -> None:
    asked = await asked_of("openrouter/x-ai/grok-4.3", "townhall-7-planner")
    assert "cache_control" not in json.dumps(asked.body)


async def test_the_price_of_writing_the_cache_is_reserved() -> None:
    models = ModelClient(keys={"ANTHROPIC_API_KEY": KEY})
    with_a_prompt = models.max_cost(create_request("word " * 10_000, model=CLAUDE.model, max_output=1))
    assert with_a_prompt is not None
    # 50,000 characters are 12,500 tokens, at $3.75 to write a million of them to the cache in place of $3.00.
    assert with_a_prompt > Decimal(12500) * Decimal("3.75") / 1_000_000
    await models.close()
