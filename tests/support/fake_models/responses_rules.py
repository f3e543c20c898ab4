"""Requests that OpenAI refuses: rules of the Responses format, and of chat completions for models that reason.

They hold for every request in these formats, since no client may break them anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.support.fake_models.refusals import Body, Rule, refusal, short_cache_key
from tests.support.fake_models.replies import ScriptedReply

FIELDS = frozenset(
    {
        "background",
        "conversation",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "model",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt",
        "prompt_cache_key",
        "prompt_cache_retention",
        "reasoning",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    }
)
"""Fields of a request (platform.openai.com/docs/api-reference/responses/create)."""

REASONING_FIELDS = frozenset({"type", "id", "summary", "encrypted_content", "status"})
CALL_FIELDS = frozenset({"type", "id", "call_id", "name", "arguments", "status"})
TOOL_FIELDS = frozenset({"type", "name", "description", "parameters", "strict"})


def _refused(message: str, param: str = "input", code: str | None = None, status: int = 400) -> ScriptedReply:
    return refusal(status, {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}})


def _items(body: Body, kind: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    return ((place, item) for place, item in enumerate(body.get("input") or ()) if item.get("type", "message") == kind)


def known_fields(body: Body) -> ScriptedReply | None:
    """Unknown fields of the request, of its tools and of its items are refused ("Unknown parameter")."""
    unknown = [name for name in body if name not in FIELDS]
    unknown += [
        f"tools[0].{name}" for tool in body.get("tools") or () if tool["type"] == "function" for name in {*tool} - TOOL_FIELDS
    ]
    for kind, fields in (("reasoning", REASONING_FIELDS), ("function_call", CALL_FIELDS)):
        unknown += [f"input[{place}].{name}" for place, item in _items(body, kind) for name in {*item} - fields]
    return _refused(f"Unknown parameter: '{unknown[0]}'.", unknown[0], "unknown_parameter") if unknown else None


def known_tools(body: Body) -> ScriptedReply | None:
    """Tool types of OpenAI (its description of `Tool`) and, for Grok, of xAI (docs.x.ai, "Tools"); code needs a container."""
    is_grok = str(body.get("model")).startswith("grok")
    known = ("function", "web_search", "code_interpreter", *(("x_search", "code_execution") if is_grok else ()))
    for place, tool in enumerate(body.get("tools") or ()):
        if tool["type"] not in known:
            said = f"Invalid value: '{tool['type']}'. Supported values are: {', '.join(map(repr, known))}."
            return _refused(said, f"tools[{place}].type", "invalid_value")
        if tool["type"] == "code_interpreter" and not is_grok and "container" not in tool:
            return _refused(f"Missing required parameter: 'tools[{place}].container'.", f"tools[{place}].container")
    return None


def whole_server_items(body: Body) -> ScriptedReply | None:
    """Items of a provider's tools go back with all fields (OpenAI's `WebSearchToolCall`, `CodeInterpreterToolCall`)."""
    required = {
        "web_search_call": ("id", "status", "action"),
        "code_interpreter_call": ("id", "status", "container_id", "code", "outputs"),
    }
    for kind, names in required.items():
        for place, item in _items(body, kind):
            if missing := [name for name in names if name not in item]:
                return _refused(f"Missing required parameter: 'input[{place}].{missing[0]}'.")
    return None


def strict_is_stated(body: Body) -> ScriptedReply | None:
    """A function tool is strict unless it says otherwise (OpenAI's guide to function calling), and few schemas fit that."""
    loose = [tool for tool in body.get("tools") or () if tool["type"] == "function" and tool.get("strict") is not False]
    name = loose[0]["name"] if loose else ""
    said = f"Invalid schema for function '{name}': 'additionalProperties' is required to be supplied and to be false."
    return _refused(said, "tools[0].parameters", "invalid_function_parameters") if loose else None


def calls_and_outputs(body: Body) -> ScriptedReply | None:
    """Every output has its call, every call its output (james-6-23/codex2api#414); ids have at most 64 characters."""
    calls = {item["call_id"] for _, item in _items(body, "function_call")}
    outputs = [item["call_id"] for _, item in _items(body, "function_call_output")]
    for call_id in outputs:
        if len(call_id) > 64:
            return _refused(f"Invalid 'input[0].call_id': string too long. Expected at most 64, got {len(call_id)}.")
        if call_id not in calls:
            return _refused(f"No tool call found for function call output with call_id {call_id}.")
    missing = sorted(calls - {*outputs})
    return _refused(f"No tool output found for function call {missing[0]}.") if missing else None


def whole_reasoning(body: Body) -> ScriptedReply | None:
    """Reasoning carries its content, since nothing is stored (vercel/ai#7543), and no plain text (agent-framework-go#784)."""
    for place, item in _items(body, "reasoning"):
        if "summary" not in item:
            return _refused(f"Missing required parameter: 'input[{place}].summary'.")
        if not item.get("encrypted_content") and body.get("store") is False:
            return _refused(
                f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set to false.", status=404
            )
        if "status" in item and item["status"] is None:
            return _refused(
                f"Invalid type for 'input[{place}].status': expected one of 'in_progress', 'completed', 'incomplete'."
            )
    return None


def reasoning_with_its_item(body: Body) -> ScriptedReply | None:
    """Reasoning is followed by the message or the call that it led to (openai/openai-agents-js#929)."""
    items = [*(body.get("input") or ()), {}]
    for item, following in pairwise(items):
        if item.get("type") == "reasoning" and not str(following.get("id", "")).startswith(
            ("msg_", "fc_", "rs_", "ws_", "ci_", "ctc_")
        ):
            return _refused(f"Item '{item['id']}' of type 'reasoning' was provided without its required following item.")
    return None


def least_output(body: Body) -> ScriptedReply | None:
    """The smallest limit of the output is 16 (OpenAI's description of `max_output_tokens`)."""
    limit = body.get("max_output_tokens")
    if limit is None or limit >= 16:
        return None
    return _refused(
        f"Invalid 'max_output_tokens': integer below minimum value. Expected >= 16, got {limit}.", "max_output_tokens"
    )


def encrypted_for_reasoning(body: Body) -> ScriptedReply | None:
    """Models that do not reason have no reasoning to encrypt: OpenAI refuses the parameter for them."""
    if not re.match(r"gpt-[34]|chatgpt", str(body.get("model"))) or not body.get("include"):
        return None
    return _refused("Encrypted content is not supported with this model.", "include")


def no_tools_while_reasoning(body: Body) -> ScriptedReply | None:
    """Chat completions take no function tools while these models reason (BerriAI/litellm#34569, onyx-dot-app/onyx#15008)."""
    model = str(body.get("model"))
    if not (body.get("tools") and re.match(r"gpt-(5\.[5-9]|[6-9])", model) and body.get("reasoning_effort") != "none"):
        return None
    said = (
        f"Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. To use function tools, use"
        " /v1/responses or set reasoning_effort to 'none'."
    )
    return _refused(said, "reasoning_effort")


RESPONSES_RULES: Sequence[Rule] = (
    known_fields,
    known_tools,
    whole_server_items,
    strict_is_stated,
    calls_and_outputs,
    whole_reasoning,
    reasoning_with_its_item,
    least_output,
    encrypted_for_reasoning,
    short_cache_key,
)
CHAT_RULES: Sequence[Rule] = (no_tools_while_reasoning, short_cache_key)
