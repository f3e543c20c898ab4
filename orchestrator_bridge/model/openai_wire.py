"""The chat completions format: a `Request` as the JSON that goes out, and what comes back as a `Response`.

Pure functions; the shapes that are read are as lenient as the field is: what Townhall does not use may be missing or of any form.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from orchestrator_bridge.model.error_text import Said as ErrorSaid
from orchestrator_bridge.model.parameters import to_send
from orchestrator_bridge.model.port import Message, Picture, RefusedContent, Request, Response, ToolCall, ToolSpec, Usage
from orchestrator_bridge.model.price import estimate_tokens
from orchestrator_bridge.model.refusals import refused_as

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route

PATH = "/chat/completions"

PICTURE_CHARACTERS = 6000
"""For how many characters a picture counts in an estimate: about 1,500 tokens, what vendors bill for a large one."""

FILTERED = "content_filter"
"""How an answer ends that the provider's filter held back, in OpenAI's format and in LiteLLM's."""


class Function(BaseModel):
    """What is called; a few servers send the arguments as an object instead of its text."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class Call(BaseModel):
    """One tool call, or a piece of one in a stream."""

    index: int | None = None
    id: str | None = None
    function: Function = Function()


class Said(BaseModel):
    """The assistant's message, or a piece of it in a stream. Reasoning is left out of the text."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None


class Choice(BaseModel):
    """One of the answers; only the first is ever asked for."""

    message: Said
    finish_reason: str | None = None


class Details(BaseModel):
    """The parts of a token count; what was written into a cache is called so by OpenRouter, and so by LiteLLM."""

    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_creation_tokens: int | None = None


class Counted(BaseModel):
    """The usage."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: Details | None = None
    completion_tokens_details: Details | None = None


class Completion(BaseModel):
    """A whole answer."""

    model: str | None = None
    choices: Annotated[list[Choice], Field(min_length=1)]
    usage: Counted | None = None


class RefusedInside(Exception):
    """`{"error": …}` in place of a completion, with a status of success, as some gateways send it. `body` is what it holds."""

    def __init__(self, body: object) -> None:
        super().__init__("the body holds an error")
        self.body = body


def body_of(request: Request, route: Route) -> dict[str, Any]:
    """The JSON object of one call."""
    body: dict[str, Any] = {"model": route.id, "messages": [_message(message) for message in request.messages]}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.max_output is not None:
        body[route.limit_name] = request.max_output
    return {**body, **to_send(route, request.parameters)}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _message(message: Message) -> dict[str, Any]:
    text = _writable(message.text)
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call, "content": text}
    if not message.tool_calls:
        return {"role": message.role, "content": _with_pictures(text, message.pictures)}
    return {"role": message.role, "content": text or None, "tool_calls": [_call(call) for call in message.tool_calls]}


def _with_pictures(text: str, pictures: tuple[Picture, ...]) -> str | list[dict[str, Any]]:
    return [{"type": "text", "text": text}, *map(_picture, pictures)] if pictures else text


def _picture(picture: Picture) -> dict[str, Any]:
    data = base64.b64encode(picture.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{picture.media_type};base64,{data}"}}


def _writable(text: str) -> str:
    """The text with its surrogate pairs joined and U+FFFD for lone halves, which no UTF-8 can carry.

    They come from odd terminals, from models that are cut off, and from streams that are cut between the halves.
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _arguments(call.arguments)}}


def _arguments(raw: str) -> str:
    """Arguments that are no JSON object go back wrapped in one: some servers refuse a conversation that holds others."""
    try:
        if isinstance(json.loads(raw), dict):
            return _writable(raw)
    except (ValueError, RecursionError):
        pass
    return json.dumps({"unreadable": raw})


def read_completion(body: bytes) -> Completion:
    """A whole answer.

    Raises:
        json.JSONDecodeError, UnicodeDecodeError, RecursionError: the body is no JSON that can be read.
        RefusedInside: the body is an error.
        pydantic.ValidationError: the body has another shape.
    """
    value = json.loads(body)
    if isinstance(value, dict) and value.get("error") and not value.get("choices"):
        raise RefusedInside(value["error"])
    return Completion.model_validate(value)


def response_of(completion: Completion, request: Request, route: Route) -> Response:
    """What the model said, without its cost.

    Raises:
        RefusedContent: it said nothing, since the provider's filter held it back.
    """
    choice = completion.choices[0]
    said = choice.message
    text = _writable(said.content or said.refusal or "")
    calls = _calls(said.tool_calls or [], len(request.messages))
    if choice.finish_reason == FILTERED and not (text.strip() or calls):
        raise refused_as(RefusedContent, None, ErrorSaid(), route)
    usage = read_usage(completion.usage) if completion.usage else estimate_usage(request, text, calls)
    return Response(text=text, tool_calls=calls, usage=usage, served=_writable(completion.model or route.id))


def _calls(calls: list[Call], turn: int) -> tuple[ToolCall, ...]:
    """The tool calls; one without an id, or with the id of another, gets one of its own."""
    read: dict[str, ToolCall] = {}
    for place, call in enumerate(calls):
        name = call.id if call.id and call.id not in read else f"call_{turn}_{place}"
        arguments = call.function.arguments
        raw = json.dumps(arguments) if isinstance(arguments, dict) else arguments or ""
        read[name] = ToolCall(id=_writable(name), name=_writable(call.function.name or ""), arguments=_writable(raw))
    return tuple(read.values())


def read_usage(counted: Counted) -> Usage:
    """The usage as it is billed: xAI counts reasoning beside the output, not in it; its total shows that."""
    taken, given = counted.prompt_tokens or 0, counted.completion_tokens or 0
    reasoning = (counted.completion_tokens_details or Details()).reasoning_tokens or 0
    if reasoning and counted.total_tokens == taken + given + reasoning:
        given += reasoning
    details = counted.prompt_tokens_details or Details()
    written = details.cache_write_tokens or details.cache_creation_tokens or 0
    return Usage(input=taken, output=given, cached=details.cached_tokens or 0, reasoning=reasoning, cache_written=written)


def estimate_usage(request: Request, text: str, calls: tuple[ToolCall, ...]) -> Usage:
    """About what was used, for an endpoint that does not say: without it no bound on tokens would hold."""
    given = len(text) + sum(len(call.name) + len(call.arguments) for call in calls)
    return Usage(input=estimate_tokens(characters(request)), output=estimate_tokens(given), estimated=True)


def characters(request: Request) -> int:
    """The characters that a request sends."""
    messages = sum(len(message.text) + _size(message) for message in request.messages)
    return messages + sum(len(tool.name) + len(tool.description) + len(json.dumps(tool.parameters)) for tool in request.tools)


def _size(message: Message) -> int:
    calls = sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    return calls + PICTURE_CHARACTERS * len(message.pictures)
