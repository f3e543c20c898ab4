"""What can go wrong at the fake Slack, and in which order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Trouble = Literal["limit", "error", "down", "cut", "lose", "silence", "slow"]
"""Without an effect: `limit` (429 with `Retry-After`), `error` (`ok: false` with a name), `down` (503), `cut` (the connection is
cut at once). With it: `lose` (and then the connection is cut), `silence` (and then nothing is said), `slow`."""

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
    """One trouble. `seconds`: the pause of `limit`, the delay of `slow`; `name`: the error's name."""

    trouble: Trouble
    seconds: float = 0.0
    name: str = ""
    also: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request: its method, and the key or text by which a reader recognises it."""

    number: int
    path: str
    about: str
    verb: str


Plan = Callable[[Asked], Fault | None]


class Faults:
    """The faults to come: those put in line for the methods named, and then what `plan` says."""

    def __init__(self) -> None:
        self.plan: Plan | None = None
        self._next: deque[tuple[Fault, frozenset[str]]] = deque()

    def put(
        self, trouble: Trouble, *methods: str, name: str = "", seconds: float = 0.0, also: Mapping[str, Any] | None = None
    ) -> None:
        """The next request to one of these methods, or the next that writes, runs into this."""
        fault = Fault(trouble=trouble, seconds=seconds, name=name, also=also)
        self._next.append((fault, frozenset(methods) or WRITES))

    def take(self, asked: Asked) -> Fault | None:
        """What this request runs into."""
        for one in self._next:
            if asked.path in one[1]:
                self._next.remove(one)
                return one[0]
        return self.plan(asked) if self.plan is not None else None
