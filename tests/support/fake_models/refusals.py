"""Requests that vendors refuse: rules for the fake model server, one profile a vendor, each rule with its source.

A rule returns the refusal of a request's body, or None. `ModelServer(refuses=MISTRAL_RULES)` applies them in order.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.support.fake_models.replies import ScriptedReply

Rule = Callable[[Mapping[str, Any]], ScriptedReply | None]
Body = Mapping[str, Any]


def refusal(status: int, body: Mapping[str, Any]) -> ScriptedReply:
    """A refusal with this status and JSON body."""
    return ScriptedReply(status=status, body=json.dumps(body))


def first_refusal(rules: Sequence[Rule], body: Body) -> ScriptedReply | None:
    """The refusal of the first rule that a request breaks; None if it keeps them all."""
    return next((refused for rule in rules if (refused := rule(body)) is not None), None)


def _messages(body: Body) -> Sequence[Body]:
    return body.get("messages") or ()


def _mistral(message: str, kind: str, code: str) -> ScriptedReply:
    return refusal(400, {"object": "error", "message": message, "type": kind, "param": None, "code": code})


def nine_character_ids(body: Body) -> ScriptedReply | None:
    """Mistral's ids of tool calls have nine letters or digits (mistral-common, `validate_tool_call_id`)."""
    calls = (call["id"] for message in _messages(body) for call in message.get("tool_calls") or ())
    ids = [*calls, *(message["tool_call_id"] for message in _messages(body) if message["role"] == "tool")]
    wrong = next((id_ for id_ in ids if not re.fullmatch(r"[a-zA-Z0-9]{9}", id_)), None)
    if wrong is None:
        return None
    return _mistral(f"Tool call id was {wrong} but must be a-z, A-Z, 0-9, with a length of 9.", "invalid_function_call", "3280")


def no_user_after_tool(body: Body) -> ScriptedReply | None:
    """Mistral accepts only `assistant` or `tool` after `tool` (mistralai/mistral-common#169, datapizza-labs/datapizza-ai#98)."""
    for earlier, later in pairwise(message["role"] for message in _messages(body)):
        if (earlier, later) == ("tool", "user"):
            return _mistral("Unexpected role 'user' after role 'tool'", "invalid_request_message_order", "3230")
    return None


def not_assistant_last(body: Body) -> ScriptedReply | None:
    """Mistral serves no conversation that ends with `assistant` (0xPlaygrounds/rig#1130)."""
    if _messages(body)[-1]["role"] != "assistant":
        return None
    said = "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant"
    return _mistral(said, "invalid_request_message_order", "3230")


def some_content(body: Body) -> ScriptedReply | None:
    """xAI wants content in every message, tool calls or not (langchain-ai/langchain#34140)."""
    if all(message.get("content") for message in _messages(body)):
        return None
    said = "Invalid request content: Each message must have at least one content element."
    return refusal(400, {"code": "Client specified an invalid argument", "error": said})


def text_blocks_with_text(body: Body) -> ScriptedReply | None:
    """Hosts that forward to Bedrock refuse an empty text; a null beside tool calls passes (vercel/ai#15378)."""
    empty = any(message.get("content") == "" for message in _messages(body))
    said = "ValidationException: messages: text content blocks must be non-empty"
    return refusal(400, {"error": {"message": said, "code": 400}}) if empty else None


def alternating_roles(body: Body) -> ScriptedReply | None:
    """Templates of Mistral's and Gemma's models let `user` and plain `assistant` alternate (vllm-project/vllm#6862).

    Tool calls and their results are not counted. vLLM answers 400 to a template's exception.
    """
    if _alternates(body):
        return None
    said = "After the optional system message, conversation roles must alternate user/assistant/user/assistant/..."
    return refusal(400, {"object": "error", "message": said, "type": "BadRequestError", "param": None, "code": 400})


def alternating_roles_as_fault(body: Body) -> ScriptedReply | None:
    """The same rule at llama.cpp, which answers 500 to a template's exception (ggml-org/llama.cpp, `common/chat.cpp`)."""
    if _alternates(body):
        return None
    said = "Jinja Exception: Conversation roles must alternate user/assistant/user/assistant/..."
    return refusal(500, {"error": {"code": 500, "message": said, "type": "server_error"}})


def _alternates(body: Body) -> bool:
    plain = [
        message["role"]
        for message in _messages(body)
        if message["role"] == "user" or (message["role"] == "assistant" and not message.get("tool_calls"))
    ]
    return all(role == ("assistant" if place % 2 else "user") for place, role in enumerate(plain))


