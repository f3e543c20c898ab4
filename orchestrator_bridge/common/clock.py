"""The clock that everything else is given: seconds since the epoch, and callbacks at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

LONGEST_NAP = 3600.0
"""Seconds after which a waiting timer looks at the clock again: the machine may have slept, or its clock been set."""


class Alarm(Protocol):
    """A callback to come."""

    def cancel(self) -> None:
        """It will not come."""
        ...


class Clock(Protocol):
    """What time it is, and waking at a time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call back when the clock has reached `when`, or soon after, on the running event loop."""
        ...


class _Nap:
    def __init__(self, clock: SystemClock, when: float, callback: Callable[[], None]) -> None:
        self._clock, self._when, self._callback = clock, when, callback
        self._loop = asyncio.get_running_loop()
        self._handle = self._again()

    def _again(self) -> asyncio.TimerHandle:
        left = max(0.0, self._when - self._clock.now())
        return self._loop.call_later(min(left, LONGEST_NAP), self._look)

    def _look(self) -> None:
        if self._clock.now() >= self._when:
            self._callback()
        else:
            self._handle = self._again()

    def cancel(self) -> None:
        self._handle.cancel()


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call back at a time, on the running event loop."""
        return _Nap(self, when, callback)


async def sleep_until(clock: Clock, when: float) -> None:
    """Wait until the clock has reached a time."""
    if clock.now() >= when:
        return
    reached = asyncio.Event()
    alarm = clock.call_at(when, reached.set)
    try:
        await reached.wait()
    finally:
        alarm.cancel()
