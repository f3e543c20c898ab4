"""When to look at which open question: one heap and one alarm for all of them, a few hundred bytes each."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from orchestrator_bridge.common.clock import Alarm, Clock


class DeadlineScheduler:
    """Calls `due(run, question)` when a question's time has come, by our clock; arming a question again replaces its time."""

    def __init__(self, clock: Clock, due: Callable[[int, int], None]) -> None:
        self._clock = clock
        self._due = due
        self._heap: list[tuple[float, int, int]] = []
        self._times: dict[int, float] = {}
        self._alarm: Alarm | None = None
        self._alarm_at = float("inf")

    def schedule(self, run: int, question: int, at: float) -> None:
        """Look at a question at a time, in seconds since the epoch."""
        if self._times.get(question) == at:
            return
        self._times[question] = at
        heapq.heappush(self._heap, (at, question, run))
        self._set_alarm()

    def cancel(self, question: int) -> None:
        """A question is settled."""
        self._times.pop(question, None)

    def stop(self) -> None:
        """Nothing comes any more."""
        self._times.clear()
        self._heap.clear()
        if self._alarm is not None:
            self._alarm.cancel()

    def _set_alarm(self) -> None:
        if not self._heap or self._heap[0][0] >= self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = self._heap[0][0]
        self._alarm = self._clock.call_at(self._alarm_at, self._fire)

    def _fire(self) -> None:
        self._alarm_at = float("inf")
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            at, question, run = heapq.heappop(self._heap)
            if self._times.get(question) == at:
                del self._times[question]
                self._due(run, question)
        self._set_alarm()
