"""The clock that the bridge works by: time in seconds since the epoch, and callbacks at a time. Tests pass one of their own."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from typing import Protocol

_LOG = logging.getLogger(__name__)

MAX_SLEEP = 60.0
"""Seconds after which a waiting timer reads the clock again: an event loop's own time stands still while the machine sleeps."""

JUMP = 2.0
"""Seconds by which the wall clock may differ from before without being reported; time servers slew smaller differences."""


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


def monotonic_time() -> float:
    """Return seconds since an arbitrary moment; a change of the wall clock has no effect, and sleep of the machine counts.

    Linux counts sleep in `CLOCK_BOOTTIME` only (clock_gettime(2)), Windows in every clock, and macOS in `CLOCK_MONOTONIC`
    (clock_gettime(3)), which is not what `time.monotonic` reads there.
    """
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()


class ProcessTime:
    """Time that a change of the wall clock does not affect: the wall clock at the start, plus the monotonic time since then.

    A deadline is a promise of so many seconds. If the wall clock is set while the process lives, every open deadline keeps its
    length, and the change is logged once. The next process begins by the new wall clock.
    """

    def __init__(self, wall: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._offset = wall() - monotonic()
        self._ahead = 0.0

    def __call__(self) -> float:
        """Return the time in seconds since the epoch."""
        now = self._offset + self._monotonic()
        ahead = self._wall() - now
        if abs(ahead - self._ahead) >= JUMP:
            self._report(ahead - self._ahead)
            self._ahead = ahead
        return now

    def _report(self, jump: float) -> None:
        _LOG.warning(
            "the clock of this machine was set %s by %.0f s; deadlines keep their length, and this process keeps its time. "
            "If the new time is right, restart the bot to use it",
            "forward" if jump > 0 else "back",
            abs(jump),
        )


process_time = ProcessTime(time.time, monotonic_time)
"""The time of this process: shared, so that all parts agree after the wall clock was set."""


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
    """The time of this process, by the machine's clocks."""

    def __init__(self, time: Callable[[], float] = process_time) -> None:
        self._time = time

    def now(self) -> float:
        """Return the time in seconds since the epoch."""
        return self._time()

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
