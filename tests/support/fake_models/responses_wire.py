"""OpenAI's Responses format (platform.openai.com/docs/api-reference/responses): replies as responses, whole or streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.fake_models.replies import ModelCall, ScriptedReply
from tests.support.fake_models.responses_rules import RESPONSES_RULES
from tests.support.fake_models.wire import Wire, pieces

INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
"""Reasons of incomplete responses, by the finish reasons of chat completions."""


def completion(asked: ModelCall, play: ScriptedReply) -> bytes:
    """The whole response as one JSON object."""
    return json.dumps(_response(asked, play)).encode()


def _response(asked: ModelCall, play: ScriptedReply) -> dict[str, Any]:
    reason = INCOMPLETE.get(play.finish or "")
    failed = play.error is not None or play.finish == "error"
    return {
        "id": f"resp_{asked.number}",
        "object": "response",
        "created_at": 1_700_000_000,
        "model": asked.model if play.served is None else play.served,
        "status": "failed" if failed else "incomplete" if reason else "completed",
        "error": play.error or ({"code": "server_error", "message": "broke down"} if failed else None),
        "incomplete_details": {"reason": reason} if reason else None,
        "output": list(_items(asked, play)),
        "usage": _usage(play),
    }


def _items(asked: ModelCall, play: ScriptedReply) -> Iterator[dict[str, Any]]:
    """Output items. Every message and call follows its reasoning, which is encrypted if the request includes that."""
    if play.reasoning is not None:
        encrypted = play.signature if "reasoning.encrypted_content" in (asked.body.get("include") or ()) else None
        yield {
            "id": f"rs_{asked.number}",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": play.reasoning}],
            "encrypted_content": encrypted,
            "status": None,
        }
    yield from ({**item} for item in play.items)
    for kind, text in (("output_text", play.text), ("refusal", play.extra.get("refusal"))):
        if text:
            name = "text" if kind == "output_text" else "refusal"
            more: dict[str, Any] = {"annotations": [*play.annotations], "logprobs": []} if kind == "output_text" else {}
            yield {
                "id": f"msg_{asked.number}_{name}",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [{"type": kind, name: text, **more}],
            }
    for place, use in enumerate(play.tool_calls):
        yield {
            "id": f"fc_{asked.number}_{place}",
            "type": "function_call",
            "call_id": use.id or f"call_{asked.number}_{place}",
            "name": use.name,
            "arguments": use.raw,
            "status": "completed",
        }


def _usage(play: ScriptedReply) -> Mapping[str, Any] | None:
    tokens = play.usage
    if play.raw_usage is not None or tokens is None:
        return play.raw_usage
    return {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.input + tokens.output if tokens.total is None else tokens.total,
    }


def stream(asked: ModelCall, play: ScriptedReply) -> Iterator[bytes]:
    """The response as server-sent events."""
    whole = _response(asked, play)
    begun = {**whole, "status": "in_progress", "output": [], "usage": None, "error": None, "incomplete_details": None}
    yield _event("response.created", response=begun)
    for place, item in enumerate(whole["output"]):
        yield from _item_events(place, item)
    yield _event(f"response.{whole['status']}", response=whole)


def _item_events(place: int, item: Mapping[str, Any]) -> Iterator[bytes]:
    empty = {**item, "status": "in_progress"}
    match item["type"]:
        case "message":
            part = item["content"][0]
            kind, text = part["type"], part.get("text") or part.get("refusal") or ""
            yield _event("response.output_item.added", output_index=place, item={**empty, "content": []})
            for piece in pieces(text):
                yield _event(f"response.{kind}.delta", output_index=place, item_id=item["id"], content_index=0, delta=piece)
            yield _event(f"response.{kind}.done", output_index=place, item_id=item["id"], content_index=0, text=text)
        case "function_call":
            yield _event("response.output_item.added", output_index=place, item={**empty, "arguments": ""})
            for piece in pieces(item["arguments"]):
                yield _event("response.function_call_arguments.delta", output_index=place, item_id=item["id"], delta=piece)
        case _:
            yield _event("response.output_item.added", output_index=place, item={**empty, "encrypted_content": None})
    yield _event("response.output_item.done", output_index=place, item=item)


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def read_tools(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The function tools that a request lets the model call."""
    offered = () if body.get("tool_choice") == "none" else body.get("tools") or ()
    return {tool["name"]: tool["parameters"] for tool in offered if tool["type"] == "function"}


def read_messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The conversation of a request in the form of chat completions, for behaviours that look at it."""
    messages: list[dict[str, Any]] = []
    for item in body.get("input") or ():
        match item.get("type", "message"):
            case "message":
                parts = item["content"]
                text = parts if isinstance(parts, str) else "".join(part.get("text", "") for part in parts)
                messages.append({"role": item["role"], "content": text})
            case "function_call":
                function = {"name": item["name"], "arguments": item["arguments"]}
                messages.append({"role": "assistant", "tool_calls": [{"id": item["call_id"], "function": function}]})
            case "function_call_output":
                messages.append({"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]})
            case _:
                pass
    return messages


RESPONSES = Wire(
    serves=lambda path: path == "/v1/responses",
    tools=read_tools,
    messages=read_messages,
    completion=completion,
    stream=stream,
    rules=RESPONSES_RULES,
)
"""The Responses format, whole or streamed."""
