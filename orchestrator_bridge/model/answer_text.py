"""Text of answers as people may read it: without reasoning between marks, and without what UTF-8 cannot encode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from orchestrator_bridge.model.interface import Request, ToolCall
from orchestrator_bridge.model.reasoning_marks import HARMONY_CHANNEL, strip_reasoning
from orchestrator_bridge.model.tool_forms import unreadable_call
from orchestrator_bridge.model.tool_markup import extract_calls
from orchestrator_bridge.model.tool_repair import repair_arguments, repair_name


def read_answer(text: str, calls: Sequence[ToolCall], request: Request) -> tuple[str, tuple[ToolCall, ...]]:
    """The text of an answer for people, and its tool calls: `calls`, or else those that it contains as text.

    Names and arguments are repaired where they can mean one thing only.
    """
    visible, written = extract_calls(strip_reasoning(text), request)
    if not written and HARMONY_CHANNEL.search(text):
        # In harmony a call is a message beside the reasoning, and no part of the text that people may read.
        _, written = extract_calls(text, request)
    if not (calls or written) and request.tool_mode != "native" and request.callable_tools and visible.lstrip().startswith("{"):
        visible, written = "", (unreadable_call(visible),)
    turn, schemas = len(request.messages), {tool.name: tool.parameters for tool in request.tools}
    read = calls or [
        ToolCall(id=f"call_{turn}_{place}", name=call.name, arguments=call.arguments) for place, call in enumerate(written)
    ]
    named = [replace(call, name=repair_name(call.name, schemas)) for call in read]
    return visible, tuple(replace(call, arguments=repair_arguments(call.arguments, schemas.get(call.name))) for call in named)


def replace_surrogates(text: str) -> str:
    """Join surrogate pairs, and replace lone surrogates, which UTF-8 cannot encode, with U+FFFD.

    They come from odd terminals, from models that were cut off, and from streams that were split inside a pair.
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def replace_surrogates_in(value: Any) -> Any:
    """Apply `replace_surrogates` to every text in a JSON value."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, dict):
        return {replace_surrogates_in(key): replace_surrogates_in(inner) for key, inner in value.items()}
    return [replace_surrogates_in(inner) for inner in value] if isinstance(value, list) else value
