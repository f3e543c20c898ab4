"""The chat completions format, as it goes out: a `Request` as the JSON of a call. LiteLLM takes the same for every vendor."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.model.kept import NO_REASONING, REASONING, replay, replay_call, requires_reasoning
from orchestrator_bridge.model.parameters import wire_parameters
from orchestrator_bridge.model.port import Message, Picture, Request, ToolCall, ToolSpec
from orchestrator_bridge.model.writable import replace_surrogates

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route

PATH = "/chat/completions"


def body_of(request: Request, route: Route) -> dict[str, Any]:
    """The JSON object of one call."""
    filled = {REASONING: NO_REASONING} if requires_reasoning(request, route) else {}
    messages = [_message(message, route, filled) for message in request.messages]
    body: dict[str, Any] = {"model": route.id, "messages": messages}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.max_output is not None:
        body[route.limit_name] = request.max_output
    return {**body, **wire_parameters(route, request.parameters)}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _message(message: Message, route: Route, filled: Mapping[str, Any]) -> dict[str, Any]:
    """`filled`: fields that every message of the assistant has."""
    text = replace_surrogates(message.text)
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call, "content": text}
    if message.role != "assistant":
        return {"role": message.role, "content": _with_pictures(text, message.pictures)}
    said = {"role": "assistant", **filled, **replay(message, route)}
    if not message.tool_calls:
        return {**said, "content": text}
    calls = [{**_call(call), **replay_call(message, place, route)} for place, call in enumerate(message.tool_calls)]
    return {**said, "content": text or None, "tool_calls": calls}


def _with_pictures(text: str, pictures: tuple[Picture, ...]) -> str | list[dict[str, Any]]:
    return [{"type": "text", "text": text}, *map(_picture, pictures)] if pictures else text


def _picture(picture: Picture) -> dict[str, Any]:
    data = base64.b64encode(picture.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{picture.media_type};base64,{data}"}}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _arguments(call.arguments)}}


def _arguments(raw: str) -> str:
    """Arguments that are no JSON object go back wrapped in one: some servers refuse a conversation that holds others."""
    try:
        if isinstance(json.loads(raw), dict):
            return replace_surrogates(raw)
    except (ValueError, RecursionError):
        pass
    return json.dumps({"unreadable": raw})
