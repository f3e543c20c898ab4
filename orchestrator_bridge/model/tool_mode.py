"""Ways in which a model is offered tools: natively, or as JSON that it writes, for models and servers without tool calling.

| mode | request | answer |
|---|---|---|
| `native` | the tools in their own field | tool calls in their own field |
| `schema` | the tools described in the system message, and a JSON schema that the server enforces | one JSON object as text |
| `prompted` | the tools described in the system message | one JSON object as text |

In the last two the conversation has neither tool calls nor results: chat templates of such models know only words.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, assert_never

from orchestrator_bridge.model.catalogue.providers import needs_order
from orchestrator_bridge.model.errors import BadRequest, RolesRefused
from orchestrator_bridge.model.interface import Message, Request, Response, ToolCall, ToolMode, ToolSpec
from orchestrator_bridge.model.provider_errors import provider_label
from orchestrator_bridge.model.route_memory import RouteMemory, route_key

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


PROSE_TRIES = 2
"""Answers in a row without a tool call after which a model of which nothing is known is asked for JSON instead."""

UNUSABLE_ADVICE = (
    "Choose a model that supports tools. After a change of the server, `townhall doctor --online --probe` tries again."
)


def unusable_text(route: Route) -> str:
    """Sentence that names a model which makes tool calls in no mode."""
    return f"{route.id!r} at {provider_label(route)} made no tool calls, neither its own nor as JSON, which agents need"


_INSTRUCTION = """\
You call a tool by writing one JSON object and nothing else, in this form:
{"name": "the tool", "arguments": {...}}

Your tools, with the JSON schema of their arguments:"""


class ToolModes:
    """Mode and order of roles of each route, by the catalogue, by what its server refused, and by what its model answered."""

    def __init__(self, memory: RouteMemory) -> None:
        self._memory = memory
        self._prose: dict[str, int] = {}
        self._proven: set[str] = set()

    def apply_to(self, request: Request, route: Route) -> Request:
        """The request in the mode and with the order of roles of its route."""
        facts = self._memory.get(route)
        written: ToolMode = "schema" if route.tools is False or self._prose.get(route_key(route), 0) >= PROSE_TRIES else "native"
        return replace(request, tool_mode=facts.mode or written, roles=facts.roles)

    def take_next(self, route: Route, refused: Request, error: BadRequest) -> bool:
        """Take the next mode or order of roles after the server refused a request; False if there is none."""
        found = self._reorder(route, refused) if isinstance(error, RolesRefused) else self._step_down(route, refused)
        if not found:
            # None of them helped, so none is worth remembering.
            self._memory.forget(route)
        return found

    def _step_down(self, route: Route, refused: Request) -> bool:
        match refused.tool_mode:
            case "native":
                self._memory.set(route, mode="schema")
            case "schema":
                self._memory.set(route, mode="prompted")
            case "prompted":
                return False
            case _:
                assert_never(refused.tool_mode)
        return True

    def _reorder(self, route: Route, refused: Request) -> bool:
        """In the native mode results of tools have a role of their own, which a strict template may not have."""
        match refused.roles:
            case "free" if not needs_order(route):
                self._memory.set(route, roles="alternating")
            case "free" | "alternating":
                self._memory.set(route, roles="without_system")
            case "without_system":
                return refused.tool_mode == "native" and self._step_down(route, refused)
            case _:
                assert_never(refused.roles)
        return True

    def learn(self, route: Route, request: Request, response: Response) -> None:
        """Count answers without a tool call; only those of routes of which nothing else is known matter."""
        key = route_key(route)
        if request.tool_mode != "native" or not request.callable_tools or route.tools is not None or key in self._proven:
            return
        if response.tool_calls:
            self._proven.add(key)
        elif not response.cut and self._memory.get(route).mode is None:
            self._prose[key] = self._prose.get(key, 0) + 1


def written_messages(request: Request) -> tuple[Message, ...]:
    """The conversation of a request whose tools are offered in words."""
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    first, *others = (_written(message, names) for message in request.messages)
    if not request.callable_tools:
        return (first, *others)
    instruction = "\n".join((_INSTRUCTION, *map(_described, request.callable_tools)))
    if first.role == "system":
        return (replace(first, text=f"{first.text}\n\n{instruction}"), *others)
    return (Message(role="system", text=instruction), first, *others)


def _written(message: Message, names: dict[str, str]) -> Message:
    if message.role == "tool":
        name = names.get(message.tool_call or "", "the tool")
        return Message(role="user", text=f"Result of {name}: {message.text}")
    if not message.tool_calls:
        return message
    return Message(role="assistant", text="\n".join(map(_call_text, message.tool_calls)))


def _call_text(call: ToolCall) -> str:
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        arguments = call.arguments
    return json.dumps({"name": call.name, "arguments": arguments}, ensure_ascii=False)


def _described(tool: ToolSpec) -> str:
    return f"- {tool.name}: {tool.description} {json.dumps(tool.parameters, ensure_ascii=False)}"


def answer_format(tools: Sequence[ToolSpec]) -> dict[str, Any]:
    """The parameter `response_format` that makes a server enforce a call of one of the tools."""
    calls = [
        {
            "type": "object",
            "properties": {"name": {"type": "string", "enum": [tool.name]}, "arguments": tool.parameters},
            "required": ["name", "arguments"],
            "additionalProperties": False,
        }
        for tool in tools
    ]
    schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
    return {"type": "json_schema", "json_schema": {"name": "tool_call", "schema": schema}}
