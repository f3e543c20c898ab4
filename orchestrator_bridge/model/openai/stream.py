"""Assembly of streams in the chat completions format: events as a `Completion`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from orchestrator_bridge.model.openai.completion import (
    AssistantMessage,
    Completion,
    CompletionChoice,
    FunctionBody,
    ToolCallBody,
    unbroken,
)
from orchestrator_bridge.model.openai.usage import BILL_FIELDS, OptionalUsage, UsageBody


class StreamChoice(BaseModel):
    """Addition of a piece to the answer."""

    delta: AssistantMessage | None = None
    finish_reason: str | None = None
    error: Any = None
    usage: OptionalUsage = None
    """Place of the usage in Moonshot's streams (earendil-works/pi#2017)."""


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
    received: int = 0
    """Characters that have arrived: of text, reasoning and tool calls."""

    @property
    def ended(self) -> bool:
        """False: usage may follow the finish reason, and the format's last event is no JSON."""
        return False

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
            if piece.usage is not None:
                self._add_usage(piece.usage)
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
        reasoning = delta.reasoning_content if isinstance(delta.reasoning_content, str) else ""
        arguments = (call.function.arguments for call in delta.tool_calls or ())
        self.received += sum(len(text) for text in (delta.content, delta.refusal, reasoning, *arguments) if text)
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

    def _add_call(self, piece: ToolCallBody) -> None:
        """Continue the call that a piece belongs to, or begin a new one."""
        place = self._place_of(piece)
        if place is None:
            self.calls.append(piece)
            return
        known = self.calls[place]
        function = FunctionBody(
            name=known.function.name or piece.function.name,
            arguments=f"{known.function.arguments or ''}{piece.function.arguments or ''}",
        )
        self.calls[place] = known.model_copy(update={"function": function})

    def _place_of(self, piece: ToolCallBody) -> int | None:
        """Place of the call that a piece continues; None if it begins one.

        Neither index nor id can be relied on: some servers give every call the index 0, some none or an empty id, and some a new
        id with every piece. A piece that names a tool begins a call if the call before it names another or is whole already.
        """
        same_id = [place for place, call in enumerate(self.calls) if piece.id and call.id == piece.id]
        # The newest call with this index: an index may be used again for a later call.
        same_index = [place for place, call in enumerate(self.calls) if call.index == piece.index]
        place = next(iter((*same_id[-1:], *same_index[-1:])), None)
        if place is None or not piece.function.name:
            return place
        known = self.calls[place].function
        other = known.name is not None and known.name != piece.function.name
        return None if other or (not same_id and _is_whole(known.arguments)) else place

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
        return unbroken(Completion(model=self.model, choices=[choice], usage=self.usage, usage_lost=self.usage_lost))


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


def _is_whole(arguments: str | None) -> bool:
    try:
        json.loads(arguments or "")
    except (ValueError, RecursionError):
        return False
    return True
