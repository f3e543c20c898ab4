"""Admission of model calls: rate limits, fairness between runs and circuit breakers, per route and shared by all runs.

Steps of a call (`RouteLimiter` holds the rules and receives the time; `RateLimiter` adds the clock and the waiting):

1. `enqueue`: it waits in the route's fair queue.
2. `admit_next`: the head of the queue is admitted once the sliding window has room. Its estimated tokens are charged at once.
3. `claim`: the admitted call starts. A call that is given up instead is released, and its charge is refunded.
4. `completed`: the charge is corrected to the tokens that the response reports, and the circuit breaker learns the result.

After a restart the window is rebuilt from the calls of the last minute. The circuit breakers start closed: the next call finds
out whether the provider works.
"""

from __future__ import annotations

import asyncio

from orchestrator_bridge.common.clock import Alarm, Clock
from orchestrator_bridge.model.errors import (
    CircuitOpen,
    InvalidResponse,
    ModelError,
    Overloaded,
    ProviderUnavailable,
    RateLimited,
    TimedOut,
)
from orchestrator_bridge.model.interface import CallEstimate, Response, Throttled
from orchestrator_bridge.model.limits import circuit_breaker
from orchestrator_bridge.model.limits.fair_queue import FairQueue, Key, SlidingWindow, Slot

LONGEST_RETRY_AFTER = 600.0
"""Seconds: a provider that asks all callers to wait longer is treated as down."""

_HEALTH_ERRORS = (Overloaded, ProviderUnavailable, TimedOut, InvalidResponse)
"""Errors that count against a provider's health. A refusal does not: a provider that refuses is up."""


class RouteLimiter:
    """Rules and state of one route: window, queue and circuit. It has no clock and never waits."""

    def __init__(self, demand: CallEstimate) -> None:
        self._provider = demand.provider
        self._window = SlidingWindow(demand.requests_per_minute, demand.tokens_per_minute)
        self._circuit = circuit_breaker.CLOSED
        self._queue = FairQueue()
        self._slots: dict[Key, Slot] = {}
        self._admitted: set[Key] = set()
        self._probe: Key | None = None

    def enqueue(self, key: Key, tokens: int) -> None:
        """Queue a call; nothing happens if it is queued or admitted already."""
        if key not in self._admitted and key not in self._queue:
            self._queue.enqueue(key, tokens)

    def is_queued(self, key: Key) -> bool:
        """True while the call waits in the queue."""
        return key in self._queue

    def admit_next(self, now: float) -> Key | None:
        """Admit the next call of the queue if the circuit and the window allow it now; None if not."""
        first = self._queue.peek()
        decision = circuit_breaker.check_circuit(self._circuit, now)
        if first is None or decision not in ("yes", "as a probe") or self._window.free_at(first.tokens, now) > now:
            return None
        key = self._queue.pop().key
        if decision == "as a probe":
            self._circuit, self._probe = circuit_breaker.start_probe(self._circuit), key
        # Charged at admission and not when the call starts: otherwise two calls could be admitted into the same room.
        self._slots[key] = self._window.record(first.tokens, now)
        self._admitted.add(key)
        return key

    def claim(self, key: Key) -> bool:
        """Start a call that was admitted; False if it was not."""
        if key not in self._admitted:
            return False
        self._admitted.remove(key)
        return True

    def next_check_at(self, now: float) -> float | None:
        """Time at which the next call can be admitted; None if the queue is empty or waits for more than time (a probe)."""
        first = self._queue.peek()
        if first is None or circuit_breaker.check_circuit(self._circuit, now) not in ("yes", "as a probe"):
            return None
        return self._window.free_at(first.tokens, now)

    def throttled(self, key: Key, now: float) -> Throttled:
        """Reason for which a queued call waits, and an estimate of the end of the wait."""
        if circuit_breaker.check_circuit(self._circuit, now) != "yes":
            # While a probe is out the wait depends on its result, which has no time.
            until = self._circuit.until if self._circuit.state == "open" else None
            return Throttled(why=f"{self._provider} to come back", until=until)
        return Throttled(why=f"{self._provider}'s rate limit", until=self._admission_time(key, now))

    def _admission_time(self, key: Key, now: float) -> float:
        """Simulate the admission of every call up to this one, in the order of the queue."""
        ahead = self._window.copy()
        for waiting in self._queue.in_order():
            now = ahead.free_at(waiting.tokens, now)
            ahead.record(waiting.tokens, now)
            if waiting.key == key:
                break
        return now

    def circuit_error(self, now: float) -> CircuitOpen | None:
        """Error for all calls while the circuit is open; None if calls may go or only wait for their turn or for a probe."""
        if circuit_breaker.check_circuit(self._circuit, now) != "no":
            return None
        return CircuitOpen(f"{self._provider} is down: {self._circuit.why}", retry_after=self._circuit.until - now)

    def drain(self) -> tuple[Key, ...]:
        """Empty the queue and return the calls that waited."""
        keys = tuple(waiting.key for waiting in self._queue.in_order())
        self._queue = FairQueue()
        return keys

    def restore_sample(self, tokens: int, at: float) -> None:
        """Charge a call that an earlier process made at `at`."""
        self._window.record(tokens, at)

    def release(self, key: Key, now: float) -> None:
        """Withdraw a call that will not be made, and refund its requests and tokens."""
        self._queue.remove(key)
        self._admitted.discard(key)
        slot = self._slots.pop(key, None)
        if slot is not None:
            self._window.refund(slot)
        self._end_probe(key, now)

    def completed(self, key: Key, result: Response | ModelError | None, now: float) -> None:
        """Record the result of a call that was made; None if we cancelled it."""
        slot = self._slots.pop(key, None)
        if isinstance(result, RateLimited):
            self._apply_retry_after(result, now)
        elif isinstance(result, _HEALTH_ERRORS):
            self._circuit = circuit_breaker.record_failure(self._circuit, now, result.found, probe=key == self._probe)
        elif result is not None:
            # A response, or a refusal: the provider is up.
            self._circuit = circuit_breaker.CLOSED
        if slot is not None and isinstance(result, Response):
            slot.tokens = result.usage.total
        self._end_probe(key, now)

    def _apply_retry_after(self, error: RateLimited, now: float) -> None:
        """Make every call of the route wait: the limit is the account's, not the call's."""
        if error.retry_after is None:
            return
        until = now + error.retry_after
        # Waiting calls fail at once with an open circuit; with a closed window they would wait for the whole time.
        if error.retry_after > LONGEST_RETRY_AFTER:
            self._circuit = circuit_breaker.open_circuit(self._circuit, until, error.found)
        else:
            self._window.closed_until = max(self._window.closed_until, until)

    def _end_probe(self, key: Key, now: float) -> None:
        """Forget the probe. If it ended without a verdict, the circuit returns from `probing` to `open`."""
        if key == self._probe:
            self._probe = None
            self._circuit = circuit_breaker.abandon_probe(self._circuit, now)


