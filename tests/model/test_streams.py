"""Assembly of answers from the odd streams that servers send."""

from __future__ import annotations

import json
from typing import Any

from orchestrator_bridge.model.interface import Response, ToolCall
from tests.support.fake_models.replies import ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import create_model_client, create_request


async def gathered(*events: dict[str, Any], before: str = "") -> Response:
    body = before + "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    async with ModelServer([ScriptedReply(body=body, content_type="text/event-stream; charset=utf-8")]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request())
        await models.close()
        return response


def piece(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def call(arguments: str, **more: Any) -> dict[str, Any]:
    name = more.pop("name", None)
    return {"function": {"name": name, "arguments": arguments}, **more}


async def test_calls_that_all_have_the_index_0_are_distinguished_by_their_ids() -> None:
    response = await gathered(
        piece(tool_calls=[call('{"a":1}', index=0, id="x", name="vote")]),
        piece(tool_calls=[call('{"b":', index=0, id="y", name="ask_others")]),
        piece(tool_calls=[call("2}", index=0, id="y")]),
        piece(finish="tool_calls"),
    )
    assert response.tool_calls == (
        ToolCall(id="x", name="vote", arguments='{"a":1}'),
        ToolCall(id="y", name="ask_others", arguments='{"b":2}'),
    )


async def test_pieces_of_two_calls_may_alternate() -> None:
    response = await gathered(
        piece(tool_calls=[call("", index=0, id="x", name="vote"), call("", index=1, id="y", name="vote")]),
        piece(tool_calls=[call("1", index=1)]),
        piece(tool_calls=[call("0", index=0)]),
        piece(finish="tool_calls"),
    )
    assert [(call.id, call.arguments) for call in response.tool_calls] == [("x", "0"), ("y", "1")]


async def test_comments_and_pieces_without_choices_are_ignored() -> None:
    response = await gathered(
        {"choices": []},
        {"model": "m", "choices": None, "usage": None},
        piece(content="Hel"),
        piece(content="lo", finish="stop"),
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
        before=": still thinking\n\n",
    )
    assert response.text == "Hello"
    assert (response.usage.input, response.usage.output) == (5, 2)


async def test_a_refusal_in_pieces_is_the_text() -> None:
    response = await gathered(piece(refusal="I would "), piece(refusal="rather not."), piece(finish="stop"))
    assert response.text == "I would rather not."


async def test_only_the_first_of_several_choices_is_read() -> None:
    two = [{"index": number, "delta": {"content": text}, "finish_reason": "stop"} for number, text in enumerate(("one", "two"))]
    assert (await gathered({"choices": two})).text == "one"


PARTS = [{"type": "thinking", "thinking": [{"type": "text", "text": "SECRET"}]}, {"type": "text", "text": "Hello"}]
"""Content of Mistral's reasoning models (docs.mistral.ai, "Reasoning")."""


async def test_the_text_parts_of_a_list_are_the_text() -> None:
    assert (await gathered(piece(content=PARTS), piece(content=[]), piece(finish="stop"))).text == "Hello"
    body = json.dumps({"choices": [{"message": {"content": PARTS}, "finish_reason": "stop"}]})
    async with ModelServer([ScriptedReply(body=body)]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request(model="mine"))
        await models.close()
    assert response.text == "Hello"


async def test_a_piece_without_a_delta_is_read() -> None:
    empty = {"choices": [{"index": 0, "delta": None, "finish_reason": None}]}
    last = {"choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]}
    assert (await gathered(empty, piece(content="Hello"), last)).text == "Hello"
