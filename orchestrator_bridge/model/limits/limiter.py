"""One route with all its calls: what it may take, whether its provider is up, and who waits. Time is said; nothing here waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

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
from orchestrator_bridge.model.interface import CallEstimate, Response
from orchestrator_bridge.model.limits import circuit_breaker
from orchestrator_bridge.model.limits.fair_queue import FairQueue, Key, SlidingWindow, Slot

LONGEST_RETRY_AFTER = 600.0
"""Seconds: a provider that asks everybody to wait longer is as good as down."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Throttled:
    """A call cannot go yet. `why` completes "waiting for …"; `until`, in seconds, is an estimate, None if nobody can tell."""

    why: str
    until: float | None = None


_HEALTH_ERRORS = (Overloaded, ProviderUnavailable, TimedOut, InvalidResponse)
"""What counts against a provider's health. A refusal does not: whoever refuses is up."""


class RouteLimiter:
    """The state of one route. A call joins, goes once it is let in and claims that, and lands. `provider` is for people."""

    def __init__(self, demand: CallEstimate) -> None:
        self._provider = demand.provider
        self._window = SlidingWindow(demand.requests_per_minute, demand.tokens_per_minute)
        self._circuit = circuit_breaker.CLOSED
        self._queue = FairQueue()
        self._slots: dict[Key, Slot] = {}
        self._admitted: set[Key] = set()
        self._probe: Key | None = None

    # Waiting --------------------------------------------------------------------------------------------------------------

    def enqueue(self, key: Key, tokens: int) -> None:
        """Wait in turn; nothing happens if the call waits already or was let in."""
        if key not in self._admitted and key not in self._queue:
            self._queue.enqueue(key, tokens)

    def is_queued(self, key: Key) -> bool:
        """Whether a call is in the queue."""
        return key in self._queue

    def admit_next(self, now: float) -> Key | None:
        """Let in whoever is next, if there is room by now."""
        first = self._queue.peek()
        may = circuit_breaker.check_circuit(self._circuit, now)
        if first is None or may not in ("yes", "as a probe") or self._window.free_at(first.tokens, now) > now:
            return None
        key = self._queue.pop().key
        if may == "as a probe":
            self._circuit, self._probe = circuit_breaker.start_probe(self._circuit), key
        self._slots[key] = self._window.record(first.tokens, now)
        self._admitted.add(key)
        return key

    def claim(self, key: Key) -> bool:
        """Go, if the call was let in."""
        if key not in self._admitted:
            return False
        self._admitted.remove(key)
        return True

    def next_check_at(self, now: float) -> float | None:
        """When the next in turn can be let in, as far as time alone decides; None if nobody waits, or for more than time."""
        first = self._queue.peek()
        if first is None or circuit_breaker.check_circuit(self._circuit, now) not in ("yes", "as a probe"):
            return None
        return self._window.free_at(first.tokens, now)

    def throttled(self, key: Key, now: float) -> Throttled:
        """What a call in the queue waits for."""
        if circuit_breaker.check_circuit(self._circuit, now) != "yes":
            until = self._circuit.until if self._circuit.state == "open" else None
            return Throttled(why=f"{self._provider} to come back", until=until)
        return Throttled(why=f"{self._provider}'s rate limit", until=self._admission_time(key, now))

    def _admission_time(self, key: Key, now: float) -> float:
        ahead = self._window.copy()
        for waiting in self._queue.in_order():
            now = ahead.free_at(waiting.tokens, now)
            ahead.record(waiting.tokens, now)
            if waiting.key == key:
                break
        return now

    def circuit_error(self, now: float) -> CircuitOpen | None:
        """Why no call can be made for a while; None if one may, or if it only waits for its turn or for a probe."""
        if circuit_breaker.check_circuit(self._circuit, now) != "no":
            return None
        left = self._circuit.until - now
        return CircuitOpen(f"{self._provider} is down: {self._circuit.why}", retry_after=left)

    def drain(self) -> tuple[Key, ...]:
        """Everybody who waits, out of the queue."""
        keys = tuple(waiting.key for waiting in self._queue.in_order())
        self._queue = FairQueue()
        return keys

    # Going ----------------------------------------------------------------------------------------------------------------

    def restore_sample(self, tokens: int, at: float) -> None:
        """A call of an earlier process went then."""
        self._window.record(tokens, at)

    def release(self, key: Key, now: float) -> None:
        """A call will not be made: what it held is free again."""
        self._queue.remove(key)
        self._admitted.discard(key)
        slot = self._slots.pop(key, None)
        if slot is not None:
            self._window.refund(slot)
        self._end_probe(key, now)

    def completed(self, key: Key, result: Response | ModelError | None, now: float) -> None:
        """A call that was made came back, or was cut short by us (None)."""
        slot = self._slots.pop(key, None)
        if isinstance(result, ModelError):
            self._record_error(key, result, now)
        elif result is not None:
            self._circuit = circuit_breaker.CLOSED
            if slot is not None:
                slot.tokens = result.usage.total
        self._end_probe(key, now)

    def _record_error(self, key: Key, error: ModelError, now: float) -> None:
        if isinstance(error, RateLimited):
            self._apply_retry_after(error, now)
        elif isinstance(error, _HEALTH_ERRORS):
            self._circuit = circuit_breaker.record_failure(self._circuit, now, error.found, probe=key == self._probe)
        else:
            self._circuit = circuit_breaker.CLOSED

    def _apply_retry_after(self, error: RateLimited, now: float) -> None:
        """A provider that says how long to wait says it to every call of the route."""
        if error.retry_after is None:
            return
        until = now + error.retry_after
        if error.retry_after > LONGEST_RETRY_AFTER:
            self._circuit = circuit_breaker.open_circuit(self._circuit, until, error.found)
        else:
            self._window.closed_until = max(self._window.closed_until, until)

    def _end_probe(self, key: Key, now: float) -> None:
        """Whatever became of the probe, there is none out any more."""
        if key == self._probe:
            self._probe = None
            self._circuit = circuit_breaker.abandon_probe(self._circuit, now)


