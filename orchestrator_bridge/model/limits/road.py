"""One route with all its calls: what it may take, whether its provider is up, and who waits. Time is said; nothing here waits."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_bridge.model.errors import (
    CircuitOpen,
    InvalidResponse,
    ModelError,
    Overloaded,
    ProviderUnavailable,
    RateLimited,
    TimedOut,
)
from orchestrator_bridge.model.limits import circuit as c
from orchestrator_bridge.model.limits.turns import FairQueue, Key
from orchestrator_bridge.model.limits.window import SlidingWindow, Slot
from orchestrator_bridge.model.port import CallEstimate, Response

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
        self._circuit = c.CLOSED
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
        may = c.check_circuit(self._circuit, now)
        if first is None or may not in ("yes", "as a probe") or self._window.free_at(first.tokens, now) > now:
            return None
        key = self._queue.pop().key
        if may == "as a probe":
            self._circuit, self._probe = c.start_probe(self._circuit), key
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
        if first is None or c.check_circuit(self._circuit, now) not in ("yes", "as a probe"):
            return None
        return self._window.free_at(first.tokens, now)

    def throttled(self, key: Key, now: float) -> Throttled:
        """What a call in the queue waits for."""
        if c.check_circuit(self._circuit, now) != "yes":
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
        if c.check_circuit(self._circuit, now) != "no":
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
            self._circuit = c.CLOSED
            if slot is not None:
                slot.tokens = result.usage.total
        self._end_probe(key, now)

    def _record_error(self, key: Key, error: ModelError, now: float) -> None:
        if isinstance(error, RateLimited):
            self._apply_retry_after(error, now)
        elif isinstance(error, _HEALTH_ERRORS):
            self._circuit = c.record_failure(self._circuit, now, error.found, probe=key == self._probe)
        else:
            self._circuit = c.CLOSED

    def _apply_retry_after(self, error: RateLimited, now: float) -> None:
        """A provider that says how long to wait says it to every call of the route."""
        if error.retry_after is None:
            return
        until = now + error.retry_after
        if error.retry_after > LONGEST_RETRY_AFTER:
            self._circuit = c.open_circuit(self._circuit, until, error.found)
        else:
            self._window.closed_until = max(self._window.closed_until, until)

    def _end_probe(self, key: Key, now: float) -> None:
        """Whatever became of the probe, there is none out any more."""
        if key == self._probe:
            self._probe = None
            self._circuit = c.abandon_probe(self._circuit, now)
