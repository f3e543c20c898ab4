"""Classification of providers' error responses as `ModelError`, by HTTP status, error code and message.

Providers agree on little: xAI answers 400 to a wrong key, OpenAI 429 to an account without credit, and most say only in prose
that a prompt is too long. Therefore message patterns come first, each within the statuses with which it has been seen; the status
alone decides the rest.

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
from orchestrator_bridge.model.errors import (
    BadRequest,
    ContentRefused,
    ContextTooLong,
    InsufficientCredit,
    InvalidApiKey,
    ModelError,
    Overloaded,
    RateLimited,
    TimedOut,
    UnknownModel,
)

_LOG = logging.getLogger(__name__)

MAX_SHOWN = 300
"""Characters of a provider's message that are shown."""

_KEY_LIKE = re.compile(r"\b(?:sk|xai|gsk|pk|key)-[\w*.…-]{6,}|(?<=Bearer )\S+", re.IGNORECASE)
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_INVISIBLE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


class ProviderMessage(NamedTuple):
    """A provider's error message, and its error code or type if it gives one."""

    message: str = ""
    code: str = ""


def parse_error_body(body: str, key: str = "") -> ProviderMessage:
    """Read an error body: JSON in one of the usual shapes, an HTML page or plain text. `key` is redacted."""
    said = _read_json(body) or ProviderMessage(_read_page(body))
    return ProviderMessage(clean_message(said.message, key), clean_message(said.code, key))


def clean_message(text: str, key: str = "") -> str:
    """Reduce a text to one line of `MAX_SHOWN` characters, without control characters and anything that looks like a key."""
    if key:
        text = text.replace(key, "[key]")
    # Cut before the patterns run, since a body may have megabytes.
    line = _INVISIBLE.sub(" ", _KEY_LIKE.sub("[key]", text[: MAX_SHOWN * 20])).strip()
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
    code = body.get("code") or body.get("type") or ""
    return ProviderMessage(message if isinstance(message, str) else json.dumps(message), str(code))


def _read_page(body: str) -> str:
    """Title of an HTML page, or its text without tags."""
    if "<" not in body:
        return body
    start = body[: MAX_SHOWN * 100]
    title = _TITLE.search(start)
    return html.unescape(title.group(1) if title else _TAG.sub(" ", start))


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


class _ErrorPattern(NamedTuple):
    statuses: frozenset[int]
    pattern: re.Pattern[str]
    error: type[ModelError]


def _error_pattern(statuses: set[int], pattern: str, error: type[ModelError]) -> _ErrorPattern:
    return _ErrorPattern(frozenset(statuses), re.compile(pattern, re.IGNORECASE), error)


_BY_PATTERN = (
    _error_pattern(
        {400, 413, 422},
        r"context_length_exceeded|context (length|window)|maximum prompt length|(prompt|input|request) is too long"
        r"|request_too_large|string_above_max_length|too many (input )?tokens",
        ContextTooLong,
    ),
    _error_pattern(
        {400, 403, 422, 451},
        r"content.?(policy|filter|management)|violates? (our |the )?(usage|content|safety)|usage guidelines"
        r"|safety.?(check|system)|responsible.?ai|prohibited.?content|moderation",
        ContentRefused,
    ),
    _error_pattern(
        {400, 402, 403, 429},
        r"insufficient_quota|exceeded your current quota|billing_hard_limit|spending limit"
        r"|insufficient (funds|balance|credits?)|(no|any|out of|more) credits|credit balance is too low",
        InsufficientCredit,
    ),
    _error_pattern(
        {400, 403}, r"model_not_found|model\b.{0,120}\b(does not exist|not exist|not found|decommissioned)", UnknownModel
    ),
    _error_pattern(
        {400}, r"(incorrect|invalid|missing|no) api.?key|api.?key not valid|invalid_api_key|api_key_invalid", InvalidApiKey
    ),
)

_BY_STATUS: dict[int, type[ModelError]] = {
    401: InvalidApiKey,
    402: InsufficientCredit,
    403: InvalidApiKey,
    404: UnknownModel,
    408: TimedOut,
    409: Overloaded,
    410: UnknownModel,
    413: ContextTooLong,
    425: Overloaded,
    429: RateLimited,
    451: ContentRefused,
}


def error_for_status(status: int, said: ProviderMessage, route: Route, wait: float | None = None) -> ModelError:
    """Error for a response with this HTTP status. `wait` is in seconds, as the provider asks."""
    error = _error_type(status, f"{said.code} {said.message}")
    _LOG.info("%s answered HTTP %d for model %s: %s", provider_label(route), status, route.id, error.kind)
    return build_error(error, said, route, wait)


def _error_type(status: int, words: str) -> type[ModelError]:
    # Words count more than the status: providers report an invalid key or a long prompt with a general 400, too.
    for entry in _BY_PATTERN:
        if status in entry.statuses and entry.pattern.search(words):
            return entry.error
    return _BY_STATUS.get(status) or (Overloaded if status >= 500 else BadRequest)


_TEXTS: Mapping[type[ModelError], tuple[str, str]] = {
    InvalidApiKey: (
        "{provider} rejected the API key",
        "Check {key}: the key is wrong, revoked, or has no access to {model!r}.",
    ),
    InsufficientCredit: (
        "the account at {provider} has no credit",
        "Add credit to the account of {key}, or choose another model.",
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
    return error(found, advice, wait)


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
