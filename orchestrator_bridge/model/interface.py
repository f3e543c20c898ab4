"""The `Model` protocol and its values, independent of provider: Request, Response, Usage, Message.

A client turns a `Request` into one call of its provider and returns a `Response`, or raises a `ModelError` (`errors`).
It never retries: the run decides on retries, so that each one is an event in its log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """Tool call as the model wrote it. `arguments` is raw text and may be invalid JSON."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """Image in a user's message. `id` is its key in the store; `data` is empty until it is loaded from there."""

    id: str
    name: str
    media_type: str
    data: bytes = b""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderState:
    """Opaque state that a provider requires back with a message of its model, unchanged: mostly signed reasoning.

    `maker` is the provider and model that produced it; it is sent to no other. `message` holds fields of the message, `calls`
    the fields of its tool calls in their order; both are JSON values.
    """

    maker: str
    message: dict[str, Any] = field(default_factory=dict)
    calls: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Message of a conversation. `tool_call` is the id of the call that a `tool` message answers; `kept` goes back with it."""

    role: Literal["system", "user", "assistant", "tool"]
    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call: str | None = None
    pictures: tuple[Picture, ...] = ()
    kept: ProviderState | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolSpec:
    """Tool that the model may call. `parameters` is the JSON schema of its arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Tokens as the provider reports them. `cached` is part of `input`, `reasoning` is part of `output`.

    `cache_written` is the part of `input` that was written to a cache, which some vendors charge for.
    `estimated` is True if the provider reported no usage and the tokens are estimated from the text.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    cache_written: int = 0
    estimated: bool = False

    @property
    def total(self) -> int:
        """Input and output tokens together."""
        return self.input + self.output


ServerTool = Literal["web_search", "x_search", "code"]
"""Tools that a provider runs itself within a call (`orchestrator_bridge.model.server_tools`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerUse:
    """Use of a server-side tool in a response. `detail` is the query, address or code; `unit` is what is billed once, if any."""

    tool: ServerTool
    detail: str = ""
    unit: str = ""


ToolMode = Literal["native", "schema", "prompted"]
"""Way in which a model is offered its tools (`orchestrator_bridge.model.tool_mode`)."""

RoleOrder = Literal["free", "alternating", "without_system"]
"""Order of roles that a server's chat template takes: any, users and assistants in turn, or these without a system message."""

ToolChoice = Literal["auto", "none"]
"""A model's permission to call its tools. With `none` they stay in the prompt, which a provider then finds in its cache."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """One model call of an agent. `timeout` is in seconds.

    `conversation` identifies a series of calls in which each prompt begins with the one before; empty if there is none.
    `parameters` use the names of the team file, such as `temperature`; those that the model's route does not accept are not sent.
    """

    agent: str
    model: str
    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()
    max_output: int | None = None
    room: int = 0
    """Answers in a row before this call that reached the output limit: it is raised where no limit is set."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    timeout: float = 300.0
    tool_mode: ToolMode = "native"
    tool_choice: ToolChoice = "auto"
    roles: RoleOrder = "free"
    server_tools: tuple[ServerTool, ...] = ()
    conversation: str = ""
    useful_tools: tuple[str, ...] = ()
    """Names of the tools that make sense now; empty for all. A schema that a server enforces has these alone."""

    @property
    def callable_tools(self) -> tuple[ToolSpec, ...]:
        """The tools that the model may call in its answer."""
        return self.tools if self.tool_choice == "auto" else ()

    @property
    def enforced_tools(self) -> tuple[ToolSpec, ...]:
        """The tools among which an enforced schema makes the model choose."""
        return tuple(tool for tool in self.callable_tools if tool.name in self.useful_tools) or self.callable_tools


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptCount:
    """Our own count of a prompt's tokens before the call. `model` is `provider/id`; `by` is the tokenizer, or `estimate`."""

    model: str
    by: str
    tokens: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """Answer of a model. `served` is the model that the provider names in it; `cost` is in US dollars, None if unknown.

    `cost_source` is the origin of the cost: `STATED` for the provider's own bill, else the price list that it was computed with.
    `kept` goes back with the message in later calls. `counted` is our count of the prompt before the call.
    `notice` is a sentence for people if another model than the expected one answered; a run posts it once. `cut` is True if the
    output limit broke it off, `begins_in_reasoning` if the opening mark of the reasoning in its text was missing.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    usage: Usage = field(default_factory=Usage)
    served: str = ""
    cost: Decimal | None = None
    kept: ProviderState | None = None
    notice: str = ""
    counted: PromptCount | None = None
    cut: bool = False
    begins_in_reasoning: bool = False
    cost_source: str = ""
    server_uses: tuple[ServerUse, ...] = ()


STATED = "stated by the provider"
"""Source of a cost that a response itself states."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CallEstimate:
    """Demand of a call on its route before it is made. `tokens` is an estimate of its input and output together.

    Calls with the same `route` share its limits, which are per minute; None if no limit is known. `provider` is for people.
    """

    route: str
    provider: str
    tokens: int
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Throttled:
    """Reason for which a call cannot go yet. `why` completes "waiting for ..."; `until` (seconds since the epoch) is an estimate.

    `until` is None if the wait does not depend on time alone.
    """

    why: str
    until: float | None = None


OnDelta = Callable[[str], None]
"""Callback for each piece of a streamed answer, called from any thread: its text without reasoning, empty for a tool call."""


OnProgress = Callable[[int], None]
"""Callback for the tokens that have arrived since its last call, reasoning included; an estimate. Called from any thread."""


class Model(Protocol):
    """Client of one or more models."""

    async def respond(self, request: Request, on_delta: OnDelta | None = None, on_progress: OnProgress | None = None) -> Response:
        """Make one call. With `on_delta` the answer is streamed if the model can stream; `on_progress` changes nothing.

        Raises:
            ModelError: the call brought no usable response.
        """
        ...

    def max_cost(self, request: Request) -> Decimal | None:
        """Estimate the highest cost of this call in US dollars; None if the price is unknown."""
        ...

    def lifecycle_notice(self, model: str) -> str:
        """Sentence about a retired or retiring model, for a person about to pay for it; empty if there is nothing to say."""
        ...

    def excess_tokens(self, request: Request) -> int:
        """Estimate by how many tokens the prompt exceeds the model's window; 0 if it fits or the window is unknown."""
        ...

    def supports_images(self, model: str) -> bool:
        """True if the model is known to accept images."""
        ...

    def estimate_call(self, request: Request) -> CallEstimate:
        """Estimate the demand of this call on its route."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...
