"""Answers in the chat completions format, as `Response`. Pure functions.

The models below validate only what Townhall uses. Servers deviate from the format in many ways, so every other field may be
missing or of any type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, model_validator

from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.model.answer_text import read_answer, replace_surrogates, replace_surrogates_in
from orchestrator_bridge.model.errors import ContentRefused
from orchestrator_bridge.model.interface import Request, Response, ServerUse, ToolCall, Usage
from orchestrator_bridge.model.openai.usage import OptionalUsage, UsageBody, believable, estimate_usage, read_usage, stated_cost
from orchestrator_bridge.model.provider_errors import ProviderMessage, build_error
from orchestrator_bridge.model.reasoning import capture_state
from orchestrator_bridge.model.reasoning_marks import begins_in_reasoning

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


FILTERED = "content_filter"
"""Finish reason of an answer that the provider's content filter withheld, in OpenAI's and in LiteLLM's format."""


CUT_OFF = "length"
"""Finish reason of an answer that reached the output limit."""

BROKEN_OFF = "error"
"""Finish reason of an answer that a fault ended (openrouter.ai/docs, "Errors")."""

_FINISH_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "max_tokens": CUT_OFF,  # Anthropic's word, which gateways pass on
        "sensitive": FILTERED,  # docs.z.ai, "Chat Completion"
        "model_length": CUT_OFF,  # docs.mistral.ai, "Chat Completion"
        "insufficient_system_resource": BROKEN_OFF,  # api-docs.deepseek.com, "Create Chat Completion"
        "network_error": BROKEN_OFF,  # docs.z.ai, "Chat Completion"
        "abort": BROKEN_OFF,  # docs.vllm.ai and docs.sglang.ai: the server gave the request up
    }
)
"""Finish reasons of other vendors, and OpenAI's for the same."""


def read_finish_reason(value: object) -> object:
    """OpenAI's finish reason for one of another vendor, in any case; every other value as it is."""
    return _FINISH_REASONS.get(value.lower(), value) if isinstance(value, str) else value


def _read_arguments(value: object) -> object:
    """Arguments as text; a few servers send the object itself."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


class FunctionBody(BaseModel):
    """Name and arguments of a tool call."""

    name: str | None = None
    arguments: Annotated[str | None, BeforeValidator(_read_arguments)] = None


def _read_function(value: object) -> object:
    """Name and arguments of a call; a few servers send the name alone."""
    return {"name": value} if isinstance(value, str) else {} if value is None else value


class ToolCallBody(BaseModel):
    """Tool call, or a piece of one in a stream."""

    index: int | None = None
    id: str | None = None
    function: Annotated[FunctionBody, BeforeValidator(_read_function)] = FunctionBody()
    provider_specific_fields: Any = None

    @model_validator(mode="before")
    @classmethod
    def _nest(cls, value: object) -> object:
        """Put the name and the arguments into `function`, beside which some servers send them."""
        if not isinstance(value, dict) or isinstance(value.get("function"), dict | FunctionBody):
            return value
        name = value.get("function") or value.get("name")
        arguments = next((value[key] for key in ("arguments", "parameters", "input") if key in value), None)
        return {**value, "function": {"name": name, "arguments": arguments}}


def _read_calls(value: object) -> object:
    """Tool calls as a list, without empty entries; a few servers send one call alone."""
    return [value] if isinstance(value, dict) else [call for call in value if call] if isinstance(value, list) else value


def _read_content(value: object) -> object:
    """Join the text parts of a content list, as Mistral sends it (docs.mistral.ai, "Reasoning"). Thinking is left out."""
    if not isinstance(value, list | dict):
        return value
    parts = value if isinstance(value, list) else [value]
    texts = (part.get("text") if isinstance(part, dict) and part.get("type", "text") == "text" else part for part in parts)
    return "".join(text for text in texts if isinstance(text, str))


class AssistantMessage(BaseModel):
    """The assistant's message, or a piece of it in a stream. The last five fields hold reasoning, which is stored unread."""

    content: Annotated[str | None, BeforeValidator(_read_content)] = None
    refusal: str | None = None
    tool_calls: Annotated[list[ToolCallBody] | None, BeforeValidator(_read_calls)] = None
    reasoning_content: Any = None
    reasoning_details: Any = None
    thinking_blocks: Any = None
    provider_specific_fields: Any = None
    output: Any = None

    @model_validator(mode="before")
    @classmethod
    def _read_older_call(cls, value: object) -> object:
        """Read `function_call`, which OpenAI's format had before `tool_calls` and some servers still send."""
        if isinstance(value, dict) and value.get("function_call") and not value.get("tool_calls"):
            return {**value, "tool_calls": [{"function": value["function_call"]}]}
        return value


class CompletionChoice(BaseModel):
    """One alternative answer; requests ask for only one."""

    message: AssistantMessage
    finish_reason: Annotated[str | None, BeforeValidator(read_finish_reason)] = None
    error: Any = None


