"""Durations as people write them (`90`, `"90s"`, `"10m"`, `"1h 30m"`, `"2d"`) and as seconds, and numbers within bounds."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BeforeValidator

from orchestrator_bridge.common.text import shorten

_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)\s*", re.IGNORECASE)


def parse_duration(value: Any) -> float:
    """Convert a number of seconds, or a text such as `1h 30m`, to seconds.

    Raises:
        ValueError: the value is negative, infinite or not a duration; the message says what is expected.
    """
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    found = shorten(repr(value), 60)
    try:
        seconds = float(value) if is_number else _parse_text(str(value).strip())
    except OverflowError:
        seconds = float("inf")
    if seconds < 0:
        raise ValueError(f"{found} is negative; expected 0 or more: seconds, or a text such as '10m'")
    if not seconds < float("inf"):  # also false for NaN
        raise ValueError(f"{found} is infinite; expected seconds or a text such as '10m'")
    return seconds


def _parse_text(text: str) -> float:
    if text.startswith("-"):
        return -_parse_text(text[1:].lstrip())
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text):
        found = shorten(repr(text), 60)
        raise ValueError(f"{found} is not a duration; expected seconds or a text such as '90s', '10m', '1h 30m' or '2d'")
    return sum(float(number) * _SECONDS[unit.lower()] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """Format a duration in at most two units: `45 s`, `10 min`, `1 h 30 min`, `2 d`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = round(whole / 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if number]
    return " ".join(parts[:2])


Duration = Annotated[float, BeforeValidator(parse_duration)]
"""Seconds; a configuration file may also write a text such as `10m`."""

_Number = TypeVar("_Number", int, float, Decimal)


def bounded(least: float | Decimal, most: float) -> AfterValidator:
    """Limit a number to `least` to `most`, both included. For money `least` is a Decimal: the float 0.01 is above one cent."""
    return _within_bounds(least, most, lambda number: f"{number:,}")


def bounded_duration(least: float, most: float) -> AfterValidator:
    """Limit a duration to `least` to `most` seconds, both included."""
    return _within_bounds(least, most, format_duration)


def _within_bounds(least: float | Decimal, most: float, written: Callable[[Any], str]) -> AfterValidator:
    def check(found: _Number) -> _Number:
        if not least <= found <= most:
            text = written(found)
            shown = text if len(text) <= 40 else f"{text[:40]}… ({len(text):,} characters)"
            raise ValueError(f"{shown}; expected {written(least)} to {written(most)}")
        return found

    return AfterValidator(check)
