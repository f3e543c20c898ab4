"""LiteLLM's exceptions as errors of the port.

It raises OpenAI's classes for every provider, with a status that it guesses where there was none, the provider's headers beside
it, and a text in which the provider's own body stands behind names of its own. So the class tells what LiteLLM knows better than
words, the body is read as any other, and what never reached the provider is told by the text alone. No error raised from here
carries its cause along: a cause may quote the request, and with it the key.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import litellm
import pydantic
from litellm import exceptions as theirs

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.errors import (
    BadRequest,
    ConnectionFailed,
    ContentRefused,
    ContextTooLong,
    InvalidResponse,
    ModelError,
    ProviderUnavailable,
    TimedOut,
)
from orchestrator_bridge.model.interface import OnDelta, Request
from orchestrator_bridge.model.openai.wire import Completion, body_of
from orchestrator_bridge.model.provider_errors import (
    ProviderMessage,
    build_error,
    clean_message,
    error_for_status,
    parse_error_body,
    provider_label,
    retry_after,
    safe_base_url,
)

_NAMES = re.compile(r"^(?:litellm\.)?(?:\w+(?:Error|Exception|Exceeded)(?: \w+Error)?(?: -|:)\s*)+")
_TAIL = re.compile(r"(?:\.? Handle with `litellm|\. File an issue if|\nTraceback ).*", re.DOTALL)
_CONNECTION_FAILED = re.compile(r"cannot connect|connect call failed|connection error|name or service not known", re.IGNORECASE)
_DISCONNECTED = re.compile(r"server disconnected|connection reset|response payload|peer closed|incomplete", re.IGNORECASE)
_INVALID_RESPONSE = re.compile(
    r"expecting value|get json response|valid response block|unterminated string|jsondecode", re.IGNORECASE
)
_TIMED_OUT = re.compile(r"timed? ?out", re.IGNORECASE)

_BY_CLASS: Mapping[type[Exception], type[ModelError]] = {
    theirs.ContextWindowExceededError: ContextTooLong,
    theirs.ContentPolicyViolationError: ContentRefused,
}
"""What LiteLLM tells from a provider's words better than we do."""


def as_model_error(error: Exception, route: Route, keys: Sequence[str], now: float) -> ModelError:
    """The error of the port. `keys` are taken out of every text; `now` is in seconds since the epoch."""
    text = _without_keys(str(error), keys)
    known = next((ours for kind, ours in _BY_CLASS.items() if isinstance(error, kind)), None)
    if known is not None:
        return build_error(known, _status(error), _provider_message(text), route)
    if isinstance(error, theirs.Timeout):
        return TimedOut(f"{provider_label(route)} fell silent", "Wait, or choose another model.")
    if isinstance(error, pydantic.ValidationError):
        return _invalid_response("a shape that is not known", route)
    return _without_response(text, route) or _with_response(error, text, route, now)


def _without_response(text: str, route: Route) -> ModelError | None:
    """The error where no readable answer of the provider lies behind it."""
    at = f" at {safe_base_url(route)}" if route.base_url else ""
    if _CONNECTION_FAILED.search(text):
        return ConnectionFailed(
            f"no connection to {provider_label(route)}{at}", "Check the address, and that it can be reached from here."
        )
    if _DISCONNECTED.search(text):
        return ProviderUnavailable(f"the connection to {provider_label(route)} was cut", "Wait; it may be back soon.")
    if _INVALID_RESPONSE.search(text):
        return _invalid_response("something else than JSON", route)
    if "No module named" in text:
        return BadRequest(
            f"a package that {provider_label(route)} needs is not installed: {clean_message(_strip_litellm_names(text))}",
            "Start with `make run`, which installs what belongs to Townhall.",
        )
    return None


def _with_response(error: Exception, text: str, route: Route, now: float) -> ModelError:
    status = _status(error)
    if status is None:
        if _TIMED_OUT.search(text):
            return TimedOut(f"{provider_label(route)} fell silent", "Wait, or choose another model.")
        why = clean_message(_strip_litellm_names(text))
        found = f"the call to {provider_label(route)} failed before it was answered: {type(error).__name__}: {why}"
        return BadRequest(found, f"Check the settings of {provider_label(route)}, or choose another model.")
    return error_for_status(status, _provider_message(text), route, retry_after(_headers(error), now))


