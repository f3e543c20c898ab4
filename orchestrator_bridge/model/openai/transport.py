"""The failures of the `openai` client as errors of the port. Importing this module imports `openai`: about a second.

No error raised from here carries its cause along: a cause may quote the request, and with it the key.
"""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import openai
import pydantic
from openai import AsyncOpenAI, AsyncStream, Omit, RequestOptions

from orchestrator_bridge.common.validation import explain_validation
from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.errors import (
    BadRequest,
    ConnectionFailed,
    InvalidResponse,
    ModelError,
    ProviderUnavailable,
    TimedOut,
)
from orchestrator_bridge.model.interface import OnDelta, Request
from orchestrator_bridge.model.openai.wire import PATH, Completion, ErrorBody, StreamAccumulator, body_of, read_completion
from orchestrator_bridge.model.provider_errors import (
    TIMEOUT_ADVICE,
    clean_message,
    error_for_status,
    parse_error_body,
    provider_label,
    retry_after,
    safe_base_url,
)

CLIENT_ERRORS = (
    openai.OpenAIError,
    httpx.HTTPError,
    httpx.StreamError,
    json.JSONDecodeError,
    UnicodeError,
    RecursionError,
    pydantic.ValidationError,
    ErrorBody,
)
"""Everything that a call through the client is known to raise."""


def as_model_error(error: Exception, route: Route, key: str, now: float) -> ModelError:
    """The error of the port for one of `CLIENT_ERRORS`. `now` is in seconds since the epoch."""
    match error:
        case openai.APIStatusError():
            wait = retry_after(error.response.headers, now)
            return error_for_status(error.status_code, parse_error_body(error.response.text, key), route, wait)
        case openai.APITimeoutError() | httpx.TimeoutException():
            return _timed_out(error, route)
        case openai.APIConnectionError() | httpx.HTTPError():
            return _unreachable(error, route, key)
        case openai.APIError() | ErrorBody():
            return _error_in_body(error.body, route, key)
        case _:
            return _unreadable_response(error, route, key)


def _unreadable_response(error: Exception, route: Route, key: str) -> ModelError:
    match error:
        case json.JSONDecodeError():
            return _invalid_response(f"something else than JSON: {parse_error_body(error.doc, key).message!r}", route)
        case UnicodeError() | RecursionError():
            return _invalid_response("JSON that cannot be read", route)
        case pydantic.ValidationError():
            return _invalid_response(
                f"JSON of another shape than expected: {explain_validation(error, whole='body', limit=1)}", route
            )
        case _:
            return BadRequest(
                f"the request to {safe_base_url(route)} failed: {clean_message(str(error), key)}", "Check the address."
            )


def _error_in_body(error: object, route: Route, key: str) -> ModelError:
    """The error for `{"error": …}` that came with a status of success, as gateways and streams send it."""
    said = parse_error_body(json.dumps({"error": error}), key)
    status = int(said.code) if said.code.isdecimal() and len(said.code) == 3 else 500
    return error_for_status(status, said, route)


def _timed_out(error: Exception, route: Route) -> ModelError:
    if any(isinstance(cause, httpx.ConnectTimeout) for cause in _causes(error)):
        return ConnectionFailed(f"no connection to {safe_base_url(route)} in time", _down_advice(route))
    return TimedOut(f"{provider_label(route)} fell silent", "Wait, or choose another model.")


def _unreachable(error: Exception, route: Route, key: str) -> ModelError:
    causes = list(_causes(error))
    if any(isinstance(cause, httpx.UnsupportedProtocol | httpx.LocalProtocolError) for cause in causes):
        return BadRequest(
            f"{safe_base_url(route)} cannot be called: {clean_message(str(causes[-1]), key)}", "Write the address as https://…."
        )
    if any(isinstance(cause, httpx.ConnectError) for cause in causes):
        return ConnectionFailed(f"no connection to {safe_base_url(route)}: {_cause_text(causes, key)}", _down_advice(route))
    return ProviderUnavailable(
        f"the connection to {provider_label(route)} was cut: {clean_message(str(causes[-1]), key)}", "Wait; it may be back soon."
    )


def _cause_text(causes: list[BaseException], key: str) -> str:
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed ({clean_message(str(cause), key)})"
        if isinstance(cause, socket.gaierror):
            return "the host's name cannot be resolved"
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return "connection refused"
    return clean_message(str(causes[-1]), key)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it came from, and so on; httpx keeps the system's own error only as the context of a group."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting.extend(cause.exceptions if isinstance(cause, BaseExceptionGroup) else ())
        waiting.extend(link for link in (cause.__context__, cause.__cause__) if link is not None)


def _down_advice(route: Route) -> str:
    return f"Check that {safe_base_url(route)} is the right address and that it can be reached from here."


def _invalid_response(what: str, route: Route) -> InvalidResponse:
    advice = f"Check that {safe_base_url(route)} is the address of an OpenAI-compatible endpoint."
    return InvalidResponse(f"{provider_label(route)} answered with {what}", advice)


# The calls of the `openai` client to one address. Importing this module imports `openai`: about a second.
#
# They go through the client's `post`, which gives the body back as it came: its shape is judged here and not guessed by lenient
# models, and a call takes no longer than `chat.completions.create` does.


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
