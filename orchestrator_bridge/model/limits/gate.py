"""The gate before every model call: limits, fairness and circuits of all routes, shared by all runs of the process.

The rules are `RouteLimiter`'s and are told the time; here are the clock, its alarms, and those who wait. A process that starts
again is told what was sent in the minute before. Of a provider's trouble it knows nothing: it tries, and learns.
"""

from __future__ import annotations

import asyncio

from orchestrator_bridge.clock import Alarm, Clock
from orchestrator_bridge.model.errors import CircuitOpen, ModelError
from orchestrator_bridge.model.limits.road import RouteLimiter, Throttled
from orchestrator_bridge.model.limits.turns import Key
from orchestrator_bridge.model.port import CallEstimate, Response


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
