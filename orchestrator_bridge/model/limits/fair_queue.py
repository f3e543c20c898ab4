"""Sliding window of a route's recent calls, and the fair queue of the calls that wait for it. Pure arithmetic of `now`.

A token bucket admits a full bucket plus its refill within one minute: up to twice the limit. Providers count by buckets, fixed
minutes or sliding minutes, and do not say which. The window therefore remembers every call for a minute, so that no minute,
wherever it begins, exceeds the limit: that satisfies all three. The libraries examined (aiolimiter, limits, pyrate-limiter) read
a clock of their own and serve in order of arrival.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MINUTE = 60.0
"""Seconds for which a call counts."""


@dataclass(eq=False, kw_only=True, slots=True)
class Slot:
    """A call admitted at `at` (seconds since the epoch) and its tokens: an estimate until the response reports the usage."""

    at: float
    tokens: int


class SlidingWindow:
    """Calls of the last minute, oldest first. A limit of None is no limit.

    A call that is larger than the token limit is admitted once the window is empty; it would wait forever otherwise.
    `closed_until`: no call is admitted before this time, because the provider asked to wait.
    """

    def __init__(self, requests: int | None = None, tokens: int | None = None, slots: Iterable[Slot] = ()) -> None:
        self.requests = requests
        self.tokens = tokens
        self.closed_until = 0.0
        self._slots = deque(slots)

    def free_at(self, tokens: int, now: float) -> float:
        """Earliest time, from `now` on, at which a call of `tokens` fits if no other call is admitted before it."""
        slots = self._slots
        while slots and slots[0].at + MINUTE <= now:
            slots.popleft()
        # The call that must leave the window before another one fits, counted from the newest.
        request_free_at = 0.0
        if self.requests is not None and len(slots) >= self.requests:
            request_free_at = slots[len(slots) - self.requests].at + MINUTE
        return max(now, self.closed_until, request_free_at, self._tokens_free_at(tokens))

    def _tokens_free_at(self, tokens: int) -> float:
        """Time at which enough old calls have left the window for `tokens` more."""
        if self.tokens is None:
            return 0.0
        # Old calls leave in order, so the time at which enough tokens are free is when a certain call turns a minute old.
        most, used = max(0, self.tokens - tokens), sum(slot.tokens for slot in self._slots)
        free_at = 0.0
        for slot in self._slots:
            if used <= most:
                break
            used -= slot.tokens
            free_at = slot.at + MINUTE
        return free_at

    def record(self, tokens: int, now: float) -> Slot:
        """Admit a call. The caller checks `free_at` first."""
        slot = Slot(at=now, tokens=tokens)
        # Without limits nothing needs to be remembered.
        if self.requests is not None or self.tokens is not None:
            self._slots.append(slot)
        return slot

    def refund(self, slot: Slot) -> None:
        """Remove an admitted call that was not made after all."""
        if slot in self._slots:
            self._slots.remove(slot)

    def copy(self) -> SlidingWindow:
        """Copy of the window, to simulate admissions."""
        other = SlidingWindow(self.requests, self.tokens, self._slots)
        other.closed_until = self.closed_until
        return other


Key = tuple[int, str]
"""Identifier of a waiting call: its run and its action."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedCall:
    """A call in the queue and the tokens that it is expected to use."""

    key: Key
    tokens: int


class FairQueue:
    """Round-robin over runs, first in first out within a run.

    One call of each run in turn, so that the sixteen agents of one run do not starve the other runs. The head of the queue
    blocks the calls behind it even if a smaller one would fit now: if small calls could overtake, a large one would never go.
    """

    def __init__(self) -> None:
        self._runs: OrderedDict[int, deque[QueuedCall]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._runs)

    def __contains__(self, key: Key) -> bool:
        return any(call.key == key for call in self._runs.get(key[0], ()))

    def enqueue(self, key: Key, tokens: int) -> None:
        """Append a call behind its run's other calls; a new run goes to the end of the rotation."""
        self._runs.setdefault(key[0], deque()).append(QueuedCall(key=key, tokens=tokens))

    def remove(self, key: Key) -> None:
        """Remove a call; nothing happens if it is not in the queue."""
        rest = deque(call for call in self._runs.get(key[0], ()) if call.key != key)
        if rest:
            self._runs[key[0]] = rest
        else:
            self._runs.pop(key[0], None)

    def peek(self) -> QueuedCall | None:
        """Return the next call without removing it; None if the queue is empty."""
        return next(iter(self._runs.values()))[0] if self._runs else None

    def pop(self) -> QueuedCall:
        """Remove and return the next call, and move its run to the end of the rotation.

        Raises:
            LookupError: the queue is empty.
        """
        run, calls = next(iter(self._runs.items()), (0, deque[QueuedCall]()))
        served = calls.popleft()
        if calls:
            # The run takes its next turn after all others.
            self._runs.move_to_end(run)
        else:
            del self._runs[run]
        return served

    def in_order(self) -> Iterator[QueuedCall]:
        """Yield all calls in the order in which they go if no other call joins."""
        ahead = FairQueue()
        ahead._runs = OrderedDict((run, calls.copy()) for run, calls in self._runs.items())
        while ahead:
            yield ahead.pop()
