"""How many calls and tokens a route has taken within the last minute, and when the next call fits. Plain arithmetic of `now`.

A token bucket lets a full bucket and what flows in meanwhile through one minute: up to twice the limit. Providers count by
buckets, by fixed minutes or by sliding ones, and do not say which. So every call is kept for a minute after it went, and no
minute, wherever it begins, holds more than the limit: that is within all three. Libraries that were looked at (aiolimiter,
limits, pyrate-limiter) read a clock of their own, and serve whoever came first.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MINUTE = 60.0
"""Seconds that a call counts."""


@dataclass(eq=False, kw_only=True, slots=True)
class Slot:
    """One call that was let through at `at`, in seconds, and the tokens that count for it: an estimate until they are known."""

    at: float
    tokens: int


class SlidingWindow:
    """The calls of the last minute. A limit of None does not limit. A call larger than the whole limit goes alone.

    `closed_until`: nothing goes before that time, because the provider said so.
    """

    def __init__(self, requests: int | None = None, tokens: int | None = None, slots: Iterable[Slot] = ()) -> None:
        self.requests = requests
        self.tokens = tokens
        self.closed_until = 0.0
        self._slots = deque(slots)

    def free_at(self, tokens: int, now: float) -> float:
        """The first time, from `now` on, at which a call of so many tokens fits if nothing else goes before it."""
        self._expire(now)
        return max(now, self.closed_until, self._room_for_one_more(), self._room_for(tokens))

    def record(self, tokens: int, now: float) -> Slot:
        """Let a call through; whether it fits is for the caller to ask first."""
        slot = Slot(at=now, tokens=tokens)
        if self.requests is not None or self.tokens is not None:
            self._slots.append(slot)
        return slot

    def refund(self, slot: Slot) -> None:
        """A call that was let through was not made."""
        if slot in self._slots:
            self._slots.remove(slot)

    def copy(self) -> SlidingWindow:
        """A window to think ahead with."""
        other = SlidingWindow(self.requests, self.tokens, self._slots)
        other.closed_until = self.closed_until
        return other

    def _expire(self, now: float) -> None:
        while self._slots and self._slots[0].at + MINUTE <= now:
            self._slots.popleft()

    def _room_for_one_more(self) -> float:
        if self.requests is None or len(self._slots) < self.requests:
            return 0.0
        return self._slots[len(self._slots) - self.requests].at + MINUTE

    def _room_for(self, tokens: int) -> float:
        if self.tokens is None:
            return 0.0
        most, used = max(0, self.tokens - tokens), sum(slot.tokens for slot in self._slots)
        free_at = 0.0
        for slot in self._slots:
            if used <= most:
                break
            used -= slot.tokens
            free_at = slot.at + MINUTE
        return free_at


# Who waits for a route, and who is next: one call of each run in turn, so that no run's sixteen agents starve the others.
#
# Within a run the call that came first goes first. A large call at the front is waited for; smaller ones do not slip past it,
# or it
# would never go.


Key = tuple[int, str]
"""A call that waits: its run and its action."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueuedCall:
    """A call in the queue, and the tokens that it is expected to take."""

    key: Key
    tokens: int


class FairQueue:
    """The queue: a rotation of runs, each with its calls in order."""

    def __init__(self) -> None:
        self._runs: OrderedDict[int, deque[QueuedCall]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._runs)

    def __contains__(self, key: Key) -> bool:
        return any(one.key == key for one in self._runs.get(key[0], ()))

    def enqueue(self, key: Key, tokens: int) -> None:
        """Wait behind the run's other calls; a run that is new waits behind all runs."""
        self._runs.setdefault(key[0], deque()).append(QueuedCall(key=key, tokens=tokens))

    def remove(self, key: Key) -> None:
        """Wait no more; nothing happens if the call does not wait."""
        rest = deque(one for one in self._runs.get(key[0], ()) if one.key != key)
        if rest:
            self._runs[key[0]] = rest
        else:
            self._runs.pop(key[0], None)

    def peek(self) -> QueuedCall | None:
        """Whose turn it is."""
        return next(iter(self._runs.values()))[0] if self._runs else None

    def pop(self) -> QueuedCall:
        """Let the first one go, and send its run to the end of the rotation.

        Raises:
            LookupError: nobody waits.
        """
        run, calls = next(iter(self._runs.items()), (0, deque[QueuedCall]()))
        served = calls.popleft()
        if calls:
            self._runs.move_to_end(run)
        else:
            del self._runs[run]
        return served

    def in_order(self) -> Iterator[QueuedCall]:
        """All who wait, in the order in which they will go if nobody joins."""
        ahead = FairQueue()
        ahead._runs = OrderedDict((run, calls.copy()) for run, calls in self._runs.items())
        while ahead:
            yield ahead.pop()
