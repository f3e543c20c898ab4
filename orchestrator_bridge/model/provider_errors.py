"""Providers' error responses as `ModelError`: the body is read, classified by `error_patterns`, and put into plain words.

The texts are shown in channels, so they name no HTTP status; that goes to the log, for the operator.
"""

from __future__ import annotations

import html
import json
import logging
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.model.catalogue import OWN, Route
from orchestrator_bridge.model.error_patterns import error_type, stated_window
from orchestrator_bridge.model.errors import (
    BadRequest,
    ContentRefused,
    ContextTooLong,
    FormatRefused,
    InsufficientCredit,
    InvalidApiKey,
    ModelError,
    Overloaded,
    ProxyRefused,
    RateLimited,
    RegionBlocked,
    RolesRefused,
    TimedOut,
    ToolsRefused,
    UnknownModel,
    WrongAddress,
)

_LOG = logging.getLogger(__name__)

MAX_SHOWN = 300
"""Characters of a provider's message that are shown."""

_KEY_LIKE = re.compile(r"\b(?:sk|xai|gsk|pk|key)-[\w*.…-]{6,}|(?<=Bearer )\S+", re.IGNORECASE)
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_PAGE = re.compile(r"<!doctype html|<html|<head|<body|<title", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_INVISIBLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


MAX_READ = MAX_SHOWN * 20
"""Characters of a provider's message that are read: a body may have megabytes."""


class ProviderMessage(NamedTuple):
    """A provider's error message, and its error code or type if it gives one.

    `words` are all that classifies the error, uncut and never shown. `wait` is in seconds, None if the body names none.
    """

    message: str = ""
    code: str = ""
    words: str = ""
    wait: float | None = None
    is_page: bool = False


def parse_error_body(body: str, key: str = "") -> ProviderMessage:
    """Read an error body: JSON in one of the usual shapes, an HTML page or plain text. `key` is redacted."""
    said = _read_json(body) or _read_page(body)
    words = (said.words or said.message)[:MAX_READ]
    return said._replace(
        message=clean_message(said.message, key), code=clean_message(said.code, key), words=words, wait=_stated_wait(words)
    )


def clean_message(text: str, key: str = "") -> str:
    """Reduce a text to one line of `MAX_SHOWN` characters, without control characters and anything that looks like a key."""
    if key:
        text = text.replace(key, "[key]")
    line = _INVISIBLE.sub(" ", _KEY_LIKE.sub("[key]", text[:MAX_READ])).strip()
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 1] + "…"


def _read_json(body: str) -> ProviderMessage | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and value:
        value = value[0]
    return _from_object(value) if isinstance(value, Mapping) else ProviderMessage(str(value))


def _from_object(body: Mapping[str, Any]) -> ProviderMessage:
    """`{"error": {"message", "code", "type"}}` (OpenAI), `{"code", "error"}` (xAI), `{"detail"}` (FastAPI), `{"message"}`."""
    error = body.get("error")
    if isinstance(error, Mapping):
        return _from_object(error)
    message = next((body[name] for name in ("message", "error", "detail") if body.get(name)), body or "")
    text = message if isinstance(message, str) else json.dumps(message)
    upstream = _upstream_message(body.get("metadata"))
    if upstream is not None:
        text = f"{text}: {upstream.message}"
    codes = [str(body[name]) for name in ("code", "type", "status") if body.get(name)]
    # Google's interfaces state limits and waits beside the message (google.rpc.QuotaFailure, RetryInfo), llama.cpp its window.
    details = json.dumps(body["details"]) if body.get("details") else ""
    words = " ".join((*codes[1:], text, upstream.words if upstream else "", details))
    return ProviderMessage(text, codes[0] if codes else "", words.strip())


def _upstream_message(metadata: object) -> ProviderMessage | None:
    """The error of the host behind OpenRouter (openrouter.ai/docs, "Errors"): its own body and its name; None without one."""
    if not isinstance(metadata, Mapping) or not metadata.get("raw"):
        return None
    raw, name = metadata["raw"], metadata.get("provider_name")
    said = parse_error_body(raw if isinstance(raw, str) else json.dumps(raw))
    return said._replace(message=f"{name}: {said.message}") if isinstance(name, str) else said


def _read_page(body: str) -> ProviderMessage:
    """Title of an HTML page, or its text without tags; a body without tags is the message itself."""
    start = body[: MAX_SHOWN * 100]
    if not _TAG.search(start):
        return ProviderMessage(body)
    title = _TITLE.search(start)
    text = html.unescape(title.group(1) if title else _TAG.sub(" ", start))
    return ProviderMessage(text, is_page=_PAGE.search(start) is not None)


_STATED_WAIT = re.compile(
    r"(?:retry|try again) in (?:(?P<minutes>\d+)m(?!s))?(?:(?P<number>\d+(?:\.\d+)?) ?(?P<unit>ms|s))?"
    r"|\"retryDelay\": ?\"(?P<delay>\d+(?:\.\d+)?)s\"",
    re.IGNORECASE,
)