# The gate before every model call: limits, fairness and circuits of all routes, shared by all runs of the process.
#
# The rules are `RouteLimiter`'s and are told the time; here are the clock, its alarms, and those who wait. A process that
# starts
# again is told what was sent in the minute before. Of a provider's trouble it knows nothing: it tries, and learns.


class RateLimiter:
    """Lets calls through. A call asks to `try_acquire`; one that is held does `wait`, asks again, goes, and is `completed`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limiters: dict[str, RouteLimiter] = {}
        self._acquired: dict[Key, str] = {}
        self._waiters: dict[Key, asyncio.Future[None]] = {}
        self._alarms: dict[str, Alarm] = {}

    def try_acquire(self, run: int, action: str, demand: CallEstimate) -> Throttled | None:
        """Go now (None), or be held: then `wait` and ask again."""
        key = (run, action)
        if self._acquired.get(key, demand.route) != demand.route:
            self.release(run, action)
        self._acquired[key] = demand.route
        road = self._route_limiter(demand)
        road.enqueue(key, demand.tokens)
        self._admit_waiting(demand.route)
        return None if road.claim(key) else road.throttled(key, self._clock.now())

    def restore_sample(self, demand: CallEstimate, tokens: int, at: float) -> None:
        """An earlier process made such a call at that time; to be told in the order of time, before any call enters."""
        self._route_limiter(demand).restore_sample(tokens, at)

    def _route_limiter(self, demand: CallEstimate) -> RouteLimiter:
        if demand.route not in self._limiters:
            self._limiters[demand.route] = RouteLimiter(demand)
        return self._limiters[demand.route]

    async def wait(self, run: int, action: str) -> None:
        """Wait until a call that is held may ask again.

        Raises:
            CircuitOpen: its route's circuit is open.
        """
        key = (run, action)
        road = self._limiters[self._acquired[key]]
        if not road.is_queued(key):
            error = road.circuit_error(self._clock.now())
            if error is not None:
                raise error
            return
        waiter = self._waiters[key] = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            del self._waiters[key]

    def release(self, run: int, action: str) -> None:
        """A call will not be made; nothing happens if it never asked."""
        route = self._acquired.pop((run, action), None)
        if route is not None:
            self._limiters[route].release((run, action), self._clock.now())
            self._admit_waiting(route)

    def completed(self, run: int, action: str, result: Response | ModelError | None) -> None:
        """A call came back, or was cut short by us (None)."""
        route = self._acquired.pop((run, action), None)
        if route is not None:
            self._limiters[route].completed((run, action), result, self._clock.now())
            self._admit_waiting(route)

    def _admit_waiting(self, route: str) -> None:
        """Let in whoever can go by now, turn away those who would wait in vain, and look again when time makes room."""
        road, now = self._limiters[route], self._clock.now()
        while (key := road.admit_next(now)) is not None:
            self._wake(key)
        error = road.circuit_error(now)
        for key in road.drain() if error is not None else ():
            self._wake(key, error)
        self._schedule_check(route, road.next_check_at(now))

    def _wake(self, key: Key, error: CircuitOpen | None = None) -> None:
        waiter = self._waiters.get(key)
        if waiter is None or waiter.done():
            return
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)

    def _schedule_check(self, route: str, at: float | None) -> None:
        alarm = self._alarms.pop(route, None)
        if alarm is not None:
            alarm.cancel()
        if at is not None:
            self._alarms[route] = self._clock.call_at(at, lambda: self._admit_waiting(route))
