"""Answers of the fake model server as values: a completion, a refusal, silence or a lost connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Cut = Literal["before", "midway", "unfinished"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolUse:
    """Tool call. `arguments` are sent as JSON; a text is sent unchanged."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None

    @property
    def raw(self) -> str:
        """Arguments as text, as the format carries them."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Usage that the server reports; `total` defaults to the sum of input and output."""

    input: int = 100
    output: int = 10
    cached: int = 0
    reasoning: int = 0
    written: int = 0
    total: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptedReply:
    """Answer of the server to one request."""

    text: str | None = None
    tool_calls: Sequence[ToolUse] = ()
    usage: Tokens | None = field(default_factory=Tokens)
    raw_usage: Mapping[str, Any] | None = None
    """Usage to send unchanged in place of `usage`: servers report zeros, nothing, negative counts, or other vendors' names."""
    early_usage: Mapping[str, Any] | None = None
    """Usage in the first piece of a stream; vLLM and xAI send running counts with every piece."""
    usage_in_choice: bool = False
    """True for a stream with its usage in the last choice, as Moonshot sends it (earendil-works/pi#2017)."""
    error: Mapping[str, Any] | None = None
    """Error that breaks off the answer (openrouter.ai/docs, "Errors"): an event of a stream, else a field of the choice."""
    served: str | None = None
    """Model named in the answer; defaults to the requested one."""
    reasoning: str | None = None
    signature: str | None = None
    """Signature of the reasoning, if the format has one."""
    finish: str | None = None
    """Finish reason in the words of the format; defaults to the usual one."""
    items: Sequence[Mapping[str, Any]] = ()
    """Output items of the Responses format before the text: what the provider ran itself."""
    annotations: Sequence[Mapping[str, Any]] = ()
    """Citations of the text, in the Responses format."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the assistant's message."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes | None = None
    """Body to send unchanged in place of a completion."""
    content_type: str = "application/json"
    delay_ms: float = 0.0
    """Delay before the answer, in milliseconds."""
    gate: asyncio.Event | None = None
    """Event that the server waits for before its answer, or between two pieces of a stream."""
    linger: asyncio.Event | None = None
    """Event that the server waits for after the last piece of a stream, before it ends the response."""
    cut: Cut | None = None
    """Loss of the connection before the answer or midway through its body, or end of a stream without its last pieces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelCall:
    """Request as it arrived. `number` counts from 1, `at` is in seconds of the monotonic clock."""

    number: int
    at: float
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    fingerprint: str
    """Digest of the body: a repeated call has the same fingerprint."""
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Offered tools: name to JSON schema of the arguments."""
    messages: Sequence[Mapping[str, Any]] = ()
    """Conversation, oldest message first, in the form of chat completions."""

    @property
    def model(self) -> str:
        """Requested model."""
        return str(self.body.get("model", ""))


Behaviour = Callable[[ModelCall], ScriptedReply]


class ReplyQueue:
    """Behaviour that plays a list in order of arrival, and then another behaviour."""

    def __init__(self, plays: Sequence[ScriptedReply], then: Behaviour | None = None) -> None:
        self._plays = list(plays)
        self._then = then

    def __call__(self, asked: ModelCall) -> ScriptedReply:
        if self._plays:
            return self._plays.pop(0)
        if self._then is None:
            raise AssertionError(f"request {asked.number} came, but all plays of the model server are used up")
        return self._then(asked)

    def add(self, *plays: ScriptedReply) -> None:
        """Append plays."""
        self._plays.extend(plays)
