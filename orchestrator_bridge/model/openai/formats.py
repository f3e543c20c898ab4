"""The two formats of OpenAI-compatible endpoints, chat completions and Responses, behind one protocol."""

from __future__ import annotations

from typing import Any, Protocol, assert_never

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.interface import Request
from orchestrator_bridge.model.openai import request as chat_request
from orchestrator_bridge.model.openai import responses_request
from orchestrator_bridge.model.openai.completion import Completion, read_completion
from orchestrator_bridge.model.openai.responses import ResponseAccumulator, read_response
from orchestrator_bridge.model.openai.stream import StreamAccumulator
from orchestrator_bridge.model.prompt_cache import cache_headers


class Accumulator(Protocol):
    """Assembles an answer from the events of its stream."""

    @property
    def has_content(self) -> bool:
        """True once text or a tool call has arrived."""
        ...

    @property
    def received(self) -> int:
        """Characters that have arrived: of text, reasoning and tool calls."""
        ...

    @property
    def ended(self) -> bool:
        """True after the last event, where the format has one."""
        ...

    @property
    def finish(self) -> str | None:
        """Finish reason or last event; None until the provider has sent it."""
        ...

    def add(self, event: object) -> None:
        """Add an event."""
        ...

    def pop_text(self) -> str:
        """Return the text that has arrived since the last call."""
        ...

    def completion(self) -> Completion:
        """Return the whole answer."""
        ...


class Format(Protocol):
    """A format of requests and answers. `path` follows the base address."""

    path: str

    def body(self, request: Request, route: Route) -> dict[str, Any]:
        """JSON object of one call."""
        ...

    def headers(self, request: Request, route: Route) -> dict[str, str]:
        """Headers that belong to the conversation."""
        ...

    def accumulator(self) -> Accumulator:
        """Reader of a stream."""
        ...

    def read(self, body: bytes) -> Completion:
        """Parse a whole answer."""
        ...


class ChatCompletions:
    """The chat completions format, which every OpenAI-compatible server has."""

    path = chat_request.PATH

    def body(self, request: Request, route: Route) -> dict[str, Any]:
        """JSON object of one call."""
        options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}
        return {**chat_request.body_of(request, route), **options}

    def headers(self, request: Request, route: Route) -> dict[str, str]:
        """The name of the conversation, which leads its calls to the server whose cache has it."""
        return cache_headers(request, route)

    def accumulator(self) -> Accumulator:
        """Reader of a stream."""
        return StreamAccumulator()

    def read(self, body: bytes) -> Completion:
        """Parse a whole answer."""
        return read_completion(body)


class Responses:
    """The Responses format, which OpenAI and xAI want for models that reason."""

    path = responses_request.PATH

    def body(self, request: Request, route: Route) -> dict[str, Any]:
        """JSON object of one call."""
        return {**responses_request.body_of(request, route), "stream": True}

    def headers(self, request: Request, route: Route) -> dict[str, str]:
        """None: the conversation is named in the body."""
        return {}

    def accumulator(self) -> Accumulator:
        """Reader of a stream."""
        return ResponseAccumulator()

    def read(self, body: bytes) -> Completion:
        """Parse a whole answer."""
        return read_response(body)


def format_of(route: Route) -> Format:
    """Format that a route speaks."""
    match route.api:
        case "chat_completions":
            return ChatCompletions()
        case "responses":
            return Responses()
        case _:
            assert_never(route.api)
