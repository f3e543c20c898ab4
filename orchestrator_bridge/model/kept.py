"""What providers want back with their models' messages: which fields these are, and to whom they may go.

A reasoning model that uses a tool thinks on when it reads the result, and some providers need its thoughts back for that:
DeepSeek as text, Anthropic and Gemini signed, OpenRouter as a list in the format of whoever answered. They are kept as they came
and sent to the same model at the same provider only: to another they would be noise, or an error. Nobody is shown them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.model.port import Message, ProviderState, Request

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route

THINKING_BLOCKS, PROVIDERS_OWN, DETAILS, REASONING = (
    "thinking_blocks",
    "provider_specific_fields",
    "reasoning_details",
    "reasoning_content",
)
SIGNATURE, SIGNATURES = "thought_signature", "thought_signatures"

_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType({"openrouter": (DETAILS,), "deepseek": (REASONING,)})
"""Fields of a message that an OpenAI-compatible provider wants back (openrouter.ai/docs, "Preserving reasoning";
api-docs.deepseek.com, "Thinking mode"). No other one is known to want any."""

NO_REASONING = " "
"""What DeepSeek takes in place of thoughts that are not its own; without any it answers 400."""


def state_owner(route: Route) -> str:
    """Who makes what is kept, as one text."""
    return f"{route.provider}/{route.id}"


def capture_state(route: Route, message: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> ProviderState | None:
    """What goes back with this message, of its fields and of those of its tool calls; None if nothing does."""
    ours = _signed_fields(message) if route.client == "litellm" else _named_fields(route, message)
    theirs = tuple(_call_state(call) for call in calls) if route.client == "litellm" else ()
    return ProviderState(maker=state_owner(route), message=ours, calls=theirs) if ours or any(theirs) else None


def _named_fields(route: Route, message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: message[name] for name in _FIELDS.get(route.provider, ()) if message.get(name)}


def _signed_fields(message: Mapping[str, Any]) -> dict[str, Any]:
    """Thoughts without a signature are for people to read, and no provider wants them back."""
    blocks = [block for block in message.get(THINKING_BLOCKS) or () if block.get("signature") or block.get("data")]
    signatures = (message.get(PROVIDERS_OWN) or {}).get(SIGNATURES)
    return {
        **({THINKING_BLOCKS: blocks} if blocks else {}),
        **({PROVIDERS_OWN: {SIGNATURES: signatures}} if signatures else {}),
    }


def _call_state(call: Mapping[str, Any]) -> dict[str, Any]:
    signature = (call.get(PROVIDERS_OWN) or {}).get(SIGNATURE)
    return {PROVIDERS_OWN: {SIGNATURE: signature}} if signature else {}


def replay(message: Message, route: Route) -> Mapping[str, Any]:
    """The fields to send with a message to a route."""
    return message.kept.message if message.kept and message.kept.maker == state_owner(route) else {}


def replay_call(message: Message, place: int, route: Route) -> Mapping[str, Any]:
    """The fields to send with one of its tool calls."""
    kept = message.kept
    return kept.calls[place] if kept and kept.maker == state_owner(route) and place < len(kept.calls) else {}


def requires_reasoning(request: Request, route: Route) -> bool:
    """Whether DeepSeek thinks in this conversation, so that it refuses a message of an assistant without thoughts.

    A model whose effort can be chosen thinks unless it is told not to, which it is not.
    """
    return route.provider == "deepseek" and (bool(route.efforts) or any(replay(one, route) for one in request.messages))
