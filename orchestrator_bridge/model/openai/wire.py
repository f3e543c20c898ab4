"""The chat completions format, as it comes back: an answer as a `Response`.

Pure functions; the shapes that are read are as lenient as the field is: what Townhall does not use may be missing or of any form.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.model.errors import ContentRefused
from orchestrator_bridge.model.interface import Message, Picture, Request, Response, ToolCall, ToolSpec, Usage
from orchestrator_bridge.model.parameters import wire_parameters
from orchestrator_bridge.model.provider_errors import ProviderMessage as ErrorSaid
from orchestrator_bridge.model.provider_errors import build_error
from orchestrator_bridge.model.reasoning import (
    NO_REASONING,
    REASONING,
    capture_state,
    replace_surrogates,
    replace_surrogates_in,
    replay,
    replay_call,
    requires_reasoning,
    strip_think_tags,
)
from orchestrator_bridge.model.tokens import estimate, estimate_prompt

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


FILTERED = "content_filter"
"""How an answer ends that the provider's filter held back, in OpenAI's format and in LiteLLM's."""


class FunctionBody(BaseModel):
    """What is called; a few servers send the arguments as an object instead of its text."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCallBody(BaseModel):
    """One tool call, or a piece of one in a stream."""

    index: int | None = None
    id: str | None = None
    function: FunctionBody = FunctionBody()
    provider_specific_fields: Any = None


class AssistantMessage(BaseModel):
    """The assistant's message, or a piece of it in a stream. The last four hold reasoning, which is kept and not read."""

    content: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCallBody] | None = None
    reasoning_content: Any = None
    reasoning_details: Any = None
    thinking_blocks: Any = None
    provider_specific_fields: Any = None


class CompletionChoice(BaseModel):
    """One of the answers; only the first is ever asked for."""

    message: AssistantMessage
    finish_reason: str | None = None


class TokenDetails(BaseModel):
    """The parts of a token count; what was written into a cache is called so by OpenRouter, and so by LiteLLM."""

    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_creation_tokens: int | None = None


