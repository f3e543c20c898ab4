"""Calls of one OpenAI-compatible endpoint, and their failures as `ModelError`. Importing this imports `openai` (a second).

Calls use the client's `post` instead of `chat.completions.create`: it returns the body unchanged, whose shape is then validated
here instead of guessed by the client's lenient models, and takes no longer.

No error raised here has a cause or context: it could quote the request, and with it the API key.
"""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import ssl
from collections.abc import Awaitable, Iterator
from typing import Any

import httpx
import openai
import pydantic
from openai import AsyncOpenAI, AsyncStream, Omit, RequestOptions

from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.validation import explain_validation
from orchestrator_bridge.model.answer_text import ReasoningFilter
from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.errors import (
    BadRequest,
    ConnectionFailed,
    ContentRefused,
    ContextTooLong,
    InsufficientCredit,
    InvalidResponse,
    ModelError,
    Overloaded,
    ProviderUnavailable,
    TimedOut,
    Transient,
)
from orchestrator_bridge.model.interface import OnDelta, Request
from orchestrator_bridge.model.openai.completion import Completion, ErrorBody, read_completion
from orchestrator_bridge.model.openai.request import PATH, body_of
from orchestrator_bridge.model.openai.stream import StreamAccumulator
from orchestrator_bridge.model.provider_errors import (
    TIMEOUT_ADVICE,
    ProviderMessage,
    build_error,
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
"""All exceptions that a call through the client is known to raise."""


def as_model_error(error: Exception, route: Route, key: str, now: float) -> ModelError:
    """Translate one of `CLIENT_ERRORS`. `key` is removed from every text; `now` is in seconds since the epoch."""
    match error:
        case openai.APIStatusError():
            wait = retry_after(error.response.headers, now)
            return error_for_status(error.status_code, parse_error_body(error.response.text, key), route, wait)
        case openai.APIConnectionError() | httpx.HTTPError():
            return _connection_error(error, route, key)
        case openai.APIError() | ErrorBody():
            # `{"error": ...}` with a success status, as gateways and streams send it.
            said = parse_error_body(json.dumps({"error": error.body}), key)
            status = int(said.code) if said.code.isdecimal() and len(said.code) == 3 else 500
            failure = error_for_status(status, said, route)
            return _broken_off(failure, said, route) if isinstance(error, ErrorBody) and error.answer_begun else failure
        case _:
            return _invalid_response(error, route, key)


def _broken_off(failure: ModelError, said: ProviderMessage, route: Route) -> ModelError:
    """Error for an answer that an error broke off. It is tried again unless the reason will last."""
    # The provider had accepted the request, so a status such as 400 or 404 is not about the request.
    if not isinstance(failure, Transient | ContentRefused | ContextTooLong | InsufficientCredit):
        failure = build_error(Overloaded, said, route)
    failure.answer_begun = True
    return failure


def _connection_error(error: Exception, route: Route, key: str) -> ModelError:
    """Error for a connection that was not made, timed out or was lost."""
    causes = list(_causes(error))
    address, last = safe_base_url(route), clean_message(str(causes[-1]), key)
    unreachable_advice = f"Check that {address} is the right address and that it can be reached from here."
    if any(isinstance(cause, httpx.ConnectTimeout) for cause in causes):
        return ConnectionFailed(f"no connection to {address} in time", unreachable_advice)
    if isinstance(error, openai.APITimeoutError | httpx.TimeoutException):
        return TimedOut(f"{provider_label(route)} stopped responding", "Wait, or choose another model.")
    if any(isinstance(cause, httpx.UnsupportedProtocol | httpx.LocalProtocolError) for cause in causes):
        return BadRequest(f"{address} cannot be called: {last}", "Write the address as https://….")
    if any(isinstance(cause, httpx.ConnectError) for cause in causes):
        return ConnectionFailed(f"no connection to {address}: {_cause_text(causes, key)}", unreachable_advice)
    return ProviderUnavailable(f"the connection to {provider_label(route)} was lost: {last}", "Wait; it may be back soon.")


def _cause_text(causes: list[BaseException], key: str) -> str:
    """Name the most specific cause of a failed connection."""
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed ({clean_message(str(cause), key)})"
        if isinstance(cause, socket.gaierror):
            return "the host's name cannot be resolved"
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return "connection refused"
    return clean_message(str(causes[-1]), key)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and all its causes; httpx keeps the operating system's error only as the context of an exception group."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop()
        # Causes and contexts may form a cycle.
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        waiting.extend(cause.exceptions if isinstance(cause, BaseExceptionGroup) else ())
        waiting.extend(link for link in (cause.__context__, cause.__cause__) if link is not None)


def _invalid_response(error: Exception, route: Route, key: str) -> ModelError:
    """Error for a success response that cannot be read, or for a request that the client could not send."""
    match error:
        case json.JSONDecodeError():
            content = f"something other than JSON: {parse_error_body(error.doc, key).message!r}"
        case UnicodeError() | RecursionError():
            content = "unreadable JSON"
        case pydantic.ValidationError():
            content = f"JSON of an unexpected shape: {explain_validation(error, whole='body', limit=1)}"
        case _:
            found = f"the request to {safe_base_url(route)} failed: {clean_message(str(error), key)}"
            return BadRequest(found, "Check the address.")
    advice = f"Check that {safe_base_url(route)} is the address of an OpenAI-compatible endpoint."
    return InvalidResponse(f"{provider_label(route)} returned {content}", advice)


CONNECT_TIMEOUT = 10.0
"""Seconds to connect to a server. The whole call is limited by the request's own timeout."""

STREAM_OPTIONS: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}}


