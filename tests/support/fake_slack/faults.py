"""Faults of the fake Slack, and their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Trouble = Literal["limit", "error", "down", "cut", "lose", "silence", "slow"]
"""Without an effect: `limit` (429 with `Retry-After`), `error` (`ok: false` with a name), `down` (503), `cut` (the connection is
cut at once). After the effect: `lose` (the connection is cut), `silence` (no response), `slow`."""

WRITES = frozenset(
    {
        "chat.postMessage",
        "chat.update",
        "chat.delete",
        "chat.startStream",
        "chat.appendStream",
        "chat.stopStream",
        "chat.postEphemeral",
        "reactions.add",
        "views.open",
        "views.update",
        "views.publish",
        "files.completeUploadExternal",
    }
)
"""Methods that have an effect."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault. `seconds` is the delay of `limit` and `slow`; `name` is that of the error."""

    trouble: Trouble
    seconds: float = 0.0
    name: str = ""
    also: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceivedRequest:
    """One request: its method, and the key or text by which a reader recognises it."""

    number: int
    path: str
    about: str
    verb: str


Plan = Callable[[ReceivedRequest], Fault | None]


class Faults:
    """The faults to come: those queued for the named methods, then those that `plan` returns."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self._next: deque[tuple[Fault, frozenset[str]]] = deque()

    def put(
        self, trouble: Trouble, *methods: str, name: str = "", seconds: float = 0.0, also: Mapping[str, Any] | None = None
    ) -> None:
        """Queue a fault for the next request to one of these methods, or for the next write."""
        fault = Fault(trouble=trouble, seconds=seconds, name=name, also=also)
        self._next.append((fault, frozenset(methods) or WRITES))

    def take(self, asked: ReceivedRequest) -> Fault | None:
        """The fault of this request."""
        for item in self._next:
            if asked.path in item[1]:
                self._next.remove(item)
                return item[0]
        return self.plan(asked) if self.plan is not None else None
