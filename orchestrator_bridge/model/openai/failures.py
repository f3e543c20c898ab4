"""Failed calls of OpenAI-compatible endpoints as `ModelError`.

No error made here has a cause or context: it could quote the request, and with it the API key.
"""

from __future__ import annotations

import errno
import json

import aiohttp
import pydantic

from orchestrator_bridge.common.validation import explain_validation
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
    Transient,
)
from orchestrator_bridge.model.openai.completion import ErrorBody
from orchestrator_bridge.model.provider_errors import (
    ProviderMessage,
    build_error,
    clean_message,
    error_for_status,
    parse_error_body,
    provider_label,
    safe_base_url,
)

CALL_ERRORS = (
    aiohttp.ClientError,
    OSError,
    ValueError,
    RecursionError,
    pydantic.ValidationError,
    ErrorBody,
)
"""All exceptions that a call is known to raise, beside `ModelError`."""


def as_model_error(error: Exception, route: Route, key: str) -> ModelError:
    """Translate one of `CALL_ERRORS`. `key` is removed from every text."""
    match error:
        case ErrorBody():
            return _stated_error(error, route, key)
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return BadRequest(f"{safe_base_url(route)} cannot be called: it is no web address", "Write the address as https://….")
        case aiohttp.ClientError() | OSError():
            return _connection_error(error, route, key)
        case _:
            return _invalid_response(error, route, key)


def _stated_error(error: ErrorBody, route: Route, key: str) -> ModelError:
    """Error for `{"error": ...}` with a success status, as gateways and streams send it."""
    said = parse_error_body(json.dumps({"error": error.body}), key)
    status = int(said.code) if said.code.isdecimal() and len(said.code) == 3 else 500
    failure = error_for_status(status, said, route)
    return _broken_off(failure, said, route) if error.answer_begun else failure


def _broken_off(failure: ModelError, said: ProviderMessage, route: Route) -> ModelError:
    """Error for an answer that an error broke off. It is tried again unless the reason will last."""
    # The provider had accepted the request, so a status such as 400 or 404 is not about the request.
    if not isinstance(failure, Transient | ContentRefused | ContextTooLong | InsufficientCredit):
        failure = build_error(Overloaded, said, route)
    failure.answer_begun = True
    return failure


def _connection_error(error: aiohttp.ClientError | OSError, route: Route, key: str) -> ModelError:
    """Error for a connection that was not made or was lost."""
    address = safe_base_url(route)
    reachable = f"Check that {address} is the right address and that it can be reached from here."
    match error:
        case aiohttp.ConnectionTimeoutError():
            return ConnectionFailed(f"no connection to {address} in time", reachable)
        case aiohttp.ClientHttpProxyError():
            found = f"the proxy refused to connect to {address}: {clean_message(error.message, key)}"
            return ConnectionFailed(found, f"Check HTTPS_PROXY, or put {route.base_url.split('/')[2]} into NO_PROXY.")
        case aiohttp.ClientProxyConnectionError():
            found = f"no connection to the proxy {error.host}:{error.port}: {_reason(error, key)}"
            return ConnectionFailed(found, "Check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY.")
        case aiohttp.ClientConnectorError() | aiohttp.ClientConnectorCertificateError():
            return ConnectionFailed(f"no connection to {address}: {_reason(error, key)}", reachable)
        case _:
            last = clean_message(str(error), key) or type(error).__name__
            return ProviderUnavailable(
                f"the connection to {provider_label(route)} was lost: {last}", "Wait; it may be back soon."
            )


def _reason(error: aiohttp.ClientConnectorError | aiohttp.ClientConnectorCertificateError, key: str) -> str:
    """Name the cause of a failed connection."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "the host's name cannot be resolved"
        case aiohttp.ClientConnectorCertificateError():
            return f"TLS failed ({clean_message(str(error.certificate_error), key)})"
        case aiohttp.ClientSSLError():
            return f"TLS failed ({clean_message(str(error.os_error), key)})"
        case _:
            refused = error.os_error.errno == errno.ECONNREFUSED
            return "connection refused" if refused else clean_message(str(error.os_error), key)


def _invalid_response(error: Exception, route: Route, key: str) -> ModelError:
    """Error for a success response that cannot be read, or for a request that could not be sent."""
    match error:
        case pydantic.ValidationError():
            content = f"JSON of an unexpected shape: {explain_validation(error, whole='body', limit=1)}"
        case json.JSONDecodeError():
            content = f"something other than JSON: {parse_error_body(error.doc, key).message!r}"
        case UnicodeError() | RecursionError():
            content = "unreadable JSON"
        case _:
            found = f"the request to {safe_base_url(route)} failed: {clean_message(str(error), key)}"
            return BadRequest(found, "Check the address.")
    advice = f"Check that {safe_base_url(route)} is the address of an OpenAI-compatible endpoint."
    return InvalidResponse(f"{provider_label(route)} returned {content}", advice)
