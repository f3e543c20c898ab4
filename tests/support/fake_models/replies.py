"""What the model server answers one request with, as a value: a completion, a refusal, silence or a lost connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Cut = Literal["before", "midway", "unfinished"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolUse:
    """One tool call: `arguments` is sent as JSON, or as it stands where it is a text already."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    id: str | None = None

    @property
    def raw(self) -> str:
        """The text of the arguments as the wire carries it."""
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """The usage that the server reports; `total` is the sum of both unless it is given."""

    input: int = 100
    output: int = 10
    cached: int = 0
    reasoning: int = 0
    written: int = 0
    total: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Play:
    """One answer of the server."""

    text: str | None = None
    tool_calls: Sequence[ToolUse] = ()
    usage: Tokens | None = field(default_factory=Tokens)
    served: str | None = None
    """The model that the answer names; the one that was asked for unless it is given."""
    reasoning: str | None = None
    signature: str | None = None
    """What the provider signs its reasoning with, where its format has such a thing."""
    finish: str | None = None
    """Why the answer ends, in the words of the format; the usual reason unless it is given."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the assistant's message."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | bytes | None = None
    """Sent as it stands in place of a completion."""
    content_type: str = "application/json"
    delay_ms: float = 0.0
    """How long the model thinks."""
    gate: asyncio.Event | None = None
    """The server stands still until this is set: before its answer, or between two pieces of a stream."""
    cut: Cut | None = None
    """The connection is lost before the answer, midway through its body, or a stream ends without its last pieces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request as it arrived: `number` counts from 1, `at` is in seconds of the monotonic clock."""

    number: int
    at: float
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    fingerprint: str
    """Equal for requests with equal bodies: a call that is made again shows as the same fingerprint."""
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The tools on offer: name to JSON schema of the arguments."""

    @property
    def model(self) -> str:
        """The model that was asked for."""
        return str(self.body.get("model", ""))

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        """The conversation, oldest message first."""
        return self.body.get("messages") or ()


Behaviour = Callable[[Asked], Play]


class Queue:
    """A behaviour that plays a list in the order of arrival, and then another behaviour for ever."""

    def __init__(self, plays: Sequence[Play], then: Behaviour | None = None) -> None:
        self._plays = list(plays)
        self._then = then

    def __call__(self, asked: Asked) -> Play:
        if self._plays:
            return self._plays.pop(0)
        if self._then is None:
            raise AssertionError(f"request {asked.number} came, but all plays of the model server are used up")
        return self._then(asked)

    def add(self, *plays: Play) -> None:
        """Put plays behind those that wait."""
        self._plays.extend(plays)
