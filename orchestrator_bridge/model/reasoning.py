"""Reasoning that goes back to its provider, reasoning inside answers, and text that UTF-8 cannot encode.

A reasoning model that calls a tool continues its reasoning when it reads the result. Some providers are stateless and need the
earlier reasoning back for that: DeepSeek as text, Anthropic and Gemini signed, OpenRouter as a list in the format of the
upstream provider. It is stored unchanged and sent only to the same model at the same provider: a signature is void anywhere
else, and foreign reasoning is noise or an error. It is never shown to people.
"""

from __future__ import annotations

import re
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
    return message.kept.message if message.kept and message.kept.maker == state_owner(route) else {}


def replay_call(message: Message, place: int, route: Route) -> Mapping[str, Any]:
    """Fields to send back with the message's tool call number `place`."""
    kept = message.kept
    return kept.calls[place] if kept and kept.maker == state_owner(route) and place < len(kept.calls) else {}


def requires_reasoning(request: Request, route: Route) -> bool:
    """True if DeepSeek reasons in this conversation, and so refuses an assistant message without reasoning.

    A model with selectable effort reasons unless a request turns that off, which none does.
    """
    if route.provider != "deepseek":
        return False
    return bool(route.efforts) or any(replay(message, route) for message in request.messages)


_PAIRS = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<thought>", "</thought>"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<|channel>thought", "<channel|>"),
)
"""Marks around reasoning: of most open models, of Mistral's (docs.mistral.ai, "Reasoning"), of Kimi's and of Gemma's."""

_HARMONY = ("<|channel|>", "<|start|>")
"""Marks at the beginning of an answer in OpenAI's harmony format, which gpt-oss writes (github.com/openai/harmony)."""

_OPENINGS = (*(opening for opening, _ in _PAIRS), *_HARMONY)
_CLOSINGS = tuple(closing for _, closing in _PAIRS)
_ENDS_OF_MARKS = frozenset(">]▷")

_BLOCK = re.compile(
    r"\A\s*(?:" + "|".join(rf"{re.escape(opening)}.*?(?:{re.escape(closing)}|\Z)" for opening, closing in _PAIRS) + r")\s*",
    re.DOTALL,
)
_CLOSING = re.compile("|".join(map(re.escape, _CLOSINGS)))
_FINAL = re.compile(r"<\|channel\|>final[^<]*(?:<\|constrain\|>[^<]*)?<\|message\|>")
_HARMONY_END = re.compile(r"<\|(?:return|end|call|start)\|>.*", re.DOTALL)


def strip_reasoning(text: str) -> str:
    """Remove reasoning between marks from the beginning of an answer.

    Ollama, vLLM and others send `<think>…</think>` before the answer if no reasoning parser is set. Some chat templates contain
    the opening mark, so that only the closing one arrives. An answer that was cut off between the marks is all reasoning.
    """
    if not _ENDS_OF_MARKS.intersection(text):
        return text
    final = next((found for found in reversed([*_FINAL.finditer(text)]) if not _quoted(text, found)), None)
    if final is not None:
        return _HARMONY_END.sub("", text[final.end() :])
    if text.lstrip().startswith(_HARMONY):
        return ""
    while block := _BLOCK.match(text):
        text = text[block.end() :]
    while (closing := _CLOSING.search(text)) and not _mentioned(text, closing):
        text = text[closing.end() :].lstrip()
    return text


def _mentioned(text: str, closing: re.Match[str]) -> bool:
    """True if an answer shows this closing mark: its opening mark is before it, or it is quoted or in a code block."""
    before = text[: closing.start()]
    opening = next(opening for opening, mark in _PAIRS if mark == closing[0])
    return opening in before or before.count("```") % 2 == 1 or _quoted(text, closing)


def _quoted(text: str, found: re.Match[str]) -> bool:
    return text[: found.start()].endswith(("`", '"', "'"))


class ReasoningFilter:
    """Removes reasoning between marks from the beginning of a streamed text.

    It recognises reasoning by its opening mark. Where only the closing one arrives, the whole answer is cleaned by
    `strip_reasoning`.
    """

    def __init__(self) -> None:
        self._held = ""
        self._answering = False

    def visible(self, piece: str) -> str:
        """Return what people may see after this piece of the text."""
        if self._answering:
            return piece
        self._held += piece
        text = self._held.lstrip()
        if text.startswith(_OPENINGS):
            # The text is searched again only where this piece may end a mark: reasoning can be long.
            if not _ENDS_OF_MARKS.intersection(piece):
                return ""
            rest = strip_reasoning(text)
            if rest or text.rstrip().endswith(_CLOSINGS):
                self._held = rest
            self._answering = not rest and _FINAL.search(text) is not None
            text = rest
        if not text or any(opening.startswith(text) for opening in _OPENINGS):
            return ""
        self._answering = True
        return text


def replace_surrogates(text: str) -> str:
    """Join surrogate pairs, and replace lone surrogates, which UTF-8 cannot encode, with U+FFFD.

    They come from odd terminals, from models that were cut off, and from streams that were split inside a pair.
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def replace_surrogates_in(value: Any) -> Any:
    """Apply `replace_surrogates` to every text in a JSON value."""
    if isinstance(value, str):
        return replace_surrogates(value)
    if isinstance(value, dict):
        return {replace_surrogates_in(key): replace_surrogates_in(inner) for key, inner in value.items()}
    return [replace_surrogates_in(inner) for inner in value] if isinstance(value, list) else value