class Completion(BaseModel):
    """Whole answer. `usage_lost` is True if a stream reported counts at first and none at its end."""

    model: str | None = None
    choices: Annotated[list[CompletionChoice], Field(min_length=1)]
    usage: OptionalUsage = None
    usage_lost: bool = False
    server_uses: tuple[ServerUse, ...] = ()


class ErrorBody(TownhallError):
    """`{"error": …}` in place of a completion, with a status of success, as some gateways send it. `body` is what it holds.

    `answer_begun` is True if the error broke off an answer: in the middle of a stream, or as the finish reason of a choice.
    """

    def __init__(self, body: object, *, answer_begun: bool = False) -> None:
        super().__init__("the body holds an error")
        self.body = body
        self.answer_begun = answer_begun


def read_completion(body: bytes) -> Completion:
    """Parse the body of a whole answer.

    Raises:
        json.JSONDecodeError, UnicodeDecodeError, RecursionError: the body is not readable JSON.
        ErrorBody: the body is an error.
        pydantic.ValidationError: the body has another shape.
    """
    value = json.loads(body)
    # Some servers send `"error": null` or an empty object beside a valid answer.
    if isinstance(value, dict) and value.get("error") and not value.get("choices"):
        raise ErrorBody(value["error"])
    return unbroken(Completion.model_validate(value))


def unbroken(completion: Completion) -> Completion:
    """Return the completion unless it was broken off: then its text is a fragment (openrouter.ai/docs, "Errors").

    Raises:
        ErrorBody: the finish reason of its choice is an error.
    """
    choice = completion.choices[0]
    if choice.finish_reason == BROKEN_OFF:
        raise ErrorBody(choice.error or {"message": "the answer was broken off"}, answer_begun=True)
    return completion


def response_of(completion: Completion, request: Request, route: Route) -> Response:
    """Convert a completion. Its cost is the bill that it states, None if it states none.

    Raises:
        ContentRefused: the provider's content filter withheld it, or the rest of it.
    """
    choice = completion.choices[0]
    said = choice.message
    # Some models send a refusal in a field of its own; it is an answer to the agent like any other.
    words = replace_surrogates(said.content or said.refusal or "")
    text, calls = read_answer(words, _tool_calls(said.tool_calls or (), len(request.messages)), request)
    if choice.finish_reason == FILTERED and not (calls and all(map(_is_whole, calls))):
        # Half a text would pass for an answer, and the same request would be filtered again.
        failure = build_error(ContentRefused, ProviderMessage(), route)
        failure.answer_begun = bool(words)
        raise failure
    kept = capture_state(
        route,
        replace_surrogates_in(said.model_dump()),
        [replace_surrogates_in(call.model_dump()) for call in said.tool_calls or ()],
    )
    return Response(
        text=text,
        tool_calls=calls,
        usage=_usage(completion, request, route, calls),
        cost=stated_cost(completion.usage, route) if completion.usage else None,
        served=replace_surrogates(completion.model or route.id),
        kept=kept,
        cut=choice.finish_reason == CUT_OFF,
        begins_in_reasoning=begins_in_reasoning(words),
        server_uses=completion.server_uses,
    )


def _is_whole(call: ToolCall) -> bool:
    try:
        return isinstance(json.loads(call.arguments), dict)
    except (ValueError, RecursionError):
        return False


def _tool_calls(calls: Sequence[ToolCallBody], turn: int) -> tuple[ToolCall, ...]:
    """Tool calls of an answer. A call without an id, or with the id of an earlier one, gets a unique id."""
    read: dict[str, ToolCall] = {}
    # A result refers to its call by id, so ids must be unique within a message; some servers send none, or the same twice.
    for place, call in enumerate(calls):
        call_id = call.id if call.id and call.id not in read else f"call_{turn}_{place}"
        name, arguments = call.function.name or "", call.function.arguments or ""
        read[call_id] = ToolCall(
            id=replace_surrogates(call_id), name=replace_surrogates(name), arguments=replace_surrogates(arguments)
        )
    return tuple(read.values())


def _usage(completion: Completion, request: Request, route: Route, calls: tuple[ToolCall, ...]) -> Usage:
    """Usage of an answer: reported, or estimated where the report cannot be right, as a run's limits would not hold otherwise.

    An estimate is never below a count that was reported and can be true.
    """
    said, counted = completion.choices[0].message, completion.usage or UsageBody()
    text = said.content or said.refusal or ""
    stated = read_usage(counted)
    reported = believable(stated, request, route, [text, *(call.arguments for call in calls)])
    if counted.has_counts and reported == stated and (reported.output or not (text or calls)) and not completion.usage_lost:
        return reported
    reasoning = said.reasoning_content if isinstance(said.reasoning_content, str) else ""
    estimated = estimate_usage(request, text, calls, reasoning)
    return replace(
        reported,
        input=max(reported.input, estimated.input),
        output=max(reported.output, estimated.output),
        estimated=True,
    )