class UsageBody(BaseModel):
    """The usage."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: TokenDetails | None = None
    completion_tokens_details: TokenDetails | None = None


class Completion(BaseModel):
    """A whole answer."""

    model: str | None = None
    choices: Annotated[list[CompletionChoice], Field(min_length=1)]
    usage: UsageBody | None = None


class ErrorBody(TownhallError):
    """`{"error": …}` in place of a completion, with a status of success, as some gateways send it. `body` is what it holds."""

    def __init__(self, body: object) -> None:
        super().__init__("the body holds an error")
        self.body = body


def read_completion(body: bytes) -> Completion:
    """A whole answer.

    Raises:
        json.JSONDecodeError, UnicodeDecodeError, RecursionError: the body is no JSON that can be read.
        RefusedInside: the body is an error.
        pydantic.ValidationError: the body has another shape.
    """
    value = json.loads(body)
    if isinstance(value, dict) and value.get("error") and not value.get("choices"):
        raise ErrorBody(value["error"])
    return Completion.model_validate(value)


def response_of(completion: Completion, request: Request, route: Route) -> Response:
    """What the model said, without its cost.

    Raises:
        ContentRefused: it said nothing, since the provider's filter held it back.
    """
    choice = completion.choices[0]
    said = choice.message
    text = strip_think_tags(replace_surrogates(said.content or said.refusal or ""))
    calls = _tool_calls(said.tool_calls or [], len(request.messages))
    if choice.finish_reason == FILTERED and not (text.strip() or calls):
        raise build_error(ContentRefused, None, ErrorSaid(), route)
    usage = read_usage(completion.usage) if completion.usage else estimate_usage(request, text, calls)
    kept = capture_state(
        route,
        replace_surrogates_in(said.model_dump()),
        [replace_surrogates_in(call.model_dump()) for call in said.tool_calls or ()],
    )
    return Response(text=text, tool_calls=calls, usage=usage, served=replace_surrogates(completion.model or route.id), kept=kept)


def _tool_calls(calls: list[ToolCallBody], turn: int) -> tuple[ToolCall, ...]:
    """The tool calls; one without an id, or with the id of another, gets one of its own."""
    read: dict[str, ToolCall] = {}
    for place, call in enumerate(calls):
        name = call.id if call.id and call.id not in read else f"call_{turn}_{place}"
        arguments = call.function.arguments
        raw = json.dumps(arguments) if isinstance(arguments, dict) else arguments or ""
        read[name] = ToolCall(
            id=replace_surrogates(name), name=replace_surrogates(call.function.name or ""), arguments=replace_surrogates(raw)
        )
    return tuple(read.values())


def read_usage(counted: UsageBody) -> Usage:
    """The usage as it is billed: xAI counts reasoning beside the output, not in it; its total shows that."""
    taken, given = counted.prompt_tokens or 0, counted.completion_tokens or 0
    reasoning = (counted.completion_tokens_details or TokenDetails()).reasoning_tokens or 0
    if reasoning and counted.total_tokens == taken + given + reasoning:
        given += reasoning
    details = counted.prompt_tokens_details or TokenDetails()
    written = details.cache_write_tokens or details.cache_creation_tokens or 0
    return Usage(input=taken, output=given, cached=details.cached_tokens or 0, reasoning=reasoning, cache_written=written)


def estimate_usage(request: Request, text: str, calls: tuple[ToolCall, ...]) -> Usage:
    """About what was used, for an endpoint that does not say: without it no bound on tokens would hold."""
    given = estimate(text) + sum(estimate(f"{call.name}{call.arguments}") for call in calls)
    return Usage(input=estimate_prompt(request), output=given, estimated=True)


PATH = "/chat/completions"


def body_of(request: Request, route: Route) -> dict[str, Any]:
    """The JSON object of one call."""
    filled = {REASONING: NO_REASONING} if requires_reasoning(request, route) else {}
    messages = [_message(message, route, filled) for message in request.messages]
    body: dict[str, Any] = {"model": route.id, "messages": messages}
    if request.tools:
        body["tools"] = [_tool(tool) for tool in request.tools]
    if request.max_output is not None:
        body[route.limit_name] = request.max_output
    return {**body, **wire_parameters(route, request.parameters)}


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _message(message: Message, route: Route, filled: Mapping[str, Any]) -> dict[str, Any]:
    """`filled`: fields that every message of the assistant has."""
    text = replace_surrogates(message.text)
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call, "content": text}
    if message.role != "assistant":
        return {"role": message.role, "content": _with_pictures(text, message.pictures)}
    said = {"role": "assistant", **filled, **replay(message, route)}
    if not message.tool_calls:
        return {**said, "content": text}
    calls = [{**_call(call), **replay_call(message, place, route)} for place, call in enumerate(message.tool_calls)]
    return {**said, "content": text or None, "tool_calls": calls}


def _with_pictures(text: str, pictures: tuple[Picture, ...]) -> str | list[dict[str, Any]]:
    return [{"type": "text", "text": text}, *map(_picture, pictures)] if pictures else text


def _picture(picture: Picture) -> dict[str, Any]:
    data = base64.b64encode(picture.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{picture.media_type};base64,{data}"}}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": _arguments(call.arguments)}}


def _arguments(raw: str) -> str:
    """Arguments that are no JSON object go back wrapped in one: some servers refuse a conversation that holds others."""
    try:
        if isinstance(json.loads(raw), dict):
            return replace_surrogates(raw)
    except (ValueError, RecursionError):
        pass
    return json.dumps({"unreadable": raw})


class StreamChoice(BaseModel):
    """What one piece adds to the first choice."""

    delta: Annotated[AssistantMessage, Field(default_factory=AssistantMessage)]
    finish_reason: str | None = None


class StreamChunk(BaseModel):
    """One event of the stream."""

    model: str | None = None
    choices: list[StreamChoice] | None = None
    usage: UsageBody | None = None


@dataclass(slots=True)
class StreamAccumulator:
    """What has come so far. `finish`: how the provider says that the answer ended, None while it has not."""

    model: str | None = None
    usage: UsageBody | None = None
    finish: str | None = None
    texts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    calls: list[ToolCallBody] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    details: list[Any] = field(default_factory=list)
    pieces_sent: int = 0
    """How many pieces of text were handed on."""

    @property
    def is_complete(self) -> bool:
        """Whether the provider said that the answer is whole."""
        return self.finish is not None

    @property
    def has_content(self) -> bool:
        """Whether any text or tool call has come; before that a model may think in silence."""
        return bool(self.texts or self.refusals or self.calls)

    def add(self, event: object) -> None:
        """Add one event.

        Raises:
            pydantic.ValidationError: it is no piece of a completion.
        """
        chunk = StreamChunk.model_validate(event)
        self.model = chunk.model or self.model
        self.usage = chunk.usage or self.usage
        for piece in (chunk.choices or ())[:1]:
            self.finish = piece.finish_reason or self.finish
            self._add_delta(piece.delta)

    def _add_delta(self, delta: AssistantMessage) -> None:
        if delta.content:
            self.texts.append(delta.content)
        if delta.refusal:
            self.refusals.append(delta.refusal)
        if isinstance(delta.reasoning_content, str):
            self.thoughts.append(delta.reasoning_content)
        for detail in delta.reasoning_details if isinstance(delta.reasoning_details, list) else ():
            add_detail(self.details, detail)
        for call in delta.tool_calls or ():
            self._add_call(call)

    def _add_call(self, call: ToolCallBody) -> None:
        """A call goes on where its index says; some servers give every call the index 0, and only a new id tells them apart."""
        open_call = next((known for known in reversed(self.calls) if known.index == call.index), None)
        if open_call is None or (call.id and open_call.id and call.id != open_call.id):
            self.calls.append(call.model_copy(update={"function": FunctionBody(name=call.function.name, arguments=_raw(call))}))
            return
        joined = FunctionBody(
            name=open_call.function.name or call.function.name, arguments=f"{open_call.function.arguments}{_raw(call)}"
        )
        self.calls[self.calls.index(open_call)] = open_call.model_copy(update={"function": joined})

    def pop_text(self) -> str:
        """The text that has come since the last time."""
        told, self.pieces_sent = self.pieces_sent, len(self.texts)
        return "".join(self.texts[told:])

    def completion(self) -> Completion:
        """The whole answer."""
        said = AssistantMessage(
            content="".join(self.texts),
            refusal="".join(self.refusals),
            tool_calls=self.calls,
            reasoning_content="".join(self.thoughts),
            reasoning_details=self.details,
        )
        return Completion(model=self.model, choices=[CompletionChoice(message=said, finish_reason=self.finish)], usage=self.usage)


def add_detail(details: list[Any], piece: Any) -> None:
    """Add a piece of OpenRouter's `reasoning_details`: it goes on with the entry before it where it has its index and type."""
    last = details[-1] if details else None
    if not (isinstance(piece, dict) and isinstance(last, dict) and _continues(last, piece)):
        details.append(piece)
        return
    joined = {name: f"{last.get(name) or ''}{piece[name]}" for name in _GROWING if isinstance(piece.get(name), str)}
    details[-1] = {**last, **{name: value for name, value in piece.items() if value is not None}, **joined}


_GROWING = ("text", "summary", "data")


def _continues(last: dict[str, Any], piece: dict[str, Any]) -> bool:
    return piece.get("index") is not None and all(last.get(name) == piece.get(name) for name in ("index", "type"))


def _raw(call: ToolCallBody) -> str:
    arguments = call.function.arguments
    return arguments if isinstance(arguments, str) else ""
