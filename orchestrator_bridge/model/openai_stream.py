"""A streamed answer put together again: pieces of text and of tool calls, with the usage at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, Field

from orchestrator_bridge.model.openai_wire import Call, Choice, Completion, Counted, Function, Said


class Piece(BaseModel):
    """What one piece adds to the first choice."""

    delta: Annotated[Said, Field(default_factory=Said)]
    finish_reason: str | None = None


class Chunk(BaseModel):
    """One event of the stream."""

    model: str | None = None
    choices: list[Piece] | None = None
    usage: Counted | None = None


@dataclass(slots=True)
class Gathered:
    """What has come so far. `finish`: how the provider says that the answer ended, None while it has not."""

    model: str | None = None
    usage: Counted | None = None
    finish: str | None = None
    texts: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        """Whether the provider said that the answer is whole."""
        return self.finish is not None

    @property
    def begun(self) -> bool:
        """Whether any text or tool call has come; before that a model may think in silence."""
        return bool(self.texts or self.refusals or self.calls)

    def take(self, event: object) -> None:
        """Add one event.

        Raises:
            pydantic.ValidationError: it is no piece of a completion.
        """
        chunk = Chunk.model_validate(event)
        self.model = chunk.model or self.model
        self.usage = chunk.usage or self.usage
        for piece in (chunk.choices or ())[:1]:
            self.finish = piece.finish_reason or self.finish
            self._add(piece.delta)

    def _add(self, delta: Said) -> None:
        if delta.content:
            self.texts.append(delta.content)
        if delta.refusal:
            self.refusals.append(delta.refusal)
        for call in delta.tool_calls or ():
            self._add_call(call)

    def _add_call(self, call: Call) -> None:
        """A call goes on where its index says; some servers give every call the index 0, and only a new id tells them apart."""
        open_call = next((known for known in reversed(self.calls) if known.index == call.index), None)
        if open_call is None or (call.id and open_call.id and call.id != open_call.id):
            self.calls.append(call.model_copy(update={"function": Function(name=call.function.name, arguments=_raw(call))}))
            return
        joined = Function(
            name=open_call.function.name or call.function.name, arguments=f"{open_call.function.arguments}{_raw(call)}"
        )
        self.calls[self.calls.index(open_call)] = open_call.model_copy(update={"function": joined})

    def completion(self) -> Completion:
        """The whole answer."""
        said = Said(content="".join(self.texts), refusal="".join(self.refusals), tool_calls=self.calls)
        return Completion(model=self.model, choices=[Choice(message=said, finish_reason=self.finish)], usage=self.usage)


def _raw(call: Call) -> str:
    arguments = call.function.arguments
    return arguments if isinstance(arguments, str) else ""
