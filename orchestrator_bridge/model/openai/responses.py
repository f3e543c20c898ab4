"""Answers and streams in the Responses format, as a `Completion`. Pure functions.

A response becomes the completion that says the same, so that everything that is known about answers holds for it: repaired
calls, estimated usage, hidden reasoning, marks of cut texts. Its output items are kept beside that, since they go back later.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from orchestrator_bridge.model.openai.completion import (
    CUT_OFF,
    FILTERED,
    AssistantMessage,
    Completion,
    ErrorBody,
    FunctionBody,
    ToolCallBody,
)
from orchestrator_bridge.model.openai.server_items import read_server_uses, with_sources

_FINISH: Mapping[str, str] = {"max_output_tokens": CUT_OFF, "content_filter": FILTERED}
"""Finish reasons by the reasons for which a response is incomplete."""

_USAGE_NAMES: Mapping[str, str] = {
    "input_tokens": "prompt_tokens",
    "output_tokens": "completion_tokens",
    "input_tokens_details": "prompt_tokens_details",
    "output_tokens_details": "completion_tokens_details",
}
"""Fields of the usage: here, and in chat completions."""

_REASONING_FIELDS = ("type", "id", "summary", "encrypted_content")
"""Fields of reasoning that go back. A plain text of it is refused (microsoft/agent-framework-go#784)."""


def _read_object(value: object) -> object:
    return value if isinstance(value, dict) else None


JsonObject = Annotated[dict[str, Any] | None, BeforeValidator(_read_object)]


class ResponseBody(BaseModel):
    """Whole response."""

    output: list[dict[str, Any]]
    model: str | None = None
    status: str | None = None
    error: Any = None
    incomplete_details: JsonObject = None
    usage: JsonObject = None


def read_response(body: bytes) -> Completion:
    """Parse the body of a whole answer.

    Raises:
        json.JSONDecodeError, UnicodeDecodeError, RecursionError: the body is not readable JSON.
        ErrorBody: the body is an error, or the response has failed.
        pydantic.ValidationError: the body has another shape.
    """
    value = json.loads(body)
    if isinstance(value, dict) and value.get("error") and not value.get("output"):
        raise ErrorBody(value["error"])
    return completion_of(ResponseBody.model_validate(value))


def completion_of(response: ResponseBody) -> Completion:
    """The completion that says the same as a response.

    Raises:
        ErrorBody: the response was broken off.
    """
    reason = (response.incomplete_details or {}).get("reason")
    if (
        response.error
        or response.status in ("failed", "cancelled")
        or (response.status == "incomplete" and reason not in _FINISH)
    ):
        raise ErrorBody(
            response.error or {"message": f"the answer was broken off ({reason or response.status})"}, answer_begun=True
        )
    texts = [with_sources("".join(_parts(item, "output_text", "text")), item) for item in response.output]
    calls = [_call(item) for item in response.output if item.get("type") == "function_call"]
    said = AssistantMessage(
        content="\n\n".join(text for text in texts if text.strip()),
        refusal="".join(piece for item in response.output for piece in _parts(item, "refusal", "refusal")),
        tool_calls=calls,
        reasoning_content="".join(_summaries(response.output)),
        output=_kept(response.output),
    )
    usage = {_USAGE_NAMES.get(name, name): value for name, value in (response.usage or {}).items()}
    choice = {"message": said, "finish_reason": _FINISH.get(str(reason)) or ("tool_calls" if calls else "stop")}
    uses = read_server_uses(response.output)
    return Completion.model_validate({"model": response.model, "choices": [choice], "usage": usage or None, "server_uses": uses})


def _parts(item: Mapping[str, Any], kind: str, name: str) -> Iterator[str]:
    """Texts of a message item's parts of one kind."""
    content = item.get("content") if item.get("type") == "message" else None
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict) and part.get("type") == kind and isinstance(part.get(name), str):
            yield part[name]


def _summaries(output: list[dict[str, Any]]) -> Iterator[str]:
    """Summaries of the reasoning, which are never shown; they count where the usage must be estimated."""
    for item in output:
        summary = item.get("summary") if item.get("type") == "reasoning" else None
        for part in summary if isinstance(summary, list) else ():
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]


def _call(item: Mapping[str, Any]) -> ToolCallBody:
    function = FunctionBody.model_validate({"name": item.get("name"), "arguments": item.get("arguments")})
    return ToolCallBody.model_validate({"id": item.get("call_id"), "function": function})


def _kept(output: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Items that go back with later calls; None if no reasoning is among them.

    OpenAI refuses reasoning without the item that followed it, and that item without its reasoning (openai/openai-agents-js#929,
    omnigent-ai/omnigent#5066), so all go back, in their order. Reasoning that is not encrypted cannot: nothing is stored at the
    provider, and the items that belong to it go back without their ids.
    """
    if not any(item.get("type") == "reasoning" for item in output):
        return None
    if any(item.get("type") == "reasoning" and not item.get("encrypted_content") for item in output):
        return None
    return [_replayable(item) for item in output]


def _replayable(item: Mapping[str, Any]) -> dict[str, Any]:
    names = _REASONING_FIELDS if item.get("type") == "reasoning" else tuple(item)
    # An item of code must have its outputs, also if they are null (OpenAI's description, `CodeInterpreterToolCall`).
    nullable = item.get("type") == "code_interpreter_call"
    return {name: item[name] for name in names if nullable or item.get(name) is not None}


class StreamEvent(BaseModel):
    """Event of a stream."""

    type: str = ""
    delta: Any = None
    item: JsonObject = None
    response: JsonObject = None
    code: str | None = None
    message: str | None = None


@dataclass(slots=True)
class ResponseAccumulator:
    """Assembles an answer from its stream: its last event holds the whole response. `finish` is the status of it."""

    finish: str | None = None
    response: dict[str, Any] | None = None
    items: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    has_content: bool = False
    """True once text or a tool call has arrived; before that a model may reason in silence."""
    received: int = 0
    """Characters that have arrived: of text, summaries of reasoning and tool calls."""

    @property
    def ended(self) -> bool:
        """True after the last event."""
        return self.response is not None

    def add(self, event: object) -> None:
        """Add an event.

        Raises:
            pydantic.ValidationError: the event has another shape.
            ErrorBody: it is an error.
        """
        read = StreamEvent.model_validate(event)
        self.received += len(read.delta) if isinstance(read.delta, str) else 0
        match read.type:
            case "response.output_text.delta" | "response.refusal.delta" if isinstance(read.delta, str):
                self.has_content = True
                self.texts.append(read.delta)
            case "response.function_call_arguments.delta":
                self.has_content = True
            case "response.output_item.done" if read.item is not None:
                self.items.append(read.item)
            case "response.completed" | "response.incomplete" | "response.failed" if read.response is not None:
                self.response, self.finish = read.response, read.type
            case "error":
                raise ErrorBody({"code": read.code, "message": read.message}, answer_begun=self.has_content or bool(self.items))
            case _:
                pass

    def pop_text(self) -> str:
        """Return the text that has arrived since the last call."""
        text, self.texts = "".join(self.texts), []
        return text

    def completion(self) -> Completion:
        """Return the whole answer.

        Raises:
            ErrorBody: the response has failed.
            pydantic.ValidationError: it has another shape.
        """
        response = self.response or {}
        # Some servers leave the output of the last event empty.
        return completion_of(ResponseBody.model_validate({**response, "output": response.get("output") or self.items}))
