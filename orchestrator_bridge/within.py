"""Numbers between two bounds, refused with both: who mistypes one end wants to know the whole range."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from pydantic import AfterValidator

from orchestrator_bridge.duration import say_duration

_Number = TypeVar("_Number", int, float, Decimal)


def bounded(least: float, most: float) -> AfterValidator:
    """For a number of whatever kind."""
    return _checked(least, most, lambda number: f"{number:,}")


def bounded_duration(least: float, most: float) -> AfterValidator:
    """For a duration, in seconds."""
    return _checked(least, most, say_duration)


def _checked(least: float, most: float, say: Callable[[Any], str]) -> AfterValidator:
    def check(found: _Number) -> _Number:
        if not least <= found <= most:
            raise ValueError(f"{_cut(say(found))}; expected {say(least)} to {say(most)}")
        return found

    return AfterValidator(check)


def _cut(text: str) -> str:
    """A number with more digits than anybody reads is cut."""
    return text if len(text) <= 40 else f"{text[:40]}… ({len(text):,} characters)"