def _stated_wait(words: str) -> float | None:
    """Seconds that a message asks to wait: `Please retry in 38.4s` (Gemini), `try again in 1m26.4s` or `120ms` (OpenAI, Groq)."""
    found = _STATED_WAIT.search(words)
    if found is None:
        return None
    if found["delay"]:
        return float(found["delay"])
    if not (found["minutes"] or found["number"]):
        return None
    seconds = float(found["number"] or 0) / (1000 if found["unit"] == "ms" else 1)
    return seconds + 60 * int(found["minutes"] or 0)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that the provider asks to wait: `retry-after-ms`, or `retry-after` in seconds or as an HTTP date.

    A date counts from the response's own `date` header, so that a wrong clock on either side does not matter; without that header
    it counts from `now` (seconds since the epoch).
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None:
        return seconds
    until = _date(value)
    if until is None:
        return None
    sent = _date(headers.get("date")) or datetime.fromtimestamp(now, UTC)
    return max(0.0, (until - sent).total_seconds())


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None


def _date(value: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(value or "")
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


TIMEOUT_ADVICE = "Wait, choose a faster model, or allow more time (call_timeout in the team's bounds)."

NOTABLE_WAIT = 60.0
"""Seconds from which a message states how long the provider asks to wait. Shorter waits are covered by the time of the retry."""


def error_for_status(status: int, said: ProviderMessage, route: Route, wait: float | None = None) -> ModelError:
    """Error for a response with this HTTP status. `wait` is in seconds, as the provider asks."""
    error = error_type(status, f"{said.code} {said.words or said.message}", is_page=said.is_page)
    _LOG.info("%s answered HTTP %d for model %s: %s", provider_label(route), status, route.id, error.kind)
    return build_error(error, said, route, said.wait if wait is None else wait)


_TEXTS: Mapping[type[ModelError], tuple[str, str]] = {
    InvalidApiKey: (
        "{provider} rejected the API key",
        "Check {key}: the key is wrong, revoked, or has no access to {model!r}.",
    ),
    InsufficientCredit: (
        "the account at {provider} has no credit, or has reached its spending limit",
        "Add credit to the account of {key} or raise its limit, or choose another model.",
    ),
    UnknownModel: (
        "{provider} does not serve {model!r}",
        "Check the model's name {model!r} and the address {address}, or choose another model.",
    ),
    ContextTooLong: (
        "the prompt is too long for {model!r} at {provider}",
        "Give a shorter task, or choose a model with a larger context window.",
    ),
    ContentRefused: (
        "{provider} refused the content",
        "Reword the task, or choose another model: this model's provider does not allow it.",
    ),
    BadRequest: (
        "{provider} rejected the request",
        "Choose another model: {model!r} does not accept this request.",
    ),
    ToolsRefused: (
        "{provider} takes no tools for {model!r}",
        "Choose a model that supports tools, or start the server with its parser of tool calls.",
    ),
    FormatRefused: (
        "{provider} cannot make {model!r} answer in JSON",
        "Choose a model that supports tools.",
    ),
    RolesRefused: (
        "{provider} does not take the order of the messages for {model!r}",
        "Choose another model, or start the server with another chat template.",
    ),
    RegionBlocked: (
        "{provider} does not serve the region or network of this computer",
        "Choose a model of another provider, or run the bot where {provider} is available.",
    ),
    ProxyRefused: (
        "a proxy or firewall answered instead of {provider}",
        "Check the network between this computer and {address}: HTTPS_PROXY, HTTP_PROXY and NO_PROXY, or a sign-in page.",
    ),
    WrongAddress: (
        "{provider} has no chat completions at {address}",
        "Check base_url: the address of most servers ends in /v1.",
    ),
    RateLimited: (
        "the rate limit at {provider} is reached",
        "Wait, or choose a model or an account with higher limits.",
    ),
    TimedOut: ("{provider} timed out", "Wait, or choose another model."),
    Overloaded: (
        "{provider} is overloaded or failing",
        "The fault is at the provider. Wait, or choose another model.",
    ),
}
"""Event and advice to an operator, for every class that a response can mean."""


def build_error(error: type[ModelError], said: ProviderMessage, route: Route, wait: float | None = None) -> ModelError:
    """Error of a class in `_TEXTS`, with the provider's own message and advice for an operator. `wait` is in seconds."""
    names = {"provider": provider_label(route), "model": route.id, "key": key_name(route), "address": safe_base_url(route)}
    found, advice = (text.format(**names) for text in _TEXTS[error])
    if said.message:
        found = f"{found}: {said.message}"
    if wait is not None and wait >= NOTABLE_WAIT:
        advice = f"It asks to wait {format_duration(wait)}. {advice}"
    failure = error(found, advice, wait)
    if isinstance(failure, ContextTooLong):
        failure.window = stated_window(said.words or said.message)
    return failure


def provider_label(route: Route) -> str:
    """Name of the provider for a message; for an endpoint of the team file's own, its name there."""
    return route.name if route.provider == OWN else route.provider


def safe_base_url(route: Route) -> str:
    """The base address without credentials and query."""
    parts = urlsplit(route.base_url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if host else route.base_url.rpartition("@")[2]


def key_name(route: Route) -> str:
    """Name of the API key for a message: its environment variable, or the setting that would name one."""
    return route.key_env or f"key_env in [models.{route.name}] of the team file"
