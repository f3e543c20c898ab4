"""A clock that a test sets: time is advanced, not waited for."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count


@dataclass(eq=False)
class ManualAlarm:
    """A callback that is not due yet."""

    callback: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        """Cancel the callback."""
        self.cancelled = True


@dataclass
class ManualClock:
    """Stands at a time, in seconds since the epoch, until it is advanced."""

    time: float = 1_800_000_000.0
    _alarms: list[tuple[float, int, ManualAlarm]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)
    _armed: asyncio.Event = field(default_factory=asyncio.Event)

    def now(self) -> float:
        """The time at which it stands."""
        return self.time

    def call_at(self, when: float, callback: Callable[[], None]) -> ManualAlarm:
        """Call back as soon as the clock is advanced to `when`; at once, from the loop, if it is past."""
        alarm = ManualAlarm(callback)
        if when <= self.time:
            asyncio.get_running_loop().call_soon(lambda: None if alarm.cancelled else callback())
        else:
            heapq.heappush(self._alarms, (when, next(self._numbers), alarm))
            self._armed.set()
        return alarm

    async def armed_until(self, when: float) -> None:
        """Wait until somebody waits for a time no later than `when`."""
        while not any(time <= when for time in self.alarms):
            self._armed.clear()
            await self._armed.wait()

    async def armed_by(self, waiting: int) -> None:
        """Wait until so many wait for a time."""
        while len(self.alarms) < waiting:
            self._armed.clear()
            await self._armed.wait()

    async def armed_at(self, when: float) -> None:
        """Wait until somebody waits for exactly this time."""
        while when not in self.alarms:
            self._armed.clear()
            await self._armed.wait()

    def advance(self, seconds: float) -> None:
        """Let time pass; what is due by then comes in its order, at its own time."""
        until = self.time + seconds
        while self._alarms and self._alarms[0][0] <= until:
            when, _, alarm = heapq.heappop(self._alarms)
            self.time = max(self.time, when)
            if not alarm.cancelled:
                alarm.callback()
        self.time = until

    @property
    def alarms(self) -> list[float]:
        """Times at which callbacks are due, soonest first."""
        return sorted(when for when, _, alarm in self._alarms if not alarm.cancelled)
