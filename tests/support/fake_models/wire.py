"""A vendor's format as a value, and OpenAI's: a `ScriptedReply` as the bytes of a completion, in one body or as a stream of
pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.fake_models.refusals import Rule
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.responses_rules import CHAT_RULES


@dataclass(frozen=True, kw_only=True)
class Wire:
    """A vendor's format: which paths it serves, how it offers tools, and a `ScriptedReply` in it, whole and (None: never) as a
    stream."""

    serves: Callable[[str], bool]
    tools: Callable[[Mapping[str, Any]], Mapping[str, Mapping[str, Any]]]
    completion: Callable[[ModelCall, ScriptedReply], bytes]
    stream: Callable[[ModelCall, ScriptedReply], Iterator[bytes]] | None = None
    messages: Callable[[Mapping[str, Any]], Sequence[Mapping[str, Any]]] = lambda body: body.get("messages") or ()
    """The conversation of a request in the form of chat completions."""
    rules: Sequence[Rule] = ()
    """What every server in this format refuses."""


DONE = b"data: [DONE]\n\n"
PIECE = 16
"""Characters of text in one piece of a stream."""


def completion(asked: ModelCall, play: ScriptedReply) -> bytes:
    """The whole answer as one JSON object."""
    message: dict[str, Any] = {"role": "assistant", "content": play.text, "refusal": None}
    message |= play.extra
    if play.reasoning is not None:
        message["reasoning_content"] = play.reasoning
    if play.tool_calls:
        message["tool_calls"] = _calls(asked, play)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish(play)}
    if play.error is not None:
        choice |= {"error": play.error, "finish_reason": "error"}
    body = {**_head(asked, play, "chat.completion"), "choices": [choice]}
    usage = _usage(play)
    if usage is not None:
        body["usage"] = usage
    return json.dumps(body).encode()


def stream(asked: ModelCall, play: ScriptedReply) -> Iterator[bytes]:
    """The answer as server-sent events, the marks of its end included."""
    head = _head(asked, play, "chat.completion.chunk")
    early = {} if play.early_usage is None else {"usage": play.early_usage}
    for place, delta in enumerate(_deltas(asked, play)):
        first = {} if place else early
        yield _event({**head, **first, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    if play.error is not None:
        yield _event({**head, "error": play.error})
        return
    wanted = (asked.body.get("stream_options") or {}).get("include_usage")
    usage = _usage(play)
    inside = {"usage": usage} if play.usage_in_choice else {}
    yield _event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": _finish(play), **inside}]})
    if usage is not None and wanted and not play.usage_in_choice:
        yield _event({**head, "choices": [], "usage": usage})
    yield DONE


def read_tools(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The tools that the model may call: none with `tool_choice` "none" (platform.openai.com/docs/api-reference/chat)."""
    offered = (tool["function"] for tool in body.get("tools") or () if body.get("tool_choice") != "none")
    return {tool["name"]: tool.get("parameters") or {} for tool in offered}


def _head(asked: ModelCall, play: ScriptedReply, kind: str) -> dict[str, Any]:
    served = asked.model if play.served is None else play.served
    return {"id": f"chatcmpl-{asked.number}", "object": kind, "created": 1_700_000_000, "model": served}


def _finish(play: ScriptedReply) -> str:
    return play.finish or ("tool_calls" if play.tool_calls else "stop")


def _calls(asked: ModelCall, play: ScriptedReply) -> list[dict[str, Any]]:
    return [
        {"id": _id(asked, place, use), "type": "function", "function": {"name": use.name, "arguments": use.raw}}
        for place, use in enumerate(play.tool_calls)
    ]


def _id(asked: ModelCall, place: int, use: ToolUse) -> str:
    return use.id or f"call_{asked.number}_{place}"


def _deltas(asked: ModelCall, play: ScriptedReply) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    if play.reasoning is not None:
        yield {"reasoning_content": play.reasoning}
    if play.extra:
        yield dict(play.extra)
    for piece in pieces(play.text or ""):
        yield {"content": piece}
    for place, use in enumerate(play.tool_calls):
        head = {"index": place, "id": _id(asked, place, use), "type": "function"}
        yield {"tool_calls": [{**head, "function": {"name": use.name, "arguments": ""}}]}
        for piece in pieces(use.raw):
            yield {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}


def pieces(text: str) -> Iterator[str]:
    """The text in pieces, as a stream carries it."""
    return (text[start : start + PIECE] for start in range(0, len(text), PIECE))


def _usage(play: ScriptedReply) -> Mapping[str, Any] | None:
    tokens = play.usage
    if play.raw_usage is not None or tokens is None:
        return play.raw_usage
    total = tokens.input + tokens.output if tokens.total is None else tokens.total
    return {
        "prompt_tokens": tokens.input,
        "completion_tokens": tokens.output,
        "total_tokens": total,
        "prompt_tokens_details": {"cached_tokens": tokens.cached},
        "completion_tokens_details": {"reasoning_tokens": tokens.reasoning},
    }


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


OPENAI = Wire(
    serves=lambda path: path == "/v1/chat/completions",
    tools=read_tools,
    completion=completion,
    stream=stream,
    rules=CHAT_RULES,
)
"""OpenAI's format, whole or streamed answers."""
