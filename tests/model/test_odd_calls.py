"""Tool calls in their own field, in forms that differ from OpenAI's, whole and streamed; and answers that a filter cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_bridge.model.errors import ContentRefused
from tests.support.fake_models.replies import ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import BOTH_WAYS, CHAT_BOTH_WAYS, call_error, create_model_client, create_request

ANSWER = {"content": "Begin small."}
WRITTEN = json.dumps(ANSWER)

ODD: dict[str, dict[str, Any]] = {
    "the older field": {"function_call": {"name": "new_answer", "arguments": WRITTEN}},
    "no function level": {"tool_calls": [{"id": "a", "name": "new_answer", "arguments": WRITTEN}]},
    "the function's name alone": {"tool_calls": [{"id": "a", "function": "new_answer", "arguments": ANSWER}]},
    "parameters": {"tool_calls": [{"id": "a", "name": "new_answer", "parameters": ANSWER}]},
    "one call without a list": {"tool_calls": {"id": "a", "function": {"name": "new_answer", "arguments": WRITTEN}}},
    "an empty entry": {"tool_calls": [None, {"id": "a", "function": {"name": "new_answer", "arguments": WRITTEN}}]},
    "encoded twice": {"tool_calls": [{"id": "a", "function": {"name": "new_answer", "arguments": json.dumps(WRITTEN)}}]},
    "a wrapper": {"tool_calls": [{"id": "a", "function": {"name": "new_answer", "arguments": {"arguments": ANSWER}}}]},
    "a prefix": {"tool_calls": [{"id": "a", "function": {"name": "mcp__team__new_answer", "arguments": WRITTEN}}]},
}


@CHAT_BOTH_WAYS
@pytest.mark.parametrize("form", ODD)
async def test_a_call_in_an_odd_form_is_read(form: str, model: str) -> None:
    async with ModelServer([ScriptedReply(extra=ODD[form], finish="tool_calls")]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request(model=model))
        await models.close()
    assert [(call.name, json.loads(call.arguments)) for call in response.tool_calls] == [("new_answer", ANSWER)]


async def test_a_call_in_the_older_field_is_joined_from_the_pieces_of_a_stream() -> None:
    pieces = [{"name": "new_answer", "arguments": ""}, {"arguments": WRITTEN[:7]}, {"arguments": WRITTEN[7:]}]
    events = [{"choices": [{"index": 0, "delta": {"function_call": piece}}]} for piece in pieces]
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "function_call"}]}
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in [*events, end])
    async with ModelServer([ScriptedReply(body=body, content_type="text/event-stream")]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request())
        await models.close()
    assert [(call.name, json.loads(call.arguments)) for call in response.tool_calls] == [("new_answer", ANSWER)]


@BOTH_WAYS
async def test_half_a_text_that_the_content_filter_left_is_no_answer(model: str) -> None:
    error = await call_error(ScriptedReply(text="The first half of", finish="content_filter"), create_request(model=model))
    assert isinstance(error, ContentRefused)
    assert error.answer_begun


@CHAT_BOTH_WAYS
async def test_half_a_call_that_the_content_filter_left_is_no_answer(model: str) -> None:
    half = ToolUse(name="new_answer", arguments='{"content": "The first half')
    error = await call_error(ScriptedReply(tool_calls=[half], finish="sensitive"), create_request(model=model))
    assert isinstance(error, ContentRefused)


@CHAT_BOTH_WAYS
async def test_a_whole_call_before_the_content_filter_stands(model: str) -> None:
    async with ModelServer(
        [ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments=ANSWER)], finish="content_filter")]
    ) as server:
        models = create_model_client(server)
        response = await models.respond(create_request(model=model))
        await models.close()
    assert [call.name for call in response.tool_calls] == ["new_answer"]
