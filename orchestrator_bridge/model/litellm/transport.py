"""Calls through LiteLLM, and their failures as `ModelError`. Importing this imports LiteLLM: 3 to 5 s, see `client`.

LiteLLM raises OpenAI's exception classes for every provider, with a status that it guesses if there was none, the provider's
headers, and a text in which the provider's own body follows names of LiteLLM's own. So the class decides where LiteLLM knows
better than words, the body is read like any other, and failures without a response are recognised by the text alone.

No error raised here has a cause or context: it could quote the request, and with it the API key.
"""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import litellm
import pydantic
from litellm import exceptions as theirs

from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.errors import (
    BadRequest,
    ConnectionFailed,
    ContentRefused,
    ContextTooLong,
    InvalidResponse,
    ModelError,
    Overloaded,
    ProviderUnavailable,
    TimedOut,
)
from orchestrator_bridge.model.interface import Request
from orchestrator_bridge.model.openai.completion import Completion, ErrorBody, unbroken
from orchestrator_bridge.model.openai.request import body_of
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
from orchestrator_bridge.model.reasoning_marks import ReasoningFilter

_LITELLM_NAMES = re.compile(r"^(?:litellm\.)?(?:\w+(?:Error|Exception|Exceeded)(?: \w+Error)?(?: -|:)\s*)+")
_LITELLM_HINTS = re.compile(r"(?:\.? Handle with `litellm|\. File an issue if|\nTraceback ).*", re.DOTALL)
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
"""Classes in which LiteLLM recognises a provider's message better than our patterns."""


def as_model_error(error: Exception, route: Route, keys: Sequence[str], now: float) -> ModelError:
    """Translate an exception of LiteLLM. `keys` are removed from every text; `now` is in seconds since the epoch."""
    text = str(error)
    # Longest first: a key may be the beginning of another one.
    for key in sorted(filter(None, keys), key=len, reverse=True):
        text = text.replace(key, "[key]")
    if isinstance(error, ErrorBody):
        return _broken_off(error, route)
    known = next((ours for theirs_class, ours in _BY_CLASS.items() if isinstance(error, theirs_class)), None)
    if known is not None:
        return build_error(known, _provider_message(text), route)
    if isinstance(error, theirs.Timeout):
        return TimedOut(f"{provider_label(route)} stopped responding", "Wait, or choose another model.")
    if isinstance(error, pydantic.ValidationError):
        return _invalid_response("an answer of an unknown shape", route)
    return _without_response(text, route) or _with_response(error, text, route, now)


def _broken_off(error: ErrorBody, route: Route) -> ModelError:
    """Error for an answer that an error broke off; the provider may bill it."""
    failure = build_error(Overloaded, parse_error_body(json.dumps({"error": error.body})), route)
    failure.answer_begun = True
    return failure


def _without_response(text: str, route: Route) -> ModelError | None:
    """Error for a call without a readable response of the provider; None if there was one."""
    at = f" at {safe_base_url(route)}" if route.base_url else ""
    if _CONNECTION_FAILED.search(text):
        return ConnectionFailed(
            f"no connection to {provider_label(route)}{at}", "Check the address, and that it can be reached from here."
        )
    if _DISCONNECTED.search(text):
        return ProviderUnavailable(f"the connection to {provider_label(route)} was lost", "Wait; it may be back soon.")
    if _INVALID_RESPONSE.search(text):
        return _invalid_response("something other than JSON", route)
    if "No module named" in text:
        return BadRequest(
            f"a package that {provider_label(route)} needs is not installed: {clean_message(_strip_litellm_names(text))}",
            "Stop the bot, install Townhall again, and start it: `make run` does all three in a checkout.",
        )
    return None


def _with_response(error: Exception, text: str, route: Route, now: float) -> ModelError:
    status = getattr(error, "status_code", None)
    # An error inside a success response of Anthropic has the status 200.
    if isinstance(status, int) and status >= 400:
        return error_for_status(status, _provider_message(text), route, retry_after(_headers(error), now))
    if _TIMED_OUT.search(text):
        return TimedOut(f"{provider_label(route)} stopped responding", "Wait, or choose another model.")
    why = clean_message(_strip_litellm_names(text))
    found = f"the call to {provider_label(route)} failed before it was answered: {type(error).__name__}: {why}"
    return BadRequest(found, f"Check the settings of {provider_label(route)}, or choose another model.")


