"""Requests in the chat completions format, as JSON bodies. Pure functions."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.model.answer_text import replace_surrogates
from orchestrator_bridge.model.interface import Message, Picture, Request, ToolCall
from orchestrator_bridge.model.openai.conversation import conversation
from orchestrator_bridge.model.parameters import wire_parameters
from orchestrator_bridge.model.prompt_cache import cache_fields, with_breakpoints
from orchestrator_bridge.model.reasoning import (
    NO_REASONING,
    REASONING,
    replay,
    replay_call,
    requires_reasoning,
)
from orchestrator_bridge.model.tool_mode import answer_format, written_messages

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


PATH = "/chat/completions"


def body_of(request: Request, route: Route) -> dict[str, Any]:
    """JSON object of one call."""
    assistant_fields = {REASONING: NO_REASONING} if requires_reasoning(request, route) else {}
    said = request.messages if request.tool_mode == "native" else written_messages(request)
    messages = [_message(message, route, assistant_fields) for message in conversation(said, route, request.roles)]
    body: dict[str, Any] = {"model": route.id, "messages": messages}
    if request.callable_tools and request.tool_mode == "schema":
        body["response_format"] = answer_format(request.enforced_tools)
    if sends_tools(request, route):
        body["tools"] = [
            {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}
            for tool in request.tools
        ]
    if request.max_output is not None:
        body[route.limit_name] = request.max_output
    hints = {**choice_of_tools(request, route), **cache_fields(request, route)}
    return with_breakpoints({**body, **wire_parameters(route, request.parameters), **hints}, request, route)


def sends_tools(request: Request, route: Route) -> bool:
    """True if a request has its tools in their own field: those that it may not call only where the route can be told so."""
    if not request.tools or request.tool_mode != "native":
        return False
    return request.tool_choice == "auto" or route.accepts is None or "tool_choice" in route.accepts


def choice_of_tools(request: Request, route: Route) -> dict[str, str]:
    """The field that keeps a model from calling the tools of its prompt, the same in both formats."""
    return {"tool_choice": "none"} if request.tool_choice == "none" and sends_tools(request, route) else {}


def _message(message: Message, route: Route, assistant_fields: Mapping[str, Any]) -> dict[str, Any]:
    """JSON object of a message. `assistant_fields` are defaults for fields of every assistant message."""
    text = replace_surrogates(message.text)
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call, "content": text}
    if message.role != "assistant":
        images = [_image(picture) for picture in message.pictures]
        return {"role": message.role, "content": [{"type": "text", "text": text}, *images] if images else text}
    said = {"role": "assistant", **assistant_fields, **replay(message, route)}
    if not message.tool_calls:
        return {**said, "content": text}
    calls = [{**_call(call), **replay_call(message, place, route)} for place, call in enumerate(message.tool_calls)]
    return {**said, "content": text or None, "tool_calls": calls}


def _image(picture: Picture) -> dict[str, Any]:
    data = base64.b64encode(picture.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{picture.media_type};base64,{data}"}}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": readable_arguments(call)}}


def readable_arguments(call: ToolCall) -> str:
    """Arguments of a call as JSON. Those that are no JSON object are wrapped in one: some servers refuse anything else."""
    try:
        readable = isinstance(json.loads(call.arguments), dict)
    except (ValueError, RecursionError):
        readable = False
    return replace_surrogates(call.arguments) if readable else json.dumps({"unreadable": call.arguments})
