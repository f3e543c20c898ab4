"""One route with all its calls: what it may take, whether its provider is up, and who waits. Time is said; nothing here waits."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_bridge.model.errors import (
    Down,
    Garbled,
    ModelError,
    Overloaded,
    RateLimited,
    Suspended,
    TimedOut,
)
from orchestrator_bridge.model.limits import circuit as c
from orchestrator_bridge.model.limits.turns import Key, Turns
from orchestrator_bridge.model.limits.window import Slot, Window
from orchestrator_bridge.model.port import Demand, Response

LONGEST_WISH = 600.0
"""Seconds: a provider that asks everybody to wait longer is as good as down."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """A call cannot go yet. `why` completes "waiting for …"; `until`, in seconds, is an estimate, None if nobody can tell."""

    why: str
    until: float | None = None


_FAULTS = (Overloaded, Down, TimedOut, Garbled)
"""What counts against a provider's health. A refusal does not: whoever refuses is up."""


class Road:
    """The state of one route. A call joins, goes once it is let in and claims that, and lands. `provider` is for people."""

    def __init__(self, demand: Demand) -> None:
        self._provider = demand.provider
        self._window = Window(demand.requests_per_minute, demand.tokens_per_minute)
        self._circuit = c.HEALTHY
        self._turns = Turns()
        self._slots: dict[Key, Slot] = {}
        self._let_in: set[Key] = set()
        self._probe: Key | None = None

    # Waiting --------------------------------------------------------------------------------------------------------------

    def join(self, key: Key, tokens: int) -> None:
        """Wait in turn; nothing happens if the call waits already or was let in."""
        if key not in self._let_in and key not in self._turns:
            self._turns.join(key, tokens)

    def waits(self, key: Key) -> bool:
        """Whether a call is in the queue."""
        return key in self._turns

    def let_in(self, now: float) -> Key | None:
        """Let in whoever is next, if there is room by now."""
        first = self._turns.first()
        may = c.admits(self._circuit, now)
        if first is None or may not in ("yes", "as a probe") or self._window.free_at(first.tokens, now) > now:
            return None
        key = self._turns.serve().key
        if may == "as a probe":
            self._circuit, self._probe = c.probing(self._circuit), key
        self._slots[key] = self._window.take(first.tokens, now)
        self._let_in.add(key)
        return key

    def claim(self, key: Key) -> bool:
        """Go, if the call was let in."""
        if key not in self._let_in:
            return False
        self._let_in.remove(key)
        return True

    def look_at(self, now: float) -> float | None:
        """When the next in turn can be let in, as far as time alone decides; None if nobody waits, or for more than time."""
        first = self._turns.first()
        if first is None or c.admits(self._circuit, now) not in ("yes", "as a probe"):
            return None
        return self._window.free_at(first.tokens, now)

    def hold(self, key: Key, now: float) -> Hold:
        """What a call in the queue waits for."""
        if c.admits(self._circuit, now) != "yes":
            until = self._circuit.until if self._circuit.state == "open" else None
            return Hold(why=f"{self._provider} to come back", until=until)
        return Hold(why=f"{self._provider}'s rate limit", until=self._turn_of(key, now))

    def _turn_of(self, key: Key, now: float) -> float:
        ahead = self._window.copy()
        for waiting in self._turns.in_order():
            now = ahead.free_at(waiting.tokens, now)
            ahead.take(waiting.tokens, now)
            if waiting.key == key:
                break
        return now

    def suspended(self, now: float) -> Suspended | None:
        """Why no call can be made for a while; None if one may, or if it only waits for its turn or for a probe."""
        if c.admits(self._circuit, now) != "no":
            return None
        left = self._circuit.until - now
        return Suspended(f"{self._provider} is down: {self._circuit.why}", retry_after=left)

    def drop_all(self) -> tuple[Key, ...]:
        """Everybody who waits, out of the queue."""
        keys = tuple(waiting.key for waiting in self._turns.in_order())
        self._turns = Turns()
        return keys

    # Going ----------------------------------------------------------------------------------------------------------------

    def sent(self, tokens: int, at: float) -> None:
        """A call of an earlier process went then."""
        self._window.take(tokens, at)

    def leave(self, key: Key, now: float) -> None:
        """A call will not be made: what it held is free again."""
        self._turns.leave(key)
        self._let_in.discard(key)
        slot = self._slots.pop(key, None)
        if slot is not None:
            self._window.give_back(slot)
        self._probe_over(key, now)

    def landed(self, key: Key, result: Response | ModelError | None, now: float) -> None:
        """A call that was made came back, or was cut short by us (None)."""
        slot = self._slots.pop(key, None)
        if isinstance(result, ModelError):
            self._trouble(key, result, now)
        elif result is not None:
            self._circuit = c.HEALTHY
            if slot is not None:
                slot.tokens = result.usage.total
        self._probe_over(key, now)

    def _trouble(self, key: Key, error: ModelError, now: float) -> None:
        if isinstance(error, RateLimited):
            self._wished(error, now)
        elif isinstance(error, _FAULTS):
            self._circuit = c.failed(self._circuit, now, error.found, probe=key == self._probe)
        else:
            self._circuit = c.HEALTHY

    def _wished(self, error: RateLimited, now: float) -> None:
        """A provider that says how long to wait says it to every call of the route."""
        if error.retry_after is None:
            return
        until = now + error.retry_after
        if error.retry_after > LONGEST_WISH:
            self._circuit = c.opened(self._circuit, until, error.found)
        else:
            self._window.closed_until = max(self._window.closed_until, until)

    def _probe_over(self, key: Key, now: float) -> None:
        """Whatever became of the probe, there is none out any more."""
        if key == self._probe:
            self._probe = None
            self._circuit = c.left(self._circuit, now)
