"""The calls of the `openai` client to one address. Importing this module imports `openai`: about a second.

They go through the client's `post`, which gives the body back as it came: its shape is judged here and not guessed by lenient
models, and a call takes no longer than `chat.completions.create` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from openai import AsyncOpenAI, AsyncStream, Omit, RequestOptions

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.errors import ProviderUnavailable, TimedOut
from orchestrator_bridge.model.openai_body import PATH, body_of
from orchestrator_bridge.model.openai_errors import CLIENT_ERRORS, as_model_error
from orchestrator_bridge.model.openai_stream import StreamAccumulator
from orchestrator_bridge.model.openai_wire import Completion, read_completion
from orchestrator_bridge.model.port import OnDelta, Request
from orchestrator_bridge.model.refusals import TIMEOUT_ADVICE, provider_label

CONNECT_TIMEOUT = 10.0
"""Seconds to reach a server. The rest of a call has the request's own limit."""

STREAM_OPTIONS: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


class OpenAIConnection:
    """A pool of connections to one address. `stall_after` is in seconds, `clock` in seconds since the epoch."""

    def __init__(self, base_url: str, stall_after: float, clock: Callable[[], float]) -> None:
        self._stall_after = stall_after
        self._clock = clock
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT)
        # The key goes with each call: it may differ between models at one address.
        self._client = AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0, timeout=timeout)
        if not self._client.base_url.host.endswith("openai.com"):
            # Read from OPENAI_ORG_ID and OPENAI_PROJECT_ID by the client, and no business of any other vendor.
            self._client.organization = self._client.project = None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def complete(self, request: Request, route: Route, key: str) -> Completion:
        """The answer in one piece.

        Raises:
            ModelError: the call brought no usable response.
        """
        return await self._translate_errors(self._complete(body_of(request, route), key), route, key)

    async def stream(self, request: Request, route: Route, key: str, on_delta: OnDelta | None = None) -> Completion:
        """The answer put together from its stream; `on_delta` is told of every piece that came since it began.

        Raises:
            ModelError: the call brought no usable response.
        """
        return await self._translate_errors(
            self._stream({**body_of(request, route), **STREAM_OPTIONS}, route, key, on_delta), route, key
        )

    async def _translate_errors(self, work: Awaitable[Completion], route: Route, key: str) -> Completion:
        try:
            return await work
        except CLIENT_ERRORS as error:
            failure = as_model_error(error, route, key, self._clock())
        # Raised out here it carries no cause along, and so nothing that might quote the key.
        raise failure

    async def _complete(self, body: dict[str, Any], key: str) -> Completion:
        response = await self._client.post(PATH, cast_to=httpx.Response, body=body, options=_options(key))
        return read_completion(response.content)

    async def _stream(self, body: dict[str, Any], route: Route, key: str, on_delta: OnDelta | None) -> Completion:
        stream = await self._client.post(
            PATH, cast_to=object, body=body, options=_options(key), stream=True, stream_cls=AsyncStream[object]
        )
        async with stream:
            if "event-stream" in stream.response.headers.get("content-type", ""):
                return await self._gather(stream, route, on_delta)
            return read_completion(await stream.response.aread())

    async def _gather(self, stream: AsyncStream[object], route: Route, on_delta: OnDelta | None) -> Completion:
        gathered = StreamAccumulator()
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(None) as silence:
                async for event in stream:
                    gathered.add(event)
                    if gathered.has_content:
                        silence.reschedule(now() + self._stall_after)
                        if on_delta is not None:
                            on_delta(gathered.pop_text())
        except TimeoutError:
            raise TimedOut(
                f"{provider_label(route)} stopped for {self._stall_after:g} s in the middle of its answer", TIMEOUT_ADVICE
            ) from None
        if not gathered.is_complete:
            raise ProviderUnavailable(
                f"the stream of {provider_label(route)} ended before its answer did", "Wait; it may be back soon."
            )
        return gathered.completion()


def _options(key: str) -> RequestOptions:
    return {"headers": {"Authorization": f"Bearer {key}" if key else Omit()}}
