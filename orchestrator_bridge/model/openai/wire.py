"""The chat completions format: requests as JSON bodies, answers and streams as `Response`. Pure functions.

The models below validate only what Townhall uses. Servers deviate from the format in many ways, so every other field may be
missing or of any type.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field

from orchestrator_bridge.common.errors import TownhallError
from orchestrator_bridge.model.errors import ContentRefused
from orchestrator_bridge.model.interface import Message, Picture, Request, Response, ToolCall, Usage
from orchestrator_bridge.model.parameters import wire_parameters
from orchestrator_bridge.model.provider_errors import ProviderMessage, build_error
from orchestrator_bridge.model.reasoning import (
    NO_REASONING,
    REASONING,
    capture_state,
    replace_surrogates,
    replace_surrogates_in,
    replay,
    replay_call,
    requires_reasoning,
    strip_reasoning,
)
from orchestrator_bridge.model.tokens import estimate, estimate_prompt

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route


PATH = "/chat/completions"


def body_of(request: Request, route: Route) -> dict[str, Any]:
    """JSON object of one call."""
    assistant_fields = {REASONING: NO_REASONING} if requires_reasoning(request, route) else {}
    messages = [_message(message, route, assistant_fields) for message in request.messages]
    body: dict[str, Any] = {"model": route.id, "messages": messages}
    if request.tools:
        body["tools"] = [
            {"type": "function", "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters}}
            for tool in request.tools
        ]
    if request.max_output is not None:
        body[route.limit_name] = request.max_output
    return {**body, **wire_parameters(route, request.parameters)}


def _message(message: Message, route: Route, assistant_fields: Mapping[str, Any]) -> dict[str, Any]:
    """JSON object of a message. `assistant_fields` are defaults for fields of every assistant message."""
    text = replace_surrogates(message.text)
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.tool_call, "content": text}
    if message.role != "assistant":
        images = [_image(picture) for picture in message.pictures]
        return {"role": message.role, "content": [{"type": "text", "text": text}, *images] if images else text}
    said = {"role": "assistant", **assistant_fields, **replay(message, route)}
    if not message.tool_calls:
        return {**said, "content": text}
    calls = [{**_call(call), **replay_call(message, place, route)} for place, call in enumerate(message.tool_calls)]
    return {**said, "content": text or None, "tool_calls": calls}


def _image(picture: Picture) -> dict[str, Any]:
    data = base64.b64encode(picture.data).decode()
    return {"type": "image_url", "image_url": {"url": f"data:{picture.media_type};base64,{data}"}}


def _call(call: ToolCall) -> dict[str, Any]:
    """JSON object of a tool call. Arguments that are no JSON object are wrapped in one: some servers refuse anything else."""
    try:
        readable = isinstance(json.loads(call.arguments), dict)
    except (ValueError, RecursionError):
        readable = False
    arguments = replace_surrogates(call.arguments) if readable else json.dumps({"unreadable": call.arguments})
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


FILTERED = "content_filter"
"""Finish reason of an answer that the provider's content filter withheld, in OpenAI's and in LiteLLM's format."""


CUT_OFF = "length"
"""Finish reason of an answer that reached the output limit."""

CUT_OFF_MARK = "\n\n(This answer is incomplete: the model reached its output limit.)"


class FunctionBody(BaseModel):
    """Name and arguments of a tool call; a few servers send the arguments as an object instead of text."""

    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolCallBody(BaseModel):
    """Tool call, or a piece of one in a stream."""

    index: int | None = None
    id: str | None = None
    function: FunctionBody = FunctionBody()
    provider_specific_fields: Any = None


def _read_content(value: object) -> object:
    """Join the text parts of a content list, as Mistral sends it (docs.mistral.ai, "Reasoning"). Thinking is left out."""
    if not isinstance(value, list):
        return value
    texts = (part.get("text") for part in value if isinstance(part, dict) and part.get("type") == "text")
    return "".join(text for text in texts if isinstance(text, str))


class AssistantMessage(BaseModel):
    """The assistant's message, or a piece of it in a stream. The last four fields hold reasoning, which is stored unread."""

    content: Annotated[str | None, BeforeValidator(_read_content)] = None
    refusal: str | None = None
    tool_calls: list[ToolCallBody] | None = None
    reasoning_content: Any = None
    reasoning_details: Any = None
    thinking_blocks: Any = None
    provider_specific_fields: Any = None


