"""The deadlines of open questions: one heap and one alarm for all of them, a few hundred bytes each."""

from __future__ import annotations

import heapq

from orchestrator_bridge.common.clock import Alarm, Clock
from orchestrator_bridge.engine.mailbox import Mailbox
from orchestrator_bridge.run import inputs


class DeadlineScheduler:
    """Delivers `CheckQuestion` to a question's run at the question's deadline. Scheduling a question again replaces its deadline.

    A replaced deadline stays in the heap until it is popped: `_deadlines` tells which entry of a question is the valid one.
    """

    def __init__(self, clock: Clock, mailbox: Mailbox) -> None:
        self._clock = clock
        self._mailbox = mailbox
        self._heap: list[tuple[float, int, int]] = []
        self._deadlines: dict[int, float] = {}
        self._alarm: Alarm | None = None
        self._alarm_at = float("inf")

    def schedule(self, run: int, question: int, at: float) -> None:
        """Check a question at a time, in seconds since the epoch."""
        if self._deadlines.get(question) == at:
            return
        self._deadlines[question] = at
        heapq.heappush(self._heap, (at, question, run))
        self._set_alarm()

    def cancel(self, question: int) -> None:
        """Forget the deadline of a question that is closed."""
        self._deadlines.pop(question, None)

    def stop(self) -> None:
        """Forget all deadlines; the next start reads them from the store."""
        self._deadlines.clear()
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
            if self._deadlines.get(question) == at:
                del self._deadlines[question]
                self._mailbox.deliver(run, inputs.CheckQuestion(question=question))
        self._set_alarm()
