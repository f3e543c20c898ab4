"""Reasoning that a provider requires back: stored, sent back to the same model only, and never shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_bridge.common.clock import SystemClock
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.interface import Message, ProviderState, Request, Response, Usage
from orchestrator_bridge.run.events import Responded, dump, load
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.team import AgentSpec, Policy, Team
from tests.support.fake_models.players import team_behaviour
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.fake_models.wire import OPENAI
from tests.support.litellm_vendors import CLAUDE, FLASH, MISTRAL, Vendor, vendor_client
from tests.support.model_calls import KEY, create_request
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine

USE = ToolUse(name="new_answer", arguments={"content": "a"})
OTHER_USE = ToolUse(name="ask_others", arguments={"question": "b"})
DETAILS = [
    {"type": "reasoning.text", "text": "Let me ", "index": 0, "format": "anthropic-claude-v1"},
    {"type": "reasoning.encrypted", "data": "c2VjcmV0", "index": 1, "id": "rs_1"},
]

ROUTER = Vendor(provider="openrouter", model="openrouter/x-ai/grok-4.1-fast", wire=OPENAI, under="/v1")
DEEPSEEK = Vendor(provider="deepseek", model="deepseek-v4-flash", wire=OPENAI, under="/v1")


def models_at(vendor: Vendor, server: ModelServer) -> ModelClient:
    keys = {
        "OPENROUTER_API_KEY": KEY,
        "DEEPSEEK_API_KEY": KEY,
        "XAI_API_KEY": KEY,
        "ANTHROPIC_API_KEY": KEY,
        "GEMINI_API_KEY": KEY,
    }
    return ModelClient(keys={**keys, "MISTRAL_API_KEY": KEY}, base_urls={vendor.provider: f"{server.root}{vendor.under}"})


def goes_on(first: Request, said: Response) -> Request:
    """The next request of an agent that used a tool."""
    uses = tuple(replace(call, id=f"turn_0_{place}") for place, call in enumerate(said.tool_calls))
    turn = Message(role="assistant", text=said.text, tool_calls=uses, kept=said.kept)
    results = tuple(Message(role="tool", text="taken", tool_call=use.id) for use in uses)
    return replace(first, messages=(*first.messages, turn, *results))


async def second_request(vendor: Vendor, play: ScriptedReply) -> ModelCall:
    """What a vendor is sent after a turn with a tool call."""
    async with ModelServer([play, ScriptedReply(text="done")], wire=vendor.wire) as server:
        models = models_at(vendor, server)
        first = create_request(model=vendor.model)
        said = await models.respond(first)
        await models.respond(goes_on(first, said))
        await models.close()
        return server.requests[1]


async def test_deepseeks_reasoning_is_sent_back_unchanged() -> None:
    asked = await second_request(DEEPSEEK, ScriptedReply(tool_calls=[USE], reasoning="Let me think about that."))
    assert asked.messages[2]["reasoning_content"] == "Let me think about that."


async def test_a_turn_of_another_model_gets_placeholder_reasoning_for_deepseek() -> None:
    async with ModelServer([ScriptedReply(text="done")]) as server:
        models = models_at(DEEPSEEK, server)
        first = create_request(model=DEEPSEEK.model)
        await models.respond(replace(first, messages=(*first.messages, Message(role="assistant", text="I am another."))))
        await models.close()
    assert server.requests[0].messages[2]["reasoning_content"] == " "


async def test_openrouters_details_are_joined_and_sent_back() -> None:
    play = ScriptedReply(tool_calls=[USE], reasoning="Let me", extra={"reasoning_details": DETAILS})
    asked = await second_request(ROUTER, play)
    assert asked.messages[2]["reasoning_details"] == DETAILS
    assert "reasoning_content" not in asked.messages[2]


async def test_anthropics_reasoning_is_sent_back_with_its_signature() -> None:
    asked = await second_request(CLAUDE, ScriptedReply(tool_calls=[USE], reasoning="Let me think.", signature="c2lnbmVk"))
    thought = asked.body["messages"][1]["content"][0]
    assert thought == {"type": "thinking", "thinking": "Let me think.", "signature": "c2lnbmVk"}


async def test_geminis_signature_is_sent_back_with_its_tool_call() -> None:
    asked = await second_request(
        FLASH, ScriptedReply(tool_calls=[USE, OTHER_USE], reasoning="Let me think.", signature="c2lnbmVk")
    )
    parts = asked.body["contents"][1]["parts"]
    signed = [part.get("thoughtSignature") for part in parts if "function_call" in part]
    assert signed == ["c2lnbmVk", None]
    assert not any(part.get("thought") for part in parts)


@pytest.mark.parametrize("other", [CLAUDE, FLASH, MISTRAL, DEEPSEEK], ids=lambda vendor: vendor.provider)
async def test_reasoning_is_not_sent_to_another_model(other: Vendor) -> None:
    kept = ProviderState(maker="openrouter/x", message={"reasoning_details": DETAILS, "thinking_blocks": [{"signature": "s3cr"}]})
    turn = Message(role="assistant", text="I think.", kept=kept)
    async with ModelServer([ScriptedReply(text="done")], wire=other.wire) as server:
        models = models_at(other, server)
        first = create_request(model=other.model)
        await models.respond(replace(first, messages=(*first.messages, turn, Message(role="user", text="Go on."))))
        await models.close()
    assert "s3cr" not in str(server.requests[0].body)
    assert "reasoning_details" not in str(server.requests[0].body)


def test_provider_state_survives_the_event_log() -> None:
    kept = ProviderState(
        maker="anthropic/claude", message={"thinking_blocks": [{"signature": "s"}]}, calls=({}, {"a": {"b": [1]}})
    )
    event = responded(kept)
    assert load(1, dump(event)) == event


def responded(kept: ProviderState) -> Responded:
    return Responded(
        at=1.0, action="a", agent="b", text="", tool_calls=(), consumed=(), usage=Usage(), served="", cost=None, kept=kept
    )


def thinking_player(asked: ModelCall) -> ScriptedReply:
    """Plays as a team does, and thinks aloud before it."""
    return replace(team_behaviour(asked), reasoning="SECRET THOUGHTS", signature="c2lnbmVk")


async def test_a_run_sends_reasoning_back_and_never_shows_it(tmp_path: Path) -> None:
    clock = SystemClock()
    platform = ListPlatform(clock)
    team = Team(agents=tuple(AgentSpec(name=name, model=CLAUDE.model) for name in ("one", "two")), policy=Policy(settle_delay=0))
    store = await SqliteStore.open(tmp_path / "t.db", clock=clock.now)
    async with ModelServer(thinking_player, wire=CLAUDE.wire) as server:
        models = vendor_client(CLAUDE, server)
        async with start_engine(tmp_path / "t.db", server, platform, store=store, models=models) as engine:
            run = await engine.start_run(task="Plan it.", team=team, place=PLACE, by=ANA)
            await engine.wait_ended(run)
            await engine.wait_finished()
    later = [asked.body["messages"] for asked in server.requests if len(asked.body["messages"]) > 1]
    assert later
    assert all(_thoughts(messages) for messages in later)
    assert "SECRET THOUGHTS" not in repr(platform.sent)


def _thoughts(messages: list[dict[str, Any]]) -> bool:
    """Every turn of the agent's own begins with its thoughts."""
    spoken = [message["content"] for message in messages if message["role"] == "assistant"]
    return all(blocks[0].get("signature") == "c2lnbmVk" for blocks in spoken)