class RateLimiter:
    """Admission of the calls of all routes. A call that `try_acquire` throttles calls `wait` and then tries again.

    Every call that was acquired ends with `completed`; one that will not be made ends with `release`.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limiters: dict[str, RouteLimiter] = {}
        self._acquired: dict[Key, str] = {}
        self._waiters: dict[Key, asyncio.Future[None]] = {}
        self._alarms: dict[str, Alarm] = {}

    def try_acquire(self, run: int, action: str, demand: CallEstimate) -> Throttled | None:
        """Admit a call (None), or queue it and return the reason."""
        key = (run, action)
        # The agent switched to another model since it was throttled: give up its place in the old queue.
        if self._acquired.get(key, demand.route) != demand.route:
            self.release(run, action)
        self._acquired[key] = demand.route
        limiter = self._route_limiter(demand)
        limiter.enqueue(key, demand.tokens)
        self._admit_waiting(demand.route)
        return None if limiter.claim(key) else limiter.throttled(key, self._clock.now())

    def restore_sample(self, demand: CallEstimate, tokens: int, at: float) -> None:
        """Charge a call that an earlier process made at `at`. Call this in order of time, before any `try_acquire`."""
        self._route_limiter(demand).restore_sample(tokens, at)

    def _route_limiter(self, demand: CallEstimate) -> RouteLimiter:
        if demand.route not in self._limiters:
            self._limiters[demand.route] = RouteLimiter(demand)
        return self._limiters[demand.route]

    async def wait(self, run: int, action: str) -> None:
        """Wait until a throttled call may try again.

        Raises:
            CircuitOpen: the circuit of its route is open.
        """
        key = (run, action)
        limiter = self._limiters[self._acquired[key]]
        # Admitted or drained between `try_acquire` and here: the caller tries again, or learns why it cannot.
        if not limiter.is_queued(key):
            error = limiter.circuit_error(self._clock.now())
            if error is not None:
                raise error
            return
        waiter = self._waiters[key] = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            del self._waiters[key]

    def release(self, run: int, action: str) -> None:
        """Withdraw a call that will not be made; nothing happens if it was never acquired."""
        route = self._acquired.pop((run, action), None)
        if route is not None:
            self._limiters[route].release((run, action), self._clock.now())
            self._admit_waiting(route)

    def completed(self, run: int, action: str, result: Response | ModelError | None) -> None:
        """Record the result of a call; None if we cancelled it."""
        route = self._acquired.pop((run, action), None)
        if route is not None:
            self._limiters[route].completed((run, action), result, self._clock.now())
            self._admit_waiting(route)

    def _admit_waiting(self, route: str) -> None:
        """Admit every call that can go now, fail all others if the circuit is open, and set the alarm for the next check."""
        limiter, now = self._limiters[route], self._clock.now()
        while (key := limiter.admit_next(now)) is not None:
            self._wake(key)
        # Calls that would only find the provider down fail now, so that their agents can go to a backup.
        error = limiter.circuit_error(now)
        for key in limiter.drain() if error is not None else ():
            self._wake(key, error)
        alarm = self._alarms.pop(route, None)
        if alarm is not None:
            alarm.cancel()
        check_at = limiter.next_check_at(now)
        if check_at is not None:
            self._alarms[route] = self._clock.call_at(check_at, lambda: self._admit_waiting(route))

    def _wake(self, key: Key, error: CircuitOpen | None = None) -> None:
        waiter = self._waiters.get(key)
        if waiter is None or waiter.done():
            return
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)
