"""Reasoning that goes back to its provider with later calls.

A reasoning model that calls a tool continues its reasoning when it reads the result. Some providers are stateless and need the
earlier reasoning back for that: DeepSeek as text, Anthropic and Gemini signed, OpenRouter as a list in the format of the
upstream provider. It is stored unchanged and sent only to the same model at the same provider: a signature is void anywhere
else, and foreign reasoning is noise or an error. It is never shown to people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.model.interface import Message, ProviderState, Request

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


THINKING_BLOCKS = "thinking_blocks"
PROVIDER_FIELDS = "provider_specific_fields"
DETAILS = "reasoning_details"
REASONING = "reasoning_content"
OUTPUT = "output"
"""Output items of an answer in the Responses format, reasoning among them."""
SIGNATURE, SIGNATURES = "thought_signature", "thought_signatures"

_FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType({"openrouter": (DETAILS,), "deepseek": (REASONING,)})
"""Message fields that an OpenAI-compatible provider requires back (openrouter.ai/docs, "Preserving reasoning";
api-docs.deepseek.com, "Thinking mode"). No other such provider is known to require any."""

NO_REASONING = " "
"""Placeholder for messages of other models: DeepSeek answers 400 to an assistant message without reasoning."""


def state_owner(route: Route) -> str:
    """Identifier of the model that produces the state: `provider/id`."""
    return f"{route.provider}/{route.id}"


def capture_state(route: Route, message: Mapping[str, Any], calls: Sequence[Mapping[str, Any]]) -> ProviderState | None:
    """Collect the fields of a message and of its tool calls that must go back with it; None if there are none."""
    call_states: tuple[dict[str, Any], ...] = ()
    if route.client == "litellm":
        message_state = _signed_fields(message)
        signatures = [(call.get(PROVIDER_FIELDS) or {}).get(SIGNATURE) for call in calls]
        call_states = tuple({PROVIDER_FIELDS: {SIGNATURE: signature}} if signature else {} for signature in signatures)
    elif route.api == "responses":
        message_state = {OUTPUT: message[OUTPUT]} if message.get(OUTPUT) else {}
    else:
        message_state = {name: message[name] for name in _FIELDS.get(route.provider, ()) if message.get(name)}
    if not (message_state or any(call_states)):
        return None
    return ProviderState(maker=state_owner(route), message=message_state, calls=call_states)


def _signed_fields(message: Mapping[str, Any]) -> dict[str, Any]:
    """Signed and encrypted reasoning only: unsigned reasoning is for people to read, and no provider requires it back."""
    blocks = [block for block in message.get(THINKING_BLOCKS) or () if block.get("signature") or block.get("data")]
    signatures = (message.get(PROVIDER_FIELDS) or {}).get(SIGNATURES)
    return {
        **({THINKING_BLOCKS: blocks} if blocks else {}),
        **({PROVIDER_FIELDS: {SIGNATURES: signatures}} if signatures else {}),
    }


def replay(message: Message, route: Route) -> Mapping[str, Any]:
    """Fields to send back with a message: none to another model than the one that produced them."""
    kept = _kept(message, route)
    return {name: value for name, value in kept.message.items() if name != OUTPUT} if kept else {}


def replay_output(message: Message, route: Route) -> Sequence[Mapping[str, Any]]:
    """Output items of the Responses format to send back in place of a message; none to another model, or if none were kept."""
    kept = _kept(message, route)
    return kept.message.get(OUTPUT, ()) if kept else ()


def _kept(message: Message, route: Route) -> ProviderState | None:
    return message.kept if message.kept and message.kept.maker == state_owner(route) else None


def replay_call(message: Message, place: int, route: Route) -> Mapping[str, Any]:
    """Fields to send back with the message's tool call number `place`."""
    kept = _kept(message, route)
    return kept.calls[place] if kept and place < len(kept.calls) else {}


def requires_reasoning(request: Request, route: Route) -> bool:
    """True if DeepSeek reasons in this conversation, and so refuses an assistant message without reasoning.

    A model with selectable effort reasons unless a request turns that off, which none does.
    """
    if route.provider != "deepseek":
        return False
    return bool(route.efforts) or any(replay(message, route) for message in request.messages)
