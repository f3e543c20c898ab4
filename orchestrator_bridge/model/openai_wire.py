"""The chat completions format, as it comes back: an answer as a `Response`.

Pure functions; the shapes that are read are as lenient as the field is: what Townhall does not use may be missing or of any form.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field

from orchestrator_bridge.model.count import estimate, estimate_prompt
from orchestrator_bridge.model.error_text import ProviderMessage as ErrorSaid
from orchestrator_bridge.model.errors import ContentRefused
from orchestrator_bridge.model.kept import capture_state
from orchestrator_bridge.model.port import Request, Response, ToolCall, Usage
from orchestrator_bridge.model.refusals import build_error
from orchestrator_bridge.model.thoughts import strip_think_tags
from orchestrator_bridge.model.writable import replace_surrogates, replace_surrogates_in

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


class ErrorBody(Exception):
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
