"""A model in this process that answers at once: for what the engine costs by itself."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

from bot.bench.plays import scripted_reply
from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.openai_body import body_of
from orchestrator_bridge.model.port import CallEstimate, OnDelta, Request, Response, ToolCall, Usage

_USAGE = Usage(input=900, output=150)


class InstantModel:
    """A `port.Model`. `resumed` holds when requests came that show a question's outcome; while `open` is cleared they wait."""

    def __init__(self) -> None:
        self.resumed: list[float] = []
        self.open = asyncio.Event()
        self.open.set()
        self._bell = asyncio.Event()

    async def respond(self, request: Request, on_delta: OnDelta | None = None) -> Response:
        """Say what the model of that name says."""
        now = time.perf_counter()
        if any(message.role == "tool" for message in request.messages):
            self.resumed.append(now)
            self._bell.set()
            await self.open.wait()
        said = scripted_reply(body_of(request, Route(name=request.model, provider="own", id=request.model)), now)
        calls = (ToolCall(id="call", name=said.tool, arguments=said.raw),) if said.tool else ()
        return Response(text=said.text, tool_calls=calls, usage=_USAGE, served=request.model)

    def max_cost(self, request: Request) -> Decimal | None:
        """It has no price."""
        return None

    def lifecycle_notice(self, model: str) -> str:
        """Nothing is to be known of it."""
        return ""

    def excess_tokens(self, request: Request) -> int:
        """Every prompt fits."""
        return 0

    def supports_images(self, model: str) -> bool:
        """It takes none."""
        return False

    def estimate_call(self, request: Request) -> CallEstimate:
        """It has no limits."""
        return CallEstimate(route=request.model, provider=request.model, tokens=_USAGE.total)

    async def close(self) -> None:
        """Nothing is open."""

    async def wait_resumed(self, count: int) -> float:
        """Wait until so many requests have come that show an outcome; when the last of them came."""
        while len(self.resumed) < count:
            self._bell.clear()
            await self._bell.wait()
        return self.resumed[count - 1]
