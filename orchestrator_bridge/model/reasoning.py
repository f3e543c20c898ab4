"""What providers want back with their models' messages: which fields these are, and to whom they may go.

A reasoning model that uses a tool thinks on when it reads the result, and some providers need its thoughts back for that:
DeepSeek as text, Anthropic and Gemini signed, OpenRouter as a list in the format of whoever answered. They are kept as they came
and sent to the same model at the same provider only: to another they would be noise, or an error. Nobody is shown them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.model.interface import Message, ProviderState, Request

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


# Thoughts that stand in an answer's text, as servers send them that do not know their model's marks.
#
# Ollama, vLLM and others give `<think>…</think>` and then the answer, where no parser of theirs is set; some templates open the
# mark themselves, so that only its end arrives. An answer that was cut off while the model still thought is all thoughts.


_WHOLE = re.compile(r"\A\s*<(think|thinking|thought)>.*?(?:</\1>|\Z)\s*", re.DOTALL)
_END = re.compile(r"\A(?:(?!<think>).)*?^</think>\s*", re.DOTALL | re.MULTILINE)


def strip_think_tags(text: str) -> str:
    """The answer alone."""
    if "think" not in text and "<thought>" not in text:
        return text
    found = _WHOLE.match(text) or _END.match(text)
    return text[found.end() :] if found else text


def replace_surrogates(text: str) -> str:
    """The text with its surrogate pairs joined and U+FFFD for lone halves, which no UTF-8 can carry.

    They come from odd terminals, from models that are cut off, and from streams that are cut between the halves.
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def replace_surrogates_in(value: Any) -> Any:
    """A JSON value whose texts can all be written."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, dict):
        return {replace_surrogates_in(key): replace_surrogates_in(inner) for key, inner in value.items()}
    return [replace_surrogates_in(inner) for inner in value] if isinstance(value, list) else value
