"""Hints for providers' prompt caches: the name of a conversation, and Claude's breakpoints. Pure functions.

Most providers find the beginning of a prompt in their cache by themselves. Some want to be told which calls belong together, so
that one server gets them all, and Claude caches only what is marked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.model.interface import Request

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


LONGEST_KEY = 64
"""Characters of a conversation's name that OpenAI accepts (theopenco/llmgateway#3110); Mistral accepts ASCII only."""

_KEYED = ("openai", "mistral")
"""Providers that take the name as a field of the request (developers.openai.com and docs.mistral.ai, "Prompt caching")."""

_HEADERS: Mapping[str, str] = MappingProxyType({"xai": "x-grok-conv-id", "openrouter": "x-session-id"})
"""Headers with the name: docs.x.ai, "Maximizing cache hits"; openrouter.ai/docs, "Prompt caching"."""


def cache_key(request: Request) -> str:
    """Name of a request's conversation as every provider accepts it; empty if it has none."""
    name = request.conversation
    if len(name) <= LONGEST_KEY and name.isascii() and name.isprintable():
        return name
    return f"townhall-{hashlib.sha256(name.encode('utf-8', 'replace')).hexdigest()[:32]}"


def cache_fields(request: Request, route: Route) -> dict[str, str]:
    """Fields of a chat completion that name its conversation."""
    return {"prompt_cache_key": cache_key(request)} if request.conversation and route.provider in _KEYED else {}


def cache_headers(request: Request, route: Route) -> dict[str, str]:
    """Headers of a chat completion that name its conversation."""
    return {_HEADERS[route.provider]: cache_key(request)} if request.conversation and route.provider in _HEADERS else {}


_EPHEMERAL = MappingProxyType({"type": "ephemeral"})
"""Five minutes from the last use. An hour costs twice the input's price to write, which an agent's few calls do not earn."""

_GROWING = 2
"""Breakpoints at the end of a conversation. With those of the tools and the system message they are the four that Claude accepts
(platform.claude.com/docs, "Prompt caching"). The second finds what the last call has written if that lies far back."""


def with_breakpoints(body: dict[str, Any], request: Request, route: Route) -> dict[str, Any]:
    """A chat completion with Claude's breakpoints, where its host takes them.

    Claude's prompt is the tools, the system message and the conversation. A call that may use no tool has another `tool_choice`
    than those before, with which Claude does not find their conversation: nothing is marked there, since writing costs more.
    """
    if not _is_claude(route):
        return body
    messages: list[dict[str, Any]] = list(body["messages"])
    system = [place for place, message in enumerate(messages) if message["role"] == "system"][-1:]
    roles = ("user", "tool") if route.provider == "anthropic" else ("user",)
    growing = [place for place, message in enumerate(messages) if message["role"] in roles][-_GROWING:]
    for place in (*system, *(growing if request.tool_choice == "auto" else ())):
        messages[place] = _marked_message(messages[place])
    marked = {**body, "messages": messages}
    # OpenRouter documents breakpoints for text alone; the one of the system message covers the tools before it as well.
    if body.get("tools") and route.provider == "anthropic":
        marked["tools"] = [*body["tools"][:-1], _marked(body["tools"][-1])]
    return marked


def _is_claude(route: Route) -> bool:
    return route.provider == "anthropic" or (route.provider == "openrouter" and route.id.startswith("anthropic/"))


def _marked(part: Mapping[str, Any]) -> dict[str, Any]:
    return {**part, "cache_control": dict(_EPHEMERAL)}


def _marked_message(message: dict[str, Any]) -> dict[str, Any]:
    """The message with a breakpoint behind its last text. A tool's result carries it itself, as LiteLLM wants it."""
    if message["role"] == "tool":
        return _marked(message)
    content: str | Sequence[Mapping[str, Any]] = message["content"]
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    last = max(place for place, part in enumerate(parts) if part["type"] == "text")
    return {**message, "content": [_marked(part) if place == last else part for place, part in enumerate(parts)]}