def text_content(body: Body) -> ScriptedReply | None:
    """Many templates join the content with text, so that null and nothing fail (ggml-org/llama.cpp: `content` must be set)."""
    if all(isinstance(message.get("content"), str | list) and message["content"] for message in _messages(body)):
        return None
    return refusal(500, {"error": {"code": 500, "message": "Jinja Exception: Cannot apply '+' to None", "type": "server_error"}})


def no_tool_parser(body: Body) -> ScriptedReply | None:
    """vLLM without a parser of tool calls takes no tools (vllm-project/vllm, `serving_chat.py`; langchain4j/langchain4j#3475)."""
    if not body.get("tools"):
        return None
    said = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'
    return refusal(400, {"object": "error", "message": said, "type": "BadRequestError", "param": None, "code": 400})


def no_tool_endpoint(body: Body) -> ScriptedReply | None:
    """OpenRouter has no host with tools for some models (pydantic/pydantic-ai#2896)."""
    if not body.get("tools"):
        return None
    said = "No endpoints found that support tool use. To learn more about provider routing, visit: https://openrouter.ai/docs"
    return refusal(404, {"error": {"message": said, "code": 404}})


def no_response_format(body: Body) -> ScriptedReply | None:
    """A server that cannot force JSON refuses the parameter instead of ignoring it, as older builds of llama.cpp do."""
    if "response_format" not in body:
        return None
    return refusal(400, {"error": {"code": 400, "message": "response_format of type json_schema is not supported"}})


def ascii_cache_key(body: Body) -> ScriptedReply | None:
    """Mistral takes the name of a conversation in ASCII only (BerriAI/litellm, `takes_prompt_cache_key_value`)."""
    if str(body.get("prompt_cache_key", "")).isascii():
        return None
    return _mistral("prompt_cache_key must be ASCII", "invalid_request_error", "3051")


def short_cache_key(body: Body) -> ScriptedReply | None:
    """OpenAI takes names of conversations of at most 64 characters (theopenco/llmgateway#3110)."""
    length = len(body.get("prompt_cache_key") or "")
    if length <= 64:
        return None
    said = (
        "Invalid 'prompt_cache_key': string too long. Expected a string with maximum length 64,"
        f" but got a string with length {length} instead."
    )
    error = {"message": said, "type": "invalid_request_error", "param": "prompt_cache_key", "code": "string_above_max_length"}
    return refusal(400, {"error": error})


def _anthropic(message: str) -> ScriptedReply:
    return refusal(400, {"type": "error", "error": {"type": "invalid_request_error", "message": message}})


def four_breakpoints(body: Body) -> ScriptedReply | None:
    """Claude accepts four breakpoints (tghamm/Anthropic.SDK#50)."""
    found = json.dumps(body).count('"cache_control"')
    said = f"A maximum of 4 blocks with cache_control may be provided. Found {found}."
    return _anthropic(said) if found > 4 else None


def breakpoints_on_text(body: Body) -> ScriptedReply | None:
    """Neither an empty text nor thinking can be marked (platform.claude.com/docs, "Prompt caching")."""
    system = body.get("system") or ()
    parts = [*(system if not isinstance(system, str) else ())]
    for message in _messages(body):
        parts += message["content"] if isinstance(message["content"], list) else []
    for place, part in enumerate(parts):
        if "cache_control" in part and (part.get("text") == "" or part["type"] in ("thinking", "redacted_thinking")):
            return _anthropic(f"messages.{place}: cache_control cannot be set for empty text blocks")
    return None


def breakpoints_in_text_parts(body: Body) -> ScriptedReply | None:
    """OpenRouter takes breakpoints in parts of texts only; elsewhere it falls silent (NousResearch/hermes-agent#2391)."""
    objects = [*_messages(body), *(body.get("tools") or ())]
    tools = (part for message in _messages(body) if message["role"] == "tool" for part in _parts(message))
    if not any("cache_control" in marked for marked in (*objects, *tools)):
        return four_breakpoints(body)
    return ScriptedReply(cut="before")


def _parts(message: Body) -> Sequence[Body]:
    content = message.get("content")
    return content if isinstance(content, list) else ()


MISTRAL_RULES: Sequence[Rule] = (nine_character_ids, no_user_after_tool, not_assistant_last, ascii_cache_key)
ANTHROPIC_RULES: Sequence[Rule] = (four_breakpoints, breakpoints_on_text)
OPENROUTER_RULES: Sequence[Rule] = (breakpoints_in_text_parts,)
XAI_RULES: Sequence[Rule] = (some_content,)
BEDROCK_RULES: Sequence[Rule] = (text_blocks_with_text,)
VLLM_RULES: Sequence[Rule] = (nine_character_ids, alternating_roles, text_content)
LLAMA_RULES: Sequence[Rule] = (alternating_roles_as_fault, text_content)
