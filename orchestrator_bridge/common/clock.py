"""The clock that the bridge works by: time in seconds since the epoch, and callbacks at a time. Tests pass one of their own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

MAX_SLEEP = 3600.0
"""Seconds after which a waiting timer reads the clock again.

Event loops count monotonic time, which stands still while the machine is suspended and ignores corrections of the clock.
"""


class Alarm(Protocol):
    """A scheduled callback."""

    def cancel(self) -> None:
        """Drop the callback."""
        ...


class Clock(Protocol):
    """Current time, and callbacks at a time."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call `callback` on the running event loop once the clock has reached `when` (seconds since the epoch)."""
        ...


class _SystemAlarm:
    def __init__(self, clock: SystemClock, when: float, callback: Callable[[], None]) -> None:
        self._clock, self._when, self._callback = clock, when, callback
        self._loop = asyncio.get_running_loop()
        self._handle = self._schedule()

    def _schedule(self) -> asyncio.TimerHandle:
        left = max(0.0, self._when - self._clock.now())
        return self._loop.call_later(min(left, MAX_SLEEP), self._wake)

    def _wake(self) -> None:
        if self._clock.now() >= self._when:
            self._callback()
        else:
            self._handle = self._schedule()

    def cancel(self) -> None:
        self._handle.cancel()


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return time.time()

    def call_at(self, when: float, callback: Callable[[], None]) -> Alarm:
        """Call `callback` on the running event loop once the clock has reached `when`."""
        return _SystemAlarm(self, when, callback)


async def sleep_until(clock: Clock, when: float) -> None:
    """Wait until the clock has reached `when` (seconds since the epoch)."""
    if clock.now() >= when:
        return
    reached = asyncio.Event()
    alarm = clock.call_at(when, reached.set)
    try:
        await reached.wait()
    finally:
        alarm.cancel()
