"""Which error of the port a provider's refusal is, told from its status, its code and its words.

Providers agree on little: xAI answers 400 to a wrong key, OpenAI 429 to an empty account, and most say only in prose that a
prompt is too long. So words are looked at first, within the statuses in which they have been seen; the status decides the rest.
"""

from __future__ import annotations

import html
import json
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

MAX_SHOWN = 300
"""Characters of a provider's message that are shown."""

_KEY_LIKE = re.compile(r"\b(?:sk|xai|gsk|pk|key)-[\w*.…-]{6,}|(?<=Bearer )\S+", re.IGNORECASE)
_TAG = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_UNSEEN = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")


class ProviderMessage(NamedTuple):
    """A provider's words, and its own code for the trouble where it gives one."""

    message: str = ""
    code: str = ""


def parse_error_body(body: str, key: str = "") -> ProviderMessage:
    """The message of an error body: JSON in one of the usual shapes, an HTML page or plain text. `key` is taken out of it."""
    said = _read_json(body) or ProviderMessage(_read_page(body))
    return ProviderMessage(clean_message(said.message, key), clean_message(said.code, key))


def clean_message(text: str, key: str = "") -> str:
    """One line of at most `MAX_SHOWN` characters without control characters and without anything that looks like a key."""
    if key:
        text = text.replace(key, "[key]")
    # Bounded before the patterns run: a page of megabytes is nobody's error message.
    line = _UNSEEN.sub(" ", _KEY_LIKE.sub("[key]", text[: MAX_SHOWN * 20])).strip()
    return line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 1] + "…"


def _read_json(body: str) -> ProviderMessage | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list) and value:
        value = value[0]
    return _from_table(value) if isinstance(value, Mapping) else ProviderMessage(str(value))


def _from_table(table: Mapping[str, Any]) -> ProviderMessage:
    """`{"error": {"message", "code", "type"}}` (OpenAI), `{"code", "error"}` (xAI), `{"detail"}` (FastAPI), `{"message"}`."""
    error = table.get("error")
    if isinstance(error, Mapping):
        return _from_table(error)
    message = next((table[name] for name in ("message", "error", "detail") if table.get(name)), table or "")
    code = table.get("code") or table.get("type") or ""
    return ProviderMessage(message if isinstance(message, str) else json.dumps(message), str(code))


def _read_page(body: str) -> str:
    if "<" not in body:
        return body
    start = body[: MAX_SHOWN * 100]
    title = _TITLE.search(start)
    return html.unescape(title.group(1) if title else _TAG.sub(" ", start))


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait as the provider says: `retry-after-ms`, or `retry-after` in seconds or as an HTTP date.

    A date counts from the answer's own `date`, so that a wrong clock on either side does no harm; from `now` (seconds since the
    epoch) where there is none.
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
"""What to do about a provider that does not answer in time."""


NOTABLE_WAIT = 60.0
"""Seconds from which people are told how long a provider asks to wait, beside when the next try is made."""


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
    """The error for an answer with this status. `wait`: seconds until the provider wants to be asked again."""
    return build_error(_error_type(status, f"{said.code} {said.message}"), status, said, route, wait)


def build_error(
    error: type[ModelError], status: int | None, said: ProviderMessage, route: Route, wait: float | None = None
) -> ModelError:
    """An error of this kind, with the provider's words and what the person in charge can do."""
    words = f": {said.message}" if said.message else ""
    answered = f"answered {status}" if status else "refused"
    return error(f"{provider_label(route)} {answered}{words}", f"{_wait_text(wait)}{_advice(error, route)}", wait)


def _wait_text(wait: float | None) -> str:
    """What the provider asks for, where that is long enough to matter to people."""
    return f"It asks to wait {format_duration(wait)}. " if wait is not None and wait >= NOTABLE_WAIT else ""


def _error_type(status: int, words: str) -> type[ModelError]:
    for entry in _BY_PATTERN:
        if status in entry.statuses and entry.pattern.search(words):
            return entry.error
    return _BY_STATUS.get(status) or (Overloaded if status >= 500 else BadRequest)


def _advice(error: type[ModelError], route: Route) -> str:
    return {
        InvalidApiKey: f"Check {key_name(route)}: the key is wrong, withdrawn, or may not use {route.id!r}.",
        InsufficientCredit: f"Add credit to the account of {key_name(route)}, or choose another model.",
        UnknownModel: f"Check the model's name {route.id!r} and the address {safe_base_url(route)}, or choose another model.",
        ContextTooLong: "Give a shorter task, or choose a model with a larger context window.",
        ContentRefused: "Word the task differently, or choose another model: this one's provider does not allow it.",
        BadRequest: f"Choose another model: {route.id!r} does not take this request.",
        RateLimited: "Wait, or choose a model or an account with higher limits.",
    }.get(error, "The trouble is the provider's; wait, or choose another model.")


def provider_label(route: Route) -> str:
    """Who answered, for a message: the provider, or an endpoint of one's own by the name that it was given."""
    return route.name if route.provider == OWN else route.provider


def safe_base_url(route: Route) -> str:
    """The base address without a user's name, password or query that may stand in it."""
    parts = urlsplit(route.base_url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}" if host else route.base_url.rpartition("@")[2]


def key_name(route: Route) -> str:
    """How to name the key to a person: its environment variable, or where one is declared."""
    return route.key_env or f"key_env in [models.{route.name}] of the team file"
