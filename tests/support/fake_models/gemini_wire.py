"""Gemini's generateContent format (ai.google.dev/api/generate-content): a `Play` as the body of an answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.fake_models.replies import ModelCall, ScriptedReply, Tokens
from tests.support.fake_models.wire import Wire


def completion(asked: ModelCall, play: ScriptedReply) -> bytes:
    """The whole answer as one JSON object."""
    content = {"role": "model", "parts": list(_parts(play))}
    body = {
        "candidates": [{"content": content, "finishReason": play.finish or "STOP", "index": 0}],
        "usageMetadata": _usage(play.usage or Tokens()),
        "modelVersion": play.served or asked.path.rpartition("/")[2].partition(":")[0],
    }
    return json.dumps(body).encode()


def _parts(play: ScriptedReply) -> Iterator[dict[str, Any]]:
    """Content parts. The first call carries the signature of the reasoning before it, which Gemini 3 requires back."""
    if play.reasoning is not None:
        yield {"text": play.reasoning, "thought": True}
    if play.text:
        yield {"text": play.text}
    for place, use in enumerate(play.tool_calls):
        call = {"functionCall": {"name": use.name, "args": json.loads(use.raw)}}
        yield {**call, "thoughtSignature": play.signature} if play.signature and place == 0 else call


def _usage(tokens: Tokens) -> dict[str, int]:
    """Usage; Gemini counts reasoning beside the candidates."""
    return {
        "promptTokenCount": tokens.input,
        "cachedContentTokenCount": tokens.cached,
        "candidatesTokenCount": tokens.output - tokens.reasoning,
        "thoughtsTokenCount": tokens.reasoning,
        "totalTokenCount": tokens.input + tokens.output,
    }


def _tools(body: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    calling = (body.get("toolConfig") or body.get("tool_config") or {}).values()
    if any(config.get("mode") == "NONE" for config in calling):
        return {}
    declared = [function for tool in body.get("tools") or () for function in tool.get("function_declarations") or ()]
    return {tool["name"]: tool.get("parameters") or {} for tool in declared}


GEMINI = Wire(serves=lambda path: path.endswith(":generateContent"), tools=_tools, completion=completion)
"""Gemini's format, whole answers."""
