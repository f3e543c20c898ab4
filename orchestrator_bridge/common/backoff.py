"""Exponential backoff: the delay before the next attempt, doubled after each failure."""

from __future__ import annotations

from dataclasses import dataclass

_MAX_DOUBLINGS = 32
"""A count of failures may grow without bound; 2.0 ** 1024 would overflow."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """The delays of one kind of attempt. `first` and `longest` are in seconds. A value: it reads no clock and does not sleep."""

    first: float
    longest: float

    def delay(self, failures: int) -> float:
        """Seconds before the next attempt. `failures` counts the consecutive failures before the last one; 0 gives `first`."""
        return min(self.longest, self.first * 2.0 ** min(failures, _MAX_DOUBLINGS))
