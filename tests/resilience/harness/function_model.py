"""A model that is a plain function of its request, and how agents play in the restart tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from orchestrator_bridge.model.interface import CallEstimate, OnDelta, OnProgress, Request, Response, ToolCall, Usage

Play = Callable[[Request], Response]


def use(name: str, **arguments: Any) -> ToolCall:
    """A tool use as a model writes it."""
    return ToolCall(id=f"call_{name}", name=name, arguments=json.dumps(arguments))


def says(*uses: ToolCall, text: str = "") -> Response:
    """A model's response."""
    return Response(text=text, tool_calls=uses, usage=Usage(input=100, output=10), served="function", cost=Decimal("0.01"))


def ask(question: str, *, wait: bool = True) -> ToolCall:
    """A question with two options, the first recommended."""
    options = [{"id": "pg", "label": "PostgreSQL", "recommended": True}, {"id": "lite", "label": "SQLite"}]
    return use("ask_others", question=question, kind="choice", options=options, assumption="PostgreSQL.", wait=wait)


def used(request: Request, tool: str) -> bool:
    """True if the agent has used a tool before."""
    return any(call.name == tool for message in request.messages for call in message.tool_calls)


def said(request: Request) -> str:
    """All that a request shows."""
    return "\n".join(message.text for message in request.messages)


def asks_then_answers(request: Request) -> Response:
    """One question that is waited for, then an answer; one vote; a final text."""
    if not request.callable_tools:
        return says(text="The final text.")
    if not used(request, "ask_others"):
        return says(ask("Which database?"))
    if not used(request, "new_answer"):
        return says(use("new_answer", content=f"An answer by {request.agent}."))
    return says(use("vote", agent_id="A", reason="It is right."))


@dataclass
class FunctionModel:
    """A model whose every response is worked out from its request."""

    play: Play = asks_then_answers
    requests: list[Request] = field(default_factory=list)

    async def respond(self, request: Request, on_delta: OnDelta | None = None, on_progress: OnProgress | None = None) -> Response:
        self.requests.append(request)
        return self.play(request)

    def max_cost(self, request: Request) -> Decimal | None:
        return Decimal("0.02")

    def lifecycle_notice(self, model: str) -> str:
        return ""

    def excess_tokens(self, request: Request) -> int:
        return 0

    def supports_images(self, model: str) -> bool:
        return False

    def estimate_call(self, request: Request) -> CallEstimate:
        return CallEstimate(route=request.model, provider="Functions", tokens=100)

    async def close(self) -> None:
        pass