class CompletionChoice(BaseModel):
    """One alternative answer; requests ask for only one."""

    message: AssistantMessage
    finish_reason: str | None = None
    error: Any = None


MOST_TOKENS = 1_000_000_000
"""Bound of a token count. No call has as many; a greater number is an error of the server, and may not fit the database."""


def _read_count(value: object) -> int | None:
    """Return a token count, or None for anything that cannot be one. A false count must not fail the answer beside it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value <= MOST_TOKENS and value == int(value) else None


def _read_object(value: object) -> object:
    return value if isinstance(value, dict | BaseModel) else None


Count = Annotated[int | None, BeforeValidator(_read_count)]


class TokenDetails(BaseModel):
    """Parts of a token count. Tokens written to a cache have one name at OpenRouter (`cache_write_tokens`) and one in LiteLLM."""

    cached_tokens: Count = None
    reasoning_tokens: Count = None
    cache_write_tokens: Count = None
    cache_creation_tokens: Count = None


Details = Annotated[TokenDetails | None, BeforeValidator(_read_object)]


class UsageBody(BaseModel):
    """Token usage of an answer."""

    prompt_tokens: Count = None
    completion_tokens: Count = None
    total_tokens: Count = None
    prompt_tokens_details: Details = None
    completion_tokens_details: Details = None
    cost_in_usd_ticks: Any = None
    cost: Any = None
    is_byok: Any = None
    cost_details: Any = None

    @property
    def has_counts(self) -> bool:
        """True if it has both counts. A prompt is never empty: some servers report zeros for calls that they do not count."""
        return bool(self.prompt_tokens) and self.completion_tokens is not None


OptionalUsage = Annotated[UsageBody | None, BeforeValidator(_read_object)]


class Completion(BaseModel):
    """Whole answer. `usage_lost` is True if a stream reported counts at first and none at its end."""

    model: str | None = None
    choices: Annotated[list[CompletionChoice], Field(min_length=1)]
    usage: OptionalUsage = None
    usage_lost: bool = False


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
    return _unbroken(Completion.model_validate(value))


def _unbroken(completion: Completion) -> Completion:
    """Return the completion unless it was broken off: then its text is a fragment (openrouter.ai/docs, "Errors").

    Raises:
        ErrorBody: the finish reason of its choice is an error.
    """
    choice = completion.choices[0]
    if choice.finish_reason == "error":
        raise ErrorBody(choice.error or {"message": "the answer was broken off"}, answer_begun=True)
    return completion


def response_of(completion: Completion, request: Request, route: Route) -> Response:
    """Convert a completion. Its cost is the bill that it states, None if it states none.

    Raises:
        ContentRefused: it is empty because the provider's content filter withheld it.
    """
    choice = completion.choices[0]
    said = choice.message
    # Some models send a refusal in a field of its own; it is an answer to the agent like any other.
    text = strip_reasoning(replace_surrogates(said.content or said.refusal or ""))
    calls = _tool_calls(said.tool_calls or (), len(request.messages))
    if choice.finish_reason == FILTERED and not (text.strip() or calls):
        raise build_error(ContentRefused, ProviderMessage(), route)
    # Marked in the text itself, the fragment is known as one to the agents who read it and to the people it is posted for.
    if choice.finish_reason == CUT_OFF and text.strip() and not calls:
        text += CUT_OFF_MARK
    kept = capture_state(
        route,
        replace_surrogates_in(said.model_dump()),
        [replace_surrogates_in(call.model_dump()) for call in said.tool_calls or ()],
    )
    return Response(
        text=text,
        tool_calls=calls,
        usage=_usage(completion, request, calls),
        cost=stated_cost(completion.usage, route) if completion.usage else None,
        served=replace_surrogates(completion.model or route.id),
        kept=kept,
    )


def _tool_calls(calls: Sequence[ToolCallBody], turn: int) -> tuple[ToolCall, ...]:
    """Tool calls of an answer. A call without an id, or with the id of an earlier one, gets a unique id."""
    read: dict[str, ToolCall] = {}
    # A result refers to its call by id, so ids must be unique within a message; some servers send none, or the same twice.
    for place, call in enumerate(calls):
        call_id = call.id if call.id and call.id not in read else f"call_{turn}_{place}"
        arguments = call.function.arguments
        raw = json.dumps(arguments) if isinstance(arguments, dict) else arguments or ""
        read[call_id] = ToolCall(
            id=replace_surrogates(call_id), name=replace_surrogates(call.function.name or ""), arguments=replace_surrogates(raw)
        )
    return tuple(read.values())


def read_usage(counted: UsageBody) -> Usage:
    """Usage as it is billed."""
    prompt, output = counted.prompt_tokens or 0, counted.completion_tokens or 0
    reasoning = (counted.completion_tokens_details or TokenDetails()).reasoning_tokens or 0
    # xAI reports reasoning beside the output instead of as a part of it; its total shows that.
    if reasoning and counted.total_tokens == prompt + output + reasoning:
        output += reasoning
    details = counted.prompt_tokens_details or TokenDetails()
    written = details.cache_write_tokens or details.cache_creation_tokens or 0
    return Usage(input=prompt, output=output, cached=details.cached_tokens or 0, reasoning=reasoning, cache_written=written)


def _usage(completion: Completion, request: Request, calls: tuple[ToolCall, ...]) -> Usage:
    """Usage of an answer: reported, or estimated where the report cannot be right, as a run's limits would not hold otherwise.

    An estimate is never below a count that was reported.
    """
    said, counted = completion.choices[0].message, completion.usage or UsageBody()
    reported = read_usage(counted)
    produced = bool(said.content or said.refusal or calls)
    if counted.has_counts and (reported.output or not produced) and not completion.usage_lost:
        return reported
    reasoning = said.reasoning_content if isinstance(said.reasoning_content, str) else ""
    estimated = estimate_usage(request, said.content or said.refusal or "", calls, reasoning)
    return replace(
        reported,
        input=max(reported.input, estimated.input),
        output=max(reported.output, estimated.output),
        estimated=True,
    )


TICKS_PER_DOLLAR = Decimal(10_000_000_000)
"""docs.x.ai/developers/cost-tracking; litellm books the same (BerriAI/litellm#39441)."""

MOST_DOLLARS = 1_000_000
"""Bound of a stated bill: a greater one is an error of the server."""

BILL_FIELDS = ("cost_in_usd_ticks", "cost", "is_byok", "cost_details")


def stated_cost(stated: UsageBody, route: Route) -> Decimal | None:
    """Bill in US dollars that a response states; None if it states none.

    xAI states `cost_in_usd_ticks`. OpenRouter states `cost` in US dollars (openrouter.ai/docs, "Usage accounting"): with the
    user's own key of an upstream provider (`is_byok`) it is only OpenRouter's fee, and that provider's bill is stated beside it.
    Elsewhere `cost` has no fixed unit.
    """
    ticks = _amount(stated.cost_in_usd_ticks)
    # xAI serves nothing for free, so zero ticks are no bill.
    if ticks:
        return _dollars(ticks / TICKS_PER_DOLLAR)
    cost = _amount(stated.cost) if route.provider == "openrouter" else None
    if cost is None or stated.is_byok is not True:
        # A bill of zero is that of a free model, unless nothing else in the usage was counted either.
        return _dollars(cost) if cost or (cost is not None and stated.has_counts) else None
    upstream = _amount(stated.cost_details.get("upstream_inference_cost")) if isinstance(stated.cost_details, dict) else None
    return None if upstream is None else _dollars(cost + upstream)


def _amount(value: object) -> Decimal | None:
    """Decimal of a JSON number that can be an amount of money; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    amount = Decimal(str(value))
    return amount if amount.is_finite() and amount >= 0 else None


def _dollars(amount: Decimal) -> Decimal | None:
    """The amount; None if no call costs as much."""
    return amount if amount <= MOST_DOLLARS else None


def estimate_usage(request: Request, text: str, calls: tuple[ToolCall, ...], reasoning: str = "") -> Usage:
    """Estimate the usage of an answer by the size of its texts."""
    texts = (text, reasoning, *(f"{call.name}{call.arguments}" for call in calls))
    return Usage(input=estimate_prompt(request), output=sum(map(estimate, texts)), estimated=True)


class StreamChoice(BaseModel):
    """Addition of a piece to the answer."""

    delta: AssistantMessage | None = None
    finish_reason: str | None = None
    error: Any = None


class StreamChunk(BaseModel):
    """Event of a stream."""

    model: str | None = None
    choices: list[StreamChoice] | None = None
    usage: OptionalUsage = None


@dataclass(slots=True)
class StreamAccumulator:
    """Assembles an answer from its stream. `finish` is the finish reason, None until the provider has sent it."""

    model: str | None = None
    usage: UsageBody | None = None
    usage_lost: bool = False
    finish: str | None = None
    error: Any = None
    texts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    calls: list[ToolCallBody] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    details: list[Any] = field(default_factory=list)
    texts_popped: int = 0
    """Number of texts that `pop_text` has returned."""

    @property
    def has_content(self) -> bool:
        """True once text or a tool call has arrived; before that a model may reason in silence."""
        return bool(self.texts or self.refusals or self.calls)

    def add(self, event: object) -> None:
        """Add an event.

        Raises:
            pydantic.ValidationError: the event has another shape.
        """
        chunk = StreamChunk.model_validate(event)
        self.model = chunk.model or self.model
        # The model's name arrives in every piece, or only in the first.
        if chunk.usage is not None:
            self._add_usage(chunk.usage)
        for piece in (chunk.choices or ())[:1]:
            self.finish = piece.finish_reason or self.finish
            self.error = piece.error or self.error
            if piece.delta is not None:
                self._add_delta(piece.delta)

    def _add_usage(self, usage: UsageBody) -> None:
        """Usage arrives in a last piece without choices, or with every piece as a running count, of which the last is whole."""
        self.usage_lost = self.usage is not None and self.usage.has_counts and not usage.has_counts
        if self.usage is None or not self.usage_lost:
            self.usage = usage
        else:
            self.usage = self.usage.model_copy(update={name: getattr(usage, name) for name in BILL_FIELDS})

    def _add_delta(self, delta: AssistantMessage) -> None:
        if delta.content:
            self.texts.append(delta.content)
        if delta.refusal:
            self.refusals.append(delta.refusal)
        if isinstance(delta.reasoning_content, str):
            self.thoughts.append(delta.reasoning_content)
        for detail in delta.reasoning_details if isinstance(delta.reasoning_details, list) else ():
            _add_reasoning_detail(self.details, detail)
        for call in delta.tool_calls or ():
            self._add_call(call)

    def _add_call(self, call: ToolCallBody) -> None:
        """Continue the call with the same index. Some servers give every call the index 0: a new id is a new call."""
        # The newest call with this index: an index may be used again for a later call.
        open_call = next((known for known in reversed(self.calls) if known.index == call.index), None)
        if open_call is None or (call.id and open_call.id and call.id != open_call.id):
            self.calls.append(call.model_copy(update={"function": FunctionBody(name=call.function.name, arguments=_raw(call))}))
            return
        joined = FunctionBody(
            name=open_call.function.name or call.function.name, arguments=f"{open_call.function.arguments}{_raw(call)}"
        )
        self.calls[self.calls.index(open_call)] = open_call.model_copy(update={"function": joined})

    def pop_text(self) -> str:
        """Return the text that has arrived since the last call."""
        start, self.texts_popped = self.texts_popped, len(self.texts)
        return "".join(self.texts[start:])

    def completion(self) -> Completion:
        """Return the whole answer.

        Raises:
            ErrorBody: its finish reason is an error.
        """
        said = AssistantMessage(
            content="".join(self.texts),
            refusal="".join(self.refusals),
            tool_calls=self.calls,
            reasoning_content="".join(self.thoughts),
            reasoning_details=self.details,
        )
        choice = CompletionChoice(message=said, finish_reason=self.finish, error=self.error)
        return _unbroken(Completion(model=self.model, choices=[choice], usage=self.usage, usage_lost=self.usage_lost))


_GROWING = ("text", "summary", "data")


def _add_reasoning_detail(details: list[Any], piece: Any) -> None:
    """Add a piece of OpenRouter's `reasoning_details`; it continues the last entry if that has its index and type."""
    last = details[-1] if details else None
    if not (isinstance(piece, dict) and isinstance(last, dict) and _continues(last, piece)):
        details.append(piece)
        return
    joined = {name: f"{last.get(name) or ''}{piece[name]}" for name in _GROWING if isinstance(piece.get(name), str)}
    details[-1] = {**last, **{name: value for name, value in piece.items() if value is not None}, **joined}


def _continues(last: dict[str, Any], piece: dict[str, Any]) -> bool:
    return piece.get("index") is not None and all(last.get(name) == piece.get(name) for name in ("index", "type"))


def _raw(call: ToolCallBody) -> str:
    arguments = call.function.arguments
    return arguments if isinstance(arguments, str) else ""
