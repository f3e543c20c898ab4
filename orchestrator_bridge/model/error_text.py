"""What a provider's error body says, in one short line without secrets, whatever shape the body has."""

from __future__ import annotations

import html
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

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
