"""Requests in the Responses format, as JSON bodies. Pure functions.

Nothing is stored at the provider (`store` is false): each request carries the whole conversation, and with it the encrypted
reasoning of the earlier turns, without which a model begins its reasoning anew after each tool call (docs.x.ai, "Troubleshooting
reasoning"; platform.openai.com, "Reasoning models").
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.model.answer_text import replace_surrogates
from orchestrator_bridge.model.interface import Message, Picture, Request, ToolCall
from orchestrator_bridge.model.openai.conversation import conversation
from orchestrator_bridge.model.openai.request import choice_of_tools, readable_arguments, sends_tools
from orchestrator_bridge.model.parameters import WIRE, wire_parameters
from orchestrator_bridge.model.prompt_cache import cache_key
from orchestrator_bridge.model.reasoning import replay_output
from orchestrator_bridge.model.server_tools import MOST_USES, server_tools_body
from orchestrator_bridge.model.tool_mode import answer_format, written_messages

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


PATH = "/responses"

ENCRYPTED_REASONING = "reasoning.encrypted_content"

LEAST_OUTPUT = 16
"""Smallest limit of the output in tokens that OpenAI accepts."""

LONGEST_CALL_ID = 64
"""Characters of a call's id. Ids of other providers, from before a change of the model, may be longer."""


def body_of(request: Request, route: Route) -> dict[str, Any]:
    """JSON object of one call."""
    said = request.messages if request.tool_mode == "native" else written_messages(request)
    messages = conversation(said, route, request.roles)
    body: dict[str, Any] = {
        "model": route.id,
        "input": [item for message in messages for item in _items(message, route)],
        "store": False,
        "include": [ENCRYPTED_REASONING],
    }
    if request.callable_tools and request.tool_mode == "schema":
        body["text"] = {"format": {"type": "json_schema", **answer_format(request.enforced_tools)["json_schema"]}}
    if sends_tools(request, route):
        # A function is strict by default, which most schemas do not fit.
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": False,
            }
            for tool in request.tools
        ]
    if hosted := server_tools_body(request, route):
        body["tools"] = [*body.get("tools", ()), *hosted]
        if route.provider == "openai":
            body["max_tool_calls"] = MOST_USES
    if request.max_output is not None:
        body["max_output_tokens"] = max(request.max_output, LEAST_OUTPUT)
    if request.conversation:
        body["prompt_cache_key"] = cache_key(request)
    return {**body, **_parameters(wire_parameters(route, request.parameters)), **choice_of_tools(request, route)}


def _parameters(wire: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of chat completions under their names here."""
    effort = {"reasoning": {"effort": wire[WIRE["effort"]]}} if WIRE["effort"] in wire else {}
    return {**{name: value for name, value in wire.items() if name != WIRE["effort"]}, **effort}


def _items(message: Message, route: Route) -> Iterator[dict[str, Any]]:
    """Input items of a message."""
    text = replace_surrogates(message.text)
    match message.role:
        case "tool":
            yield {"type": "function_call_output", "call_id": _call_id(message.tool_call or ""), "output": text}
        case "assistant":
            yield from _replayed(replay_output(message, route), message.tool_calls) or _assistant_items(text, message.tool_calls)
        case "system" | "user":
            images = [_image(picture) for picture in message.pictures]
            yield {"role": message.role, "content": [{"type": "input_text", "text": text}, *images] if images else text}


def _replayed(output: Sequence[Mapping[str, Any]], calls: Sequence[ToolCall]) -> list[dict[str, Any]]:
    """Items of an earlier answer as the provider sent them; none if its calls are not the message's any more.

    The calls have the ids that their results refer to, which may differ from those that the provider gave.
    """
    if sum(item.get("type") == "function_call" for item in output) != len(calls):
        return []
    left = iter(calls)
    return [{**item, "call_id": _call_id(next(left).id)} if item.get("type") == "function_call" else {**item} for item in output]


def _assistant_items(text: str, calls: Sequence[ToolCall]) -> Iterator[dict[str, Any]]:
    if text:
        yield {"role": "assistant", "content": text}
    for call in calls:
        arguments = readable_arguments(call)
        yield {"type": "function_call", "call_id": _call_id(call.id), "name": call.name, "arguments": arguments}


def _call_id(call_id: str) -> str:
    return call_id if len(call_id) <= LONGEST_CALL_ID else f"call_{hashlib.sha256(call_id.encode()).hexdigest()[:32]}"


def _image(picture: Picture) -> dict[str, Any]:
    data = base64.b64encode(picture.data).decode()
    return {"type": "input_image", "detail": "auto", "image_url": f"data:{picture.media_type};base64,{data}"}
