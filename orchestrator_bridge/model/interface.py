"""What a run asks of a model, and what comes back: the neutral values of every provider.

A client turns a `Request` into one call of its provider and returns a `Response`, or raises a `ModelError`
(`errors`). It never retries: when to try again is the run's decision, so that a retry is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """One use of a tool as the model wrote it: `arguments` is its raw text, which may be no JSON at all."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture of a user's message. `id` names it in the store; `data` is what it holds once it has been fetched from there."""

    id: str
    name: str
    media_type: str
    data: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderState:
    """What a provider wants back with a message of its model, as it gave it: reasoning, mostly signed. Nobody else reads it.

    `maker` is the provider and model that made it, the only one that it is sent to. `message` holds fields of the message,
    `calls` those of its tool calls, in their order; both as JSON values.
    """

    maker: str
    message: dict[str, Any] = field(default_factory=dict)
    calls: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message of a conversation; `tool_call` names the call that a `tool` message answers. `kept`: see there."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call: str | None = None
    pictures: tuple[Picture, ...] = ()
    kept: ProviderState | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolSpec:
    """A tool on offer: its name, what it is for, and the JSON schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Tokens as the provider reports them; cached ones are part of `input`, reasoning ones part of `output`.

    `cache_written`: the part of `input` that was written into a cache, which some vendors charge for.
    `estimated`: the provider reported none, and these are counted from the text.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cache_written: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        """Tokens in and out."""
        return self.input + self.output


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One call: who asks which model, with which conversation and tools. `timeout` is in seconds.

    `parameters` are by the names of the team file, such as `temperature`; what the model's route does not take is not sent.
    """

    agent: str
    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_output: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 300.0


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptCount:
    """Our own count of a prompt's tokens before its call: for which model at its provider, and by which tokenizer or
    `estimate`."""

    model: str
    by: str
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What the model said. `served` is the model that the provider says answered; `cost` is in US dollars, None if unknown.

    `kept` goes back with it in later calls; `counted` is how we had counted its prompt.
    `notice`: what people have to know of who answered, as a sentence; the run says it once.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    served: str = ""
    cost: Decimal | None = None
    kept: ProviderState | None = None
    notice: str = ""
    counted: PromptCount | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CallEstimate:
    """What a call asks of its route before it is made. `tokens` is an estimate of what it will take, in and out.

    Calls with the same `route` share its limits, which are per minute, None where none is known. `provider` is for people.
    """

    route: str
    provider: str
    tokens: int
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


OnDelta = Callable[[str], None]
"""Is told of the pieces of an answer as they come, from any thread: of its text, not of its reasoning; empty for one of a tool
call."""


class Model(Protocol):
    """A client of one or more models."""

    async def respond(self, request: Request, on_delta: OnDelta | None = None) -> Response:
        """Make one call. With `on_delta` the answer is streamed, where the model can, and every piece of it told.

        Raises:
            ModelError: the call brought no usable response.
        """
        ...

    def max_cost(self, request: Request) -> Decimal | None:
        """The most that this call is expected to cost, in US dollars; None if the price is unknown. An estimate."""
        ...

    def lifecycle_notice(self, model: str) -> str:
        """What whoever is about to pay for this model has to know of its lifecycle, as a sentence; empty if nothing."""
        ...

    def excess_tokens(self, request: Request) -> int:
        """By how many tokens a prompt is longer than its model takes; 0 if it fits, or nobody knows. An estimate."""
        ...

    def supports_images(self, model: str) -> bool:
        """Whether a model is known to take pictures."""
        ...

    def estimate_call(self, request: Request) -> CallEstimate:
        """What this call asks of its route. An estimate."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...
