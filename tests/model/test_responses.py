"""OpenAI and xAI through the Responses format: its requests, its answers and streams, and the reasoning that goes back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator_bridge.common.clock import SystemClock
from orchestrator_bridge.model import errors
from orchestrator_bridge.model.client import ModelClient
from orchestrator_bridge.model.interface import Message, Picture, ProviderState, Request, Response, ToolCall, Usage
from orchestrator_bridge.run.events import Responded, dump, load
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.team import AgentSpec, Policy, Team
from tests.support.fake_models.players import ask_if
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import NEW_ANSWER, call_error, create_model_client, create_request
from tests.support.running_engine import ANA, PLACE, ListPlatform, start_engine

SOL, GROK = "openai/gpt-6-sol", "xai/grok-4.3"
VENDORS = pytest.mark.parametrize("model", [SOL, GROK])
USE = ToolUse(name="new_answer", arguments={"content": "a"}, id="call_1")
OTHER_USE = ToolUse(name="ask_others", arguments={"question": "b"}, id="call_2")


def thinking(play: ScriptedReply) -> ScriptedReply:
    """The reply after reasoning, which is encrypted as `Z0FBQUFB`."""
    return replace(play, reasoning="SECRET THOUGHTS", signature="Z0FBQUFB")


async def exchange(request: Request, *plays: ScriptedReply, **more: Any) -> tuple[Response, ModelCall]:
    async with ModelServer(plays) as server:
        models = create_model_client(server)
        response = await models.respond(request, **more)
        await models.close()
        return response, server.requests[0]


@VENDORS
async def test_a_model_that_reasons_is_called_through_responses(model: str) -> None:
    _, asked = await exchange(create_request(model=model, max_output=4, conversation="run-7-planner"), ScriptedReply(text="x"))
    assert asked.path == "/v1/responses"
    assert asked.body == {
        "model": model.partition("/")[2],
        "input": [{"role": "system", "content": "You are planner."}, {"role": "user", "content": "Say hello."}],
        "tools": [
            {
                "type": "function",
                "name": "new_answer",
                "description": "Give an answer.",
                "parameters": NEW_ANSWER.parameters,
                "strict": False,
            }
        ],
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 16,
        "prompt_cache_key": "run-7-planner",
        "stream": True,
    }


@pytest.mark.parametrize("model", ["gpt-5.5", "gpt-5.6", "gpt-6-sol", "gpt-6-luna", "gpt-6-astra", "gpt-6.1-sol", "gpt-9", "o3"])
async def test_models_of_openai_that_reason_take_tools(model: str) -> None:
    response, asked = await exchange(create_request(model=f"openai/{model}"), ScriptedReply(tool_calls=[USE]))
    assert asked.path == "/v1/responses"
    assert response.tool_calls == (ToolCall(id="call_1", name="new_answer", arguments='{"content": "a"}'),)


@pytest.mark.parametrize(
    "model", ["openai/gpt-4.1", "openai/gpt-4o-mini", "openai/gpt-5-chat-latest", "xai/grok-4.20-non-reasoning"]
)
async def test_models_that_do_not_reason_stay_with_chat_completions(model: str) -> None:
    _, asked = await exchange(create_request(model=model), ScriptedReply(text="x"))
    assert asked.path == "/v1/chat/completions"


async def test_the_conversation_of_chat_completions_is_named_to_xai_in_a_header() -> None:
    request = create_request(model="xai/grok-4.20-non-reasoning", conversation="run-7-planner")
    _, asked = await exchange(request, ScriptedReply(text="x"))
    assert asked.headers["x-grok-conv-id"] == "run-7-planner"


async def test_the_effort_is_one_of_the_models_own() -> None:
    _, asked = await exchange(create_request(model=SOL, parameters={"effort": "max"}), ScriptedReply(text="x"))
    assert asked.body["reasoning"] == {"effort": "max"}
    _, other = await exchange(create_request(model=GROK, parameters={"effort": "max"}), ScriptedReply(text="x"))
    assert "reasoning" not in other.body


async def test_parameters_that_responses_does_not_have_are_not_sent() -> None:
    parameters = {"seed": 1, "temperature": 0.7, "top_p": 0.95}
    _, asked = await exchange(create_request(model=GROK, parameters=parameters), ScriptedReply(text="x"))
    assert (asked.body["temperature"], asked.body["top_p"]) == (0.7, 0.95)
    assert "seed" not in asked.body


async def test_pictures_are_sent_as_parts_of_the_input() -> None:
    picture = Picture(id="1", name="a.png", media_type="image/png", data=b"png")
    request = create_request(model=SOL, messages=(Message(role="user", text="Look.", pictures=(picture,)),))
    _, asked = await exchange(request, ScriptedReply(text="x"))
    assert asked.body["input"][0]["content"] == [
        {"type": "input_text", "text": "Look."},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,cG5n"},
    ]


def goes_on(first: Request, said: Response) -> Request:
    """The next request of an agent that used its tools; a run gives the calls ids of its own."""
    uses = tuple(replace(call, id=f"turn_0_{place}") for place, call in enumerate(said.tool_calls))
    turn = Message(role="assistant", text=said.text, tool_calls=uses, kept=said.kept)
    results = tuple(Message(role="tool", text="taken", tool_call=use.id) for use in uses)
    return replace(first, messages=(*first.messages, turn, *results))


async def second_request(play: ScriptedReply, model: str = SOL, then: str = "") -> list[dict[str, Any]]:
    """Input items of the call after a turn with tool calls."""
    async with ModelServer([play, ScriptedReply(text="done")]) as server:
        models = create_model_client(server)
        first = create_request(model=model)
        said = await models.respond(first)
        assert (await models.respond(replace(goes_on(first, said), model=then or model))).text == "done"
        await models.close()
        items: list[dict[str, Any]] = server.requests[1].body["input"]
        return items[2:]


@VENDORS
async def test_encrypted_reasoning_goes_back_with_what_it_led_to(model: str) -> None:
    items = await second_request(thinking(ScriptedReply(text="I ask.", tool_calls=[USE, OTHER_USE])), model)
    assert [item["type"] for item in items] == ["reasoning", "message", *["function_call"] * 2, *["function_call_output"] * 2]
    assert items[0] == {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [{"type": "summary_text", "text": "SECRET THOUGHTS"}],
        "encrypted_content": "Z0FBQUFB",
    }
    assert items[1]["content"][0]["text"] == "I ask."
    assert [item["call_id"] for item in items[2:]] == ["turn_0_0", "turn_0_1", "turn_0_0", "turn_0_1"]


async def test_reasoning_without_its_encrypted_content_does_not_go_back() -> None:
    items = await second_request(ScriptedReply(tool_calls=[USE], reasoning="SECRET THOUGHTS"))
    assert [item["type"] for item in items] == ["function_call", "function_call_output"]
    assert "id" not in items[0]


async def test_reasoning_of_one_model_is_not_sent_to_another() -> None:
    items = await second_request(thinking(ScriptedReply(tool_calls=[USE])), model=GROK, then="xai/grok-4.7")
    assert [item["type"] for item in items] == ["function_call", "function_call_output"]


async def test_a_turn_whose_calls_have_changed_goes_back_without_its_reasoning() -> None:
    output = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
        {"type": "function_call", "id": "fc_1"},
    ]
    kept = ProviderState(maker="openai/gpt-6-sol", message={"output": output})
    turn = Message(role="assistant", text="I changed my mind.", kept=kept)
    _, asked = await exchange(
        create_request(model=SOL, messages=(turn, Message(role="user", text="Well?"))), ScriptedReply(text="x")
    )
    assert asked.body["input"][0] == {"role": "assistant", "content": "I changed my mind."}


async def test_long_ids_of_another_providers_calls_are_shortened() -> None:
    use = ToolCall(id="call_" + "x" * 200, name="new_answer", arguments="{}")
    messages = (Message(role="assistant", tool_calls=(use,)), Message(role="tool", text="taken", tool_call=use.id))
    response, _ = await exchange(create_request(model=SOL, messages=messages), ScriptedReply(text="done"))
    assert response.text == "done"


def test_a_stored_answer_has_its_reasoning_after_it_is_loaded() -> None:
    output = [{"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "Z0FB"}]
    kept = ProviderState(maker="openai/gpt-6-sol", message={"output": output})
    event = Responded(
        at=1.0, agent="one", action="a", text="hi", usage=Usage(), cost=None, served="m", tool_calls=(), consumed=(), kept=kept
    )
    assert load(1, dump(event)) == event


@VENDORS
async def test_usage_has_cached_and_reasoning_tokens_and_the_stated_bill(model: str) -> None:
    usage = {
        "input_tokens": 1000,
        "output_tokens": 200,
        "total_tokens": 1200,
        "input_tokens_details": {"cached_tokens": 600},
        "output_tokens_details": {"reasoning_tokens": 150},
        "cost_in_usd_ticks": 42_000_000,
    }
    response, _ = await exchange(create_request(model=model), ScriptedReply(text="x", raw_usage=usage))
    assert response.usage == Usage(input=1000, output=200, cached=600, reasoning=150)
    assert str(response.cost) == "0.0042"


async def test_pieces_of_the_text_are_shown_and_its_reasoning_is_not() -> None:
    pieces: list[str] = []
    play = thinking(ScriptedReply(text="Hello — an answer in several pieces."))
    response, _ = await exchange(create_request(model=SOL), play, on_delta=pieces.append)
    assert "".join(pieces) == response.text == "Hello — an answer in several pieces."
    assert len(pieces) > 1


async def test_an_incomplete_answer_is_marked() -> None:
    response, _ = await exchange(create_request(model=SOL), ScriptedReply(text="Half a te", finish="length"))
    assert (response.text, response.cut) == ("Half a te", True)


async def test_an_answer_that_the_content_filter_withheld_is_refused() -> None:
    error = await call_error(ScriptedReply(finish="content_filter"), create_request(model=SOL))
    assert type(error) is errors.ContentRefused


async def test_a_refusal_is_the_text() -> None:
    response, _ = await exchange(create_request(model=SOL), ScriptedReply(extra={"refusal": "I would rather not."}))
    assert response.text == "I would rather not."


async def test_a_server_that_does_not_stream_is_understood_all_the_same() -> None:
    output = [{"type": "message", "content": [{"type": "output_text", "text": "whole"}]}]
    response, _ = await exchange(
        create_request(model=SOL), ScriptedReply(body=json.dumps({"status": "completed", "output": output}))
    )
    assert response.text == "whole"


async def test_the_items_of_a_stream_count_if_its_last_event_has_none() -> None:
    item = {"type": "message", "content": [{"type": "output_text", "text": "Hello"}]}
    events = [{"type": "response.output_item.done", "item": item}, {"type": "response.completed", "response": {"output": []}}]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
    response, _ = await exchange(create_request(model=SOL), ScriptedReply(body=body, content_type="text/event-stream"))
    assert response.text == "Hello"


async def test_an_error_event_before_an_answer_is_not_billed() -> None:
    body = 'data: {"type": "error", "code": "rate_limit_exceeded", "message": "slow down"}\n\n'
    error = await call_error(ScriptedReply(body=body, content_type="text/event-stream"), create_request(model=SOL))
    assert "slow down" in error.found
    assert not error.answer_begun


@VENDORS
async def test_a_team_asks_votes_and_writes(model: str, tmp_path: Path) -> None:
    """Through the engine, at a server that refuses what OpenAI refuses; the thoughts of every turn are back in the next."""

    def behaviour(asked: ModelCall) -> ScriptedReply:
        return thinking(ask_if("You are one")(asked))

    clock = SystemClock()
    platform = ListPlatform(clock)
    team = Team(agents=tuple(AgentSpec(name=name, model=model) for name in ("one", "two")), policy=Policy(settle_delay=0))
    store = await SqliteStore.open(tmp_path / "t.db", clock=clock.now)
    async with ModelServer(behaviour) as server:
        models = ModelClient(
            keys=dict.fromkeys(("OPENAI_API_KEY", "XAI_API_KEY"), "key-0123456789abcdef"),
            base_urls={"openai": server.url, "xai": server.url},
        )
        async with start_engine(tmp_path / "t.db", server, platform, store=store, models=models) as engine:
            await engine.start_run(task="a task", team=team, place=PLACE, by=ANA)
            await platform.until(lambda: bool(platform.questions))
            await platform.person_says("PostgreSQL", question=1)
            await engine.wait_finished()
    assert [answer.how for answer in platform.final_answers] == ["Won the vote, 2 of 2 votes."]
    assert "SECRET THOUGHTS" not in repr(platform.sent)
    later = [
        asked.body["input"]
        for asked in server.requests
        if any(item.get("type") == "function_call" for item in asked.body["input"])
    ]
    assert later
    assert all(_thinks_first(items) for items in later)
    assert len({asked.body["prompt_cache_key"] for asked in server.requests}) == 2


def _thinks_first(items: list[dict[str, Any]]) -> bool:
    """Every call of a tool has the reasoning that led to it before it."""
    places = [place for place, item in enumerate(items) if item.get("type") == "function_call"]
    return all(items[place - 1].get("encrypted_content") == "Z0FBQUFB" for place in places)
