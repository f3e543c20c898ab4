"""The failures of the `openai` client as errors of the port. Importing this module imports `openai`: about a second.

No error raised from here carries its cause along: a cause may quote the request, and with it the key.
"""

from __future__ import annotations

import errno
import json
import socket
import ssl
from collections.abc import Iterator

import httpx
import openai
import pydantic

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.error_text import clean_message, parse_error_body, retry_after
from orchestrator_bridge.model.errors import (
    BadRequest,
    ConnectionFailed,
    InvalidResponse,
    ModelError,
    ProviderUnavailable,
    TimedOut,
)
from orchestrator_bridge.model.openai_wire import ErrorBody
from orchestrator_bridge.model.refusals import error_for_status, provider_label, safe_base_url

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
            return _invalid_response(f"JSON of another shape than expected: {_validation_text(error)}", route)
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


def _validation_text(error: pydantic.ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'body'}: {first['msg']}"


def _down_advice(route: Route) -> str:
    return f"Check that {safe_base_url(route)} is the right address and that it can be reached from here."


def _invalid_response(what: str, route: Route) -> InvalidResponse:
    advice = f"Check that {safe_base_url(route)} is the address of an OpenAI-compatible endpoint."
    return InvalidResponse(f"{provider_label(route)} answered with {what}", advice)
