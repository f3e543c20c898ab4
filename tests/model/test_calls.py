"""Requests to OpenAI-compatible providers, and the parsing of their answers."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from orchestrator_bridge.model.interface import Message, Request, Response, ToolCall, Usage
from tests.support.fake_models.replies import ModelCall, ScriptedReply, Tokens, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import BOTH_WAYS, CHAT_BOTH_WAYS, KEY, NEW_ANSWER, create_model_client, create_request


async def answered(play: ScriptedReply, request: Request) -> tuple[Response, ModelCall]:
    async with ModelServer([play]) as server:
        models = create_model_client(server)
        response = await models.respond(request)
        await models.close()
        return response, server.requests[0]


@BOTH_WAYS
async def test_the_text_is_the_models_answer(model: str) -> None:
    text = "Hello — this is a long enough answer to come in several pieces. 🌍"
    response, _ = await answered(ScriptedReply(text=text), create_request(model=model))
    assert response.text == text
    assert response.tool_calls == ()


@CHAT_BOTH_WAYS
async def test_every_answer_is_asked_for_as_a_stream(model: str) -> None:
    _, asked = await answered(ScriptedReply(text="a"), create_request(model=model))
    assert asked.body["stream"] is True
    assert asked.body["stream_options"] == {"include_usage": True}


@BOTH_WAYS
async def test_reasoning_stays_out_of_the_text(model: str) -> None:
    response, _ = await answered(ScriptedReply(text="42", reasoning="Let me think …"), create_request(model=model))
    assert response.text == "42"


@BOTH_WAYS
async def test_tool_calls_are_returned_with_their_raw_arguments(model: str) -> None:
    uses = [
        ToolUse(name="new_answer", arguments='{"content": "begin', id="a"),
        ToolUse(name="ask_others", arguments={"q": 1}, id="b"),
    ]
    response, _ = await answered(ScriptedReply(tool_calls=uses), create_request(model=model))
    assert response.tool_calls == (
        ToolCall(id="a", name="new_answer", arguments='{"content": "begin'),
        ToolCall(id="b", name="ask_others", arguments='{"q": 1}'),
    )


async def test_tool_calls_without_an_id_of_their_own_get_one() -> None:
    uses = [ToolUse(name="vote", id="same"), ToolUse(name="vote", id="same")]
    response, _ = await answered(ScriptedReply(tool_calls=uses), create_request())
    first, second = response.tool_calls
    assert first.id == "same"
    assert second.id not in ("", "same")


@BOTH_WAYS
async def test_usage_has_cached_and_reasoning_tokens(model: str) -> None:
    tokens = Tokens(input=1000, output=200, cached=600, reasoning=150)
    response, _ = await answered(ScriptedReply(text="x", usage=tokens), create_request(model=model))
    assert response.usage == Usage(input=1000, output=200, cached=600, reasoning=150)


async def test_reasoning_reported_beside_the_output_is_added_to_it() -> None:
    tokens = Tokens(input=1000, output=200, reasoning=150, total=1350)
    response, _ = await answered(ScriptedReply(text="x", usage=tokens), create_request())
    assert response.usage == Usage(input=1000, output=350, reasoning=150)


@BOTH_WAYS
async def test_unreported_usage_is_estimated_and_has_no_cost(model: str) -> None:
    response, _ = await answered(ScriptedReply(text="x" * 40, usage=None), create_request(model=model))
    assert response.usage.estimated
    assert response.usage.output == 10
    assert response.usage.input > 0
    assert response.cost is None


async def test_the_served_model_is_the_one_named_in_the_answer() -> None:
    response, asked = await answered(ScriptedReply(text="x", served="grok-4.3"), create_request(model="grok-4.1-fast"))
    assert asked.model == "grok-4-1-fast-reasoning"
    assert response.served == "grok-4.3"


async def test_the_cost_is_booked_from_the_reported_usage_at_the_declared_price() -> None:
    tokens = Tokens(input=1000, output=200, cached=600)
    response, _ = await answered(ScriptedReply(text="x", usage=tokens), create_request(model="mine"))
    assert response.cost == Decimal("0.0023")  # 400 at $2, 600 at $0.50 and 200 at $6 a million


async def test_a_model_without_a_price_has_no_cost() -> None:
    response, _ = await answered(ScriptedReply(text="x"), create_request(model="xai/a-model-of-tomorrow"))
    assert response.cost is None


async def test_the_conversation_and_the_tools_are_sent_in_the_providers_format() -> None:
    use = ToolCall(id="c1", name="new_answer", arguments='{"content": "a"}')
    messages = (
        Message(role="system", text="You are planner."),
        Message(role="user", text="Do it."),
        Message(role="assistant", tool_calls=(use,)),
        Message(role="tool", text="taken", tool_call="c1"),
    )
    _, asked = await answered(ScriptedReply(text="x"), create_request(messages=messages, max_output=99))
    assert asked.messages == [
        {"role": "system", "content": "You are planner."},
        {"role": "user", "content": "Do it."},
        {
            "role": "assistant",
            "content": "Calling new_answer.",
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "new_answer", "arguments": '{"content": "a"}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "taken"},
    ]
    assert asked.tools == {"new_answer": NEW_ANSWER.parameters}
    assert asked.body["max_completion_tokens"] == 99
    assert asked.headers["authorization"] == f"Bearer {KEY}"


async def test_invalid_arguments_are_sent_back_as_json() -> None:
    use = ToolCall(id="c1", name="vote", arguments='{"agent_id": ')
    messages = (Message(role="user", text="Do it."), Message(role="assistant", tool_calls=(use,)))
    _, asked = await answered(ScriptedReply(text="x"), create_request(messages=messages))
    assert asked.messages[1]["tool_calls"][0]["function"]["arguments"] == '{"unreadable": "{\\"agent_id\\": "}'


@BOTH_WAYS
async def test_a_lone_surrogate_in_a_text_does_not_stop_a_call(model: str) -> None:
    response, asked = await answered(ScriptedReply(text="fine"), create_request("odd \ud83d end", model=model))
    assert asked.messages[1]["content"] == "odd \ufffd end"
    assert response.text == "fine"


@BOTH_WAYS
async def test_surrogate_pairs_are_joined_and_lone_surrogates_replaced(model: str) -> None:
    use = ToolUse(name="vote", arguments='{"agent_id": "\ud83d\ude00 \ud83d"}')
    response, _ = await answered(ScriptedReply(text="yes \ud83d\ude00 no \ude00", tool_calls=[use]), create_request(model=model))
    assert response.text == "yes \U0001f600 no \ufffd"
    assert response.tool_calls[0].arguments == '{"agent_id": "\U0001f600 \ufffd"}'


async def test_an_endpoint_without_a_key_gets_none() -> None:
    _, asked = await answered(ScriptedReply(text="x"), create_request(model="keyless", max_output=9))
    assert "authorization" not in asked.headers
    assert asked.model == "keyless"
    assert asked.body["max_tokens"] == 9


async def test_an_empty_answer_is_an_answer() -> None:
    response, _ = await answered(ScriptedReply(text=None), create_request())
    assert (response.text, response.tool_calls) == ("", ())


async def test_a_refusal_in_words_is_the_text() -> None:
    body = '{"model": "m", "choices": [{"message": {"content": null, "refusal": "I would rather not."}}]}'
    response, _ = await answered(ScriptedReply(body=body), create_request())
    assert response.text == "I would rather not."


async def test_arguments_that_come_as_an_object_are_taken_as_text() -> None:
    call = '{"id": "c", "function": {"name": "vote", "arguments": {"agent_id": "agent1"}}}'
    response, _ = await answered(
        ScriptedReply(body=f'{{"choices": [{{"message": {{"tool_calls": [{call}]}}}}]}}'), create_request()
    )
    assert response.tool_calls == (ToolCall(id="c", name="vote", arguments='{"agent_id": "agent1"}'),)


async def test_a_server_that_does_not_stream_is_understood_all_the_same() -> None:
    response, _ = await answered(
        ScriptedReply(body='{"model": "m", "choices": [{"message": {"content": "whole"}}]}'), create_request()
    )
    assert response.text == "whole"


async def test_many_calls_at_once_share_one_endpoint() -> None:
    async with ModelServer() as server:
        models = create_model_client(server)
        responses = await asyncio.gather(*(models.respond(create_request(f"task {number}")) for number in range(20)))
        await models.close()
    assert len(responses) == len(server.requests) == 20


async def test_what_a_call_may_cost_is_told_before_it() -> None:
    async with ModelServer() as server:
        models = create_model_client(server)
        small = create_request("x" * 4000, model="mine", tools=(), max_output=1000)
        assert models.max_cost(small) == Decimal("0.008024")  # 4016 characters in two messages: about 1012 tokens
        assert models.max_cost(create_request(model="xai/a-model-of-tomorrow")) is None
        assert models.max_cost(create_request(model="nobody")) is None


@pytest.mark.parametrize("finish", ["max_tokens", "MAX_TOKENS", "model_length"])
async def test_other_vendors_words_for_the_output_limit_are_known(finish: str) -> None:
    response, _ = await answered(ScriptedReply(text="Half a te", finish=finish), create_request())
    assert (response.text, response.cut) == ("Half a te", True)


@BOTH_WAYS
async def test_an_answer_that_reached_the_output_limit_says_so(model: str) -> None:
    response, _ = await answered(ScriptedReply(text="Half a te", finish="length"), create_request(model=model))
    assert (response.text, response.cut) == ("Half a te", True)
    empty, _ = await answered(ScriptedReply(text="<think>cut off while", finish="length"), create_request(model=model))
    assert empty.text == ""
