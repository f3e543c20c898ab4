"""Assembly of answers from the odd streams that servers send."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.model.interface import Response, ToolCall
from orchestrator_bridge.model.openai.stream import StreamAccumulator
from tests.support.fake_models.replies import ScriptedReply
from tests.support.fake_models.server import ModelServer
from tests.support.model_calls import STREAMED, call_error, create_model_client, create_request


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


async def test_two_calls_with_the_index_0_and_without_ids_are_distinguished_by_their_names() -> None:
    response = await gathered(
        piece(tool_calls=[call("", index=0, id="", name="vote")]),
        piece(tool_calls=[call('{"a":', index=0, id="")]),
        piece(tool_calls=[call("1}", index=0, id="")]),
        piece(tool_calls=[call('{"b":2}', index=0, id="", name="ask_others")]),
        piece(finish="tool_calls"),
    )
    assert [(call.name, call.arguments) for call in response.tool_calls] == [("vote", '{"a":1}'), ("ask_others", '{"b":2}')]
    assert len({call.id for call in response.tool_calls}) == 2


async def test_two_calls_of_one_tool_with_the_index_0_and_without_ids_are_two() -> None:
    whole = [piece(tool_calls=[call(arguments, index=0, id="", name="vote")]) for arguments in ('{"a":1}', '{"a":2}')]
    response = await gathered(*whole, piece(finish="tool_calls"))
    assert [call.arguments for call in response.tool_calls] == ['{"a":1}', '{"a":2}']


async def test_a_new_id_with_every_piece_does_not_begin_a_new_call() -> None:
    pieces = [call(text, index=0, id=f"c{place}", name="" if place else "vote") for place, text in enumerate('{"a": 1}')]
    response = await gathered(*(piece(tool_calls=[part]) for part in pieces), piece(finish="tool_calls"))
    assert [(call.name, call.arguments) for call in response.tool_calls] == [("vote", '{"a": 1}')]


async def test_a_name_with_every_piece_does_not_begin_a_new_call() -> None:
    pieces = [call(text, index=0, id="x", name="vote") for text in ("", '{"a"', ": 1}", "")]
    response = await gathered(*(piece(tool_calls=[part]) for part in pieces), piece(finish="tool_calls"))
    assert [(call.name, call.arguments) for call in response.tool_calls] == [("vote", '{"a": 1}')]


async def test_arguments_that_are_an_object_are_read() -> None:
    body = {"index": 0, "id": "x", "function": {"name": "vote", "arguments": {"a": 1}}}
    response = await gathered(piece(tool_calls=[body]), piece(finish="tool_calls"))
    assert [call.arguments for call in response.tool_calls] == ['{"a": 1}']


HELLO = 'data: {"choices": [{"delta": {"content": "Hello"}}]}'
END = 'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}'


@pytest.mark.parametrize(
    "body",
    [
        f"{HELLO}\n\ndata: warming up\n\n{END}\n\ndata: [DONE]\n\n",
        f"starting the model\n{HELLO}\n\nnot a line of a stream\n\n{END}\n\n",
        f"{HELLO}\n{END}\ndata: [DONE]\n",
        f"{HELLO}\r\n\r\n{END}\r\n\r\n",
        f"id: 1\nevent: message\n{HELLO}\n\n{END}\n\n",
    ],
    ids=["junk data", "junk lines", "no empty lines", "carriage returns", "other fields"],
)
@pytest.mark.parametrize("media_type", ["text/event-stream", "text/plain; charset=utf-8", "application/json"])
@pytest.mark.parametrize("model", ["mine", STREAMED], ids=["asked whole", "asked to stream"])
async def test_a_stream_is_read_with_junk_in_it_and_under_any_media_type(body: str, media_type: str, model: str) -> None:
    async with ModelServer([ScriptedReply(body=body, content_type=media_type)]) as server:
        models = create_model_client(server)
        response = await models.respond(create_request(model=model))
        await models.close()
    assert response.text == "Hello"


async def test_an_event_named_error_fails_the_call() -> None:
    body = f'{HELLO}\n\nevent: error\ndata: {{"message": "out of memory"}}\n\n'
    error = await call_error(ScriptedReply(body=body, content_type="text/event-stream"), create_request())
    assert error.answer_begun
    assert "out of memory" in error.found


CALL = '{"a": "b\\n", "c": [1, 2]}'


@given(st.lists(st.integers(min_value=1, max_value=len(CALL) - 1), unique=True))
def test_arguments_are_the_same_however_they_are_cut_into_pieces(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(CALL)]
    answer = StreamAccumulator()
    for start, end in pairwise(bounds):
        name = None if start else "vote"
        answer.add(piece(tool_calls=[call(CALL[start:end], index=0, id="x" if not start else None, name=name)]))
    said = answer.completion().choices[0].message
    assert [(found.function.name, found.function.arguments) for found in said.tool_calls or ()] == [("vote", CALL)]
