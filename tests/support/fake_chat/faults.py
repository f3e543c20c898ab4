"""Faults of the fake chat platform, and their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Trouble = Literal["refuse", "limit", "reject", "lose", "silence", "slow"]
"""`refuse`, `limit` and `reject` do nothing (503, 429 with a pause, 403); the others do what was asked and then cut the
connection, say nothing until the client leaves, or answer late."""

Stage = Literal["arrived", "done", "answered"]
"""A request has arrived and did nothing yet; it has had its effect; its answer was handed to the connection."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One trouble; `seconds` is the pause of `limit` and the delay of `slow`."""

    trouble: Trouble
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedRequest:
    """One request of a bot: what it wants, and the key or text by which a reader recognises it."""

    number: int
    path: str
    about: str


Plan = Callable[[ReceivedRequest], Fault | None]
Watch = Callable[[Stage, ReceivedRequest], None]


class Faults:
    """The faults to come: those that were put in line, for the requests named, and then what `plan` says of each request."""

    def __init__(self, plan: Plan | None = None) -> None:
        self.plan = plan
        self._next: deque[tuple[Fault, frozenset[str]]] = deque()

    def put(self, trouble: Trouble, *paths: str, seconds: float = 0.0) -> None:
        """The next request, or the next to one of these paths, runs into this."""
        self._next.append((Fault(trouble=trouble, seconds=seconds), frozenset(paths or WRITES)))

    def take(self, asked: ReceivedRequest) -> Fault | None:
        """Take the fault of this request, if any."""
        if self._next and asked.path in self._next[0][1]:
            return self._next.popleft()[0]
        return self.plan(asked) if self.plan is not None else None


WRITES = ("/post", "/thread", "/edit", "/tell")
"""Requests that have an effect."""