class OpenAIConnection:
    """Connection pool of one address. `stall_after` is in seconds."""

    def __init__(self, base_url: str, stall_after: float, clock: Clock) -> None:
        self._stall_after = stall_after
        self._clock = clock
        timeout = httpx.Timeout(None, connect=CONNECT_TIMEOUT)
        # The key is passed with each call, since models at one address may have different keys.
        self._client = AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0, timeout=timeout)
        if not self._client.base_url.host.endswith("openai.com"):
            # The client reads these from OPENAI_ORG_ID and OPENAI_PROJECT_ID; no other vendor should receive them.
            self._client.organization = self._client.project = None

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def complete(self, request: Request, route: Route, key: str) -> Completion:
        """Request a whole answer.

        Raises:
            ModelError: the call brought no usable response.
        """
        return await self._translate_errors(self._complete(body_of(request, route), key), route, key)

    async def stream(self, request: Request, route: Route, key: str, on_delta: OnDelta | None = None) -> Completion:
        """Request a streamed answer and assemble it; `on_delta` receives each piece of its text.

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
            failure = as_model_error(error, route, key, self._clock.now())
        # Raised here, outside of the handler, it has no context that might quote the key.
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
                return await self._assemble(stream, route, on_delta)
            # The server ignored the request for a stream.
            return read_completion(await stream.response.aread())

    async def _assemble(self, stream: AsyncStream[object], route: Route, on_delta: OnDelta | None) -> Completion:
        answer, reasoning = StreamAccumulator(), ReasoningFilter()
        now, begun = asyncio.get_running_loop().time, False
        try:
            async with asyncio.timeout(None) as stall:
                async for event in stream:
                    begun = True
                    answer.add(event)
                    if answer.has_content:
                        # The stall timer starts with the first piece: before that a model may reason in silence for minutes.
                        stall.reschedule(now() + self._stall_after)
                        if on_delta is not None:
                            on_delta(reasoning.visible(answer.pop_text()))
        except TimeoutError:
            raise TimedOut(
                f"{provider_label(route)} sent nothing for {self._stall_after:g} s in the middle of its answer", TIMEOUT_ADVICE
            ) from None
        except openai.APIError as error:
            # An error event. A connection that was lost raises the errors of httpx instead.
            raise (ErrorBody(error.body, answer_begun=True) if begun else error) from None
        # Without a finish reason an answer that merely stopped would pass for a whole one.
        if answer.finish is None:
            raise ProviderUnavailable(
                f"the stream from {provider_label(route)} ended before the answer was complete", "Wait; it may be back soon."
            )
        return answer.completion()


def _options(key: str) -> RequestOptions:
    return {"headers": {"Authorization": f"Bearer {key}" if key else Omit()}}
