"""Who waits for a route, and who is next: one call of each run in turn, so that no run's sixteen agents starve the others.

Within a run the call that came first goes first. A large call at the front is waited for; smaller ones do not slip past it, or it
would never go.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass

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
