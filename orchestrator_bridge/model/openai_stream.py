"""A streamed answer put together again: pieces of text and of tool calls, with the usage at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, Field

from orchestrator_bridge.model.openai_wire import (
    AssistantMessage,
    Completion,
    CompletionChoice,
    FunctionBody,
    ToolCallBody,
    UsageBody,
)


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