def _headers(error: Exception) -> Mapping[str, str]:
    headers: Any = getattr(error, "litellm_response_headers", None)
    if not headers:
        headers = getattr(getattr(error, "response", None), "headers", None) or {}
    return {str(name).lower(): str(value) for name, value in dict(headers).items()}


def _provider_message(text: str) -> ProviderMessage:
    """The provider's message: its JSON body if the text contains one, else the text without LiteLLM's names."""
    start = text.find("{")
    if start >= 0:
        try:
            body, _ = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            pass
        else:
            return parse_error_body(json.dumps(body))
    return parse_error_body(_strip_litellm_names(text))


def _strip_litellm_names(text: str) -> str:
    return _LITELLM_HINTS.sub("", _LITELLM_NAMES.sub("", text)).strip()


def _invalid_response(content: str, route: Route) -> InvalidResponse:
    return InvalidResponse(f"{provider_label(route)} returned {content}", "Wait; if it happens again, choose another model.")


NOISE = (
    r"Items? .* on TypedDict class .* using the `ReadOnly` qualifier",
    r"coroutine .*acompletion_dispatch. was never awaited",
)
"""Warnings about LiteLLM's own types at the first call of some providers, and about its coroutines when a call is cancelled."""

LOGGERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy")


def configure(litellm: Any) -> None:
    """Reduce the imported module to a plain client: no downloads, retries, telemetry, callbacks or logs of its own."""
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.turn_off_message_logging = True
    litellm.disable_streaming_logging = True
    litellm.num_retries = 0
    litellm.drop_params = False
    # Lets it adapt conversations to a provider's rules, such as Bedrock's: tools must accompany earlier tool calls.
    litellm.modify_params = True
    for callbacks in (litellm.callbacks, litellm.success_callback, litellm.failure_callback):
        callbacks.clear()
    for pattern in NOISE:
        warnings.filterwarnings("ignore", pattern)
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.disabled = True


configure(litellm)


async def complete(
    request: Request,
    route: Route,
    credentials: Mapping[str, str],
    clock: Clock,
    on_chunk: Callable[[str | None], None] | None = None,
) -> Completion:
    """Make one call. `credentials` are LiteLLM's authentication parameters. With `on_chunk` (`client.OnChunk`) it is streamed.

    Raises:
        ModelError: the call brought no usable response.
    """
    try:
        arguments = {**body_of(request, route), "model": route.litellm_model, **credentials, "timeout": request.timeout}
        arguments |= {"max_retries": 0, "num_retries": 0}
        # LiteLLM sends the key to Mistral's own address only, and refuses it for another one that is set for this provider.
        if "prompt_cache_key" in arguments:
            arguments["allowed_openai_params"] = ["prompt_cache_key"]
        if route.base_url:
            arguments.setdefault("api_base", route.base_url)
        response = await (_stream(arguments, on_chunk) if on_chunk else litellm.acompletion(**arguments))
        return unbroken(Completion.model_validate(response.model_dump(warnings=False)))
    except Exception as error:
        # Besides its own exceptions LiteLLM lets through those of all the libraries that it uses.
        failure = as_model_error(error, route, tuple(credentials.values()), clock.now())
    # Raised here, outside of the handler, it has no context that might quote a key.
    raise failure


async def _stream(arguments: dict[str, Any], on_chunk: Callable[[str | None], None]) -> Any:
    """Stream an answer, and let LiteLLM assemble it."""
    chunks, reasoning = [], ReasoningFilter()
    stream: Any = await litellm.acompletion(**arguments, stream=True, stream_options={"include_usage": True})
    async for chunk in stream:
        chunks.append(chunk)
        begun = any(choice.delta.content or choice.delta.tool_calls for choice in chunk.choices)
        text = "".join(choice.delta.content or "" for choice in chunk.choices[:1])
        on_chunk(reasoning.visible(text) if begun else None)
    return litellm.stream_chunk_builder(chunks, messages=arguments["messages"])


async def warm_up() -> None:
    """Make a mock call: LiteLLM loads much of itself, and its tokenizer, only at the first call."""
    await litellm.acompletion(model="openai/none", messages=[{"role": "user", "content": "."}], mock_response=".")
