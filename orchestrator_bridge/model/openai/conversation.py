"""Conversations in the form that a route's host accepts. Pure functions.

OpenAI takes messages in any order and without content; others do not. Each deviation is made for the hosts alone that need it:
elsewhere it would only be noise for the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from orchestrator_bridge.model.catalogue.providers import is_local, needs_order
from orchestrator_bridge.model.interface import Message, RoleOrder

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


EMPTY = "(empty)"
"""Content of a message without any. Anthropic, Bedrock and many chat templates refuse an empty text."""

BRIDGE = "Understood."
"""Assistant's turn between a tool's result and a user's message."""


def conversation(messages: Sequence[Message], route: Route, roles: RoleOrder = "free") -> tuple[Message, ...]:
    """Messages of a call in the form that the route's host accepts, in the order of roles that it was seen to want."""
    filled = tuple(_with_content(message, route) for message in messages)
    match roles:
        case "free":
            return _alternating(filled) if needs_order(route) else filled
        case "alternating":
            return _alternating(filled)
        case "without_system":
            # Gemma's template, for example: "System role not supported".
            return _alternating([replace(message, role="user") if message.role == "system" else message for message in filled])
        case _:
            assert_never(roles)


def _with_content(message: Message, route: Route) -> Message:
    if message.text.strip() or message.pictures:
        return message
    if not message.tool_calls:
        return replace(message, text=EMPTY)
    # xAI wants "at least one content element" in every message (langchain-ai/langchain#34140), Bedrock behind OpenRouter no empty
    # text (vercel/ai#15378), and chat templates neither null nor an empty text.
    if (route.provider in ("xai", "openrouter") and route.api == "chat_completions") or is_local(route):
        names = ", ".join(dict.fromkeys(call.name for call in message.tool_calls))
        return replace(message, text=f"Calling {names}.")
    return message


def _alternating(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Join neighbours of the same role, and put an assistant's turn between a tool's result and a user's message."""
    ordered: list[Message] = []
    for message in messages:
        last = ordered[-1] if ordered else None
        if last is not None and _is_plain(last) and _is_plain(message) and last.role == message.role:
            ordered[-1] = _joined(last, message)
            continue
        if last is not None and (last.role, message.role) == ("tool", "user"):
            ordered.append(Message(role="assistant", text=BRIDGE))
        ordered.append(message)
    return tuple(ordered)


def _is_plain(message: Message) -> bool:
    return message.role in ("user", "assistant") and not message.tool_calls


def _joined(first: Message, second: Message) -> Message:
    return replace(first, text=f"{first.text}\n\n{second.text}", pictures=(*first.pictures, *second.pictures))
