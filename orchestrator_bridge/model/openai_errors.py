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
from orchestrator_bridge.model.error_text import clean, read_error, retry_after
from orchestrator_bridge.model.errors import (
    BadRequest,
    Down,
    Garbled,
    ModelError,
    TimedOut,
    Unreached,
)
from orchestrator_bridge.model.openai_wire import RefusedInside
from orchestrator_bridge.model.refusals import address, place, refusal

CAUGHT = (
    openai.OpenAIError,
    httpx.HTTPError,
    httpx.StreamError,
    json.JSONDecodeError,
    UnicodeError,
    RecursionError,
    pydantic.ValidationError,
    RefusedInside,
)
"""Everything that a call through the client is known to raise."""


def as_model_error(error: Exception, route: Route, key: str, now: float) -> ModelError:
    """The error of the port for one of `CAUGHT`. `now` is in seconds since the epoch."""
    match error:
        case openai.APIStatusError():
            wait = retry_after(error.response.headers, now)
            return refusal(error.status_code, read_error(error.response.text, key), route, wait)
        case openai.APITimeoutError() | httpx.TimeoutException():
            return _silent(error, route)
        case openai.APIConnectionError() | httpx.HTTPError():
            return _unreachable(error, route, key)
        case openai.APIError() | RefusedInside():
            return _inside(error.body, route, key)
        case _:
            return _unread(error, route, key)


def _unread(error: Exception, route: Route, key: str) -> ModelError:
    match error:
        case json.JSONDecodeError():
            return _garbled(f"something else than JSON: {read_error(error.doc, key).message!r}", route)
        case UnicodeError() | RecursionError():
            return _garbled("JSON that cannot be read", route)
        case pydantic.ValidationError():
            return _garbled(f"JSON of another shape than expected: {_shape(error)}", route)
        case _:
            return BadRequest(f"the request to {address(route)} failed: {clean(str(error), key)}", "Check the address.")


def _inside(error: object, route: Route, key: str) -> ModelError:
    """The error for `{"error": …}` that came with a status of success, as gateways and streams send it."""
    said = read_error(json.dumps({"error": error}), key)
    status = int(said.code) if said.code.isdecimal() and len(said.code) == 3 else 500
    return refusal(status, said, route)


def _silent(error: Exception, route: Route) -> ModelError:
    if any(isinstance(cause, httpx.ConnectTimeout) for cause in _causes(error)):
        return Unreached(f"no connection to {address(route)} in time", _down_advice(route))
    return TimedOut(f"{place(route)} fell silent", "Wait, or choose another model.")


def _unreachable(error: Exception, route: Route, key: str) -> ModelError:
    causes = list(_causes(error))
    if any(isinstance(cause, httpx.UnsupportedProtocol | httpx.LocalProtocolError) for cause in causes):
        return BadRequest(f"{address(route)} cannot be called: {clean(str(causes[-1]), key)}", "Write the address as https://….")
    if any(isinstance(cause, httpx.ConnectError) for cause in causes):
        return Unreached(f"no connection to {address(route)}: {_why(causes, key)}", _down_advice(route))
    return Down(f"the connection to {place(route)} was cut: {clean(str(causes[-1]), key)}", "Wait; it may be back soon.")


def _why(causes: list[BaseException], key: str) -> str:
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed ({clean(str(cause), key)})"
        if isinstance(cause, socket.gaierror):
            return "the host's name cannot be resolved"
        if isinstance(cause, OSError) and cause.errno == errno.ECONNREFUSED:
            return "connection refused"
    return clean(str(causes[-1]), key)


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


def _shape(error: pydantic.ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'body'}: {first['msg']}"


def _down_advice(route: Route) -> str:
    return f"Check that {address(route)} is the right address and that it can be reached from here."


def _garbled(what: str, route: Route) -> Garbled:
    advice = f"Check that {address(route)} is the address of an OpenAI-compatible endpoint."
    return Garbled(f"{place(route)} answered with {what}", advice)