def _status(error: Exception) -> int | None:
    """The status of the answer; an error of an Anthropic body that came with a success has none of its own."""
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) and status >= 400 else None


def _headers(error: Exception) -> Mapping[str, str]:
    headers: Any = getattr(error, "litellm_response_headers", None)
    if not headers:
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
    return {str(name).lower(): str(value) for name, value in dict(headers).items()}


def _provider_message(text: str) -> ProviderMessage:
    """The provider's words: its JSON body where the text holds one, else what is left without LiteLLM's names."""
    start = text.find("{")
    if start >= 0:
        try:
            body, _ = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            pass
        else:
            return parse_error_body(json.dumps(body))
    return ProviderMessage(clean_message(_strip_litellm_names(text)))


def _strip_litellm_names(text: str) -> str:
    return _TAIL.sub("", _NAMES.sub("", text)).strip()


def _without_keys(text: str, keys: Sequence[str]) -> str:
    for key in sorted(filter(None, keys), key=len, reverse=True):
        text = text.replace(key, "[key]")
    return text


def _invalid_response(what: str, route: Route) -> InvalidResponse:
    return InvalidResponse(f"{provider_label(route)} answered with {what}", "Wait; if it stays so, choose another model.")


LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")


def configure(litellm: Any) -> None:
    """Make the imported module a plain client."""
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.num_retries = 0
    litellm.drop_params = False
    # Lets it bend conversations into the shape that a provider insists on, such as Bedrock's tools beside old tool calls.
    litellm.modify_params = True
    for callbacks in (litellm.callbacks, litellm.success_callback, litellm.failure_callback):
        callbacks.clear()
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.disabled = True


# One call through LiteLLM. Importing this module imports LiteLLM: 3 to 5 s, so nothing does that but `litellm_client`, aside.
#
# LiteLLM is told to be a plain client: what it would read over the network comes with its package, it retries nothing, tells
# nobody
# of calls, and writes no log. Its settings are read while it is imported, so they are made before.


configure(litellm)


async def complete(
    request: Request,
    route: Route,
    credentials: Mapping[str, str],
    clock: Callable[[], float],
    on_delta: OnDelta | None = None,
) -> Completion:
    """The answer. `credentials`: by the names of LiteLLM's parameters; `clock` tells seconds since the epoch.

    With `on_delta` it is streamed, and every piece of its text told.

    Raises:
        ModelError: the call brought no usable response.
    """
    try:
        arguments = _arguments(request, route, credentials)
        response = await (_stream(arguments, on_delta) if on_delta else litellm.acompletion(**arguments))
        return Completion.model_validate(response.model_dump(warnings=False))
    except Exception as error:
        # Besides its own exceptions LiteLLM lets through those of all the libraries that it uses.
        failure = as_model_error(error, route, tuple(credentials.values()), clock())
    # Raised out here it carries no cause along, and so nothing that might quote a key.
    raise failure


async def _stream(arguments: dict[str, Any], on_delta: OnDelta) -> Any:
    """An answer put together from its stream by LiteLLM."""
    chunks = []
    stream: Any = await litellm.acompletion(**arguments, stream=True, stream_options={"include_usage": True})
    async for chunk in stream:
        chunks.append(chunk)
        if any(choice.delta.content or choice.delta.tool_calls for choice in chunk.choices):
            on_delta("".join(choice.delta.content or "" for choice in chunk.choices[:1]))
    return litellm.stream_chunk_builder(chunks, messages=arguments["messages"])


async def warm_up() -> None:
    """Make a call that goes nowhere: much of LiteLLM, and its tokenizer, is loaded only by the first one."""
    await litellm.acompletion(model="openai/none", messages=[{"role": "user", "content": "."}], mock_response=".")


def _arguments(request: Request, route: Route, credentials: Mapping[str, str]) -> dict[str, Any]:
    body = {**body_of(request, route), "model": route.litellm_model}
    where = {"api_base": route.base_url} if route.base_url else {}
    return {**body, **where, **credentials, "timeout": request.timeout, "max_retries": 0, "num_retries": 0}
