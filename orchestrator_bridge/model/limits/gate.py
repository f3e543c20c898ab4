"""The gate before every model call: limits, fairness and circuits of all routes, shared by all runs of the process.

The rules are `Road`'s and are told the time; here are the clock, its alarms, and those who wait. A process that starts again is
told what was sent in the minute before. Of a provider's trouble it knows nothing: it tries, and learns.
"""

from __future__ import annotations

import asyncio

from orchestrator_bridge.clock import Alarm, Clock
from orchestrator_bridge.model.errors import ModelError, Suspended
from orchestrator_bridge.model.limits.road import Hold, Road
from orchestrator_bridge.model.limits.turns import Key
from orchestrator_bridge.model.port import Demand, Response


class Gate:
    """Lets calls through. A call asks to `enter`; one that is held waits for its `turn`, asks again, goes, and has `landed`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._roads: dict[str, Road] = {}
        self._taken: dict[Key, str] = {}
        self._waiters: dict[Key, asyncio.Future[None]] = {}
        self._alarms: dict[str, Alarm] = {}

    def enter(self, run: int, action: str, demand: Demand) -> Hold | None:
        """Go now (None), or be held: then wait for the call's `turn` and ask again."""
        key = (run, action)
        if self._taken.get(key, demand.route) != demand.route:
            self.leave(run, action)
        self._taken[key] = demand.route
        road = self._road(demand)
        road.join(key, demand.tokens)
        self._serve(demand.route)
        return None if road.claim(key) else road.hold(key, self._clock.now())

    def sent(self, demand: Demand, tokens: int, at: float) -> None:
        """An earlier process made such a call at that time; to be told in the order of time, before any call enters."""
        self._road(demand).sent(tokens, at)

    def _road(self, demand: Demand) -> Road:
        if demand.route not in self._roads:
            self._roads[demand.route] = Road(demand)
        return self._roads[demand.route]

    async def turn(self, run: int, action: str) -> None:
        """Wait until a call that is held may ask again.

        Raises:
            Suspended: its route's circuit is open.
        """
        key = (run, action)
        road = self._roads[self._taken[key]]
        if not road.waits(key):
            error = road.suspended(self._clock.now())
            if error is not None:
                raise error
            return
        waiter = self._waiters[key] = asyncio.get_running_loop().create_future()
        try:
            await waiter
        finally:
            del self._waiters[key]

    def leave(self, run: int, action: str) -> None:
        """A call will not be made; nothing happens if it never asked."""
        route = self._taken.pop((run, action), None)
        if route is not None:
            self._roads[route].leave((run, action), self._clock.now())
            self._serve(route)

    def landed(self, run: int, action: str, result: Response | ModelError | None) -> None:
        """A call came back, or was cut short by us (None)."""
        route = self._taken.pop((run, action), None)
        if route is not None:
            self._roads[route].landed((run, action), result, self._clock.now())
            self._serve(route)

    def _serve(self, route: str) -> None:
        """Let in whoever can go by now, turn away those who would wait in vain, and look again when time makes room."""
        road, now = self._roads[route], self._clock.now()
        while (key := road.let_in(now)) is not None:
            self._tell(key)
        error = road.suspended(now)
        for key in road.drop_all() if error is not None else ():
            self._tell(key, error)
        self._look_again(route, road.look_at(now))

    def _tell(self, key: Key, error: Suspended | None = None) -> None:
        waiter = self._waiters.get(key)
        if waiter is None or waiter.done():
            return
        if error is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(error)

    def _look_again(self, route: str, at: float | None) -> None:
        alarm = self._alarms.pop(route, None)
        if alarm is not None:
            alarm.cancel()
        if at is not None:
            self._alarms[route] = self._clock.call_at(at, lambda: self._serve(route))
