"""Anthropic's messages format (docs.anthropic.com/en/api/messages): a `Play` as the body of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.fake_models.refusals import ANTHROPIC_RULES
from tests.support.fake_models.replies import ModelCall, ScriptedReply, Tokens
from tests.support.fake_models.wire import Wire


def completion(asked: ModelCall, play: ScriptedReply) -> bytes:
    """The whole answer as one JSON object."""
    body = {
        "id": f"msg_{asked.number}",
        "type": "message",
        "role": "assistant",
        "model": asked.model if play.served is None else play.served,
        "content": list(_blocks(asked, play)),
        "stop_reason": play.finish or ("tool_use" if play.tool_calls else "end_turn"),
        "usage": _usage(play.usage or Tokens()),
    }
    return json.dumps(body).encode()


def _blocks(asked: ModelCall, play: ScriptedReply) -> Iterator[dict[str, Any]]:
    if play.reasoning is not None:
        yield {"type": "thinking", "thinking": play.reasoning, "signature": play.signature or ""}
    if play.text:
        yield {"type": "text", "text": play.text}
    for place, use in enumerate(play.tool_calls):
        name = use.id or f"toolu_{asked.number}_{place}"
        yield {"type": "tool_use", "id": name, "name": use.name, "input": json.loads(use.raw)}


def _usage(tokens: Tokens) -> dict[str, int]:
    """Usage; Anthropic counts cached tokens beside the input, and reasoning as output."""
    return {
        "input_tokens": tokens.input - tokens.cached - tokens.written,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation_input_tokens": tokens.written,
        "output_tokens": tokens.output,
    }


def _tools(body: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    offered = () if (body.get("tool_choice") or {}).get("type") == "none" else body.get("tools") or ()
    return {tool["name"]: tool.get("input_schema") or {} for tool in offered}


ANTHROPIC = Wire(serves=lambda path: path == "/v1/messages", tools=_tools, completion=completion, rules=ANTHROPIC_RULES)
"""Anthropic's format, whole answers."""
