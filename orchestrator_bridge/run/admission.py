"""What a run asks before it starts a call: what the call may cost, and whether it may go now. The rules are elsewhere."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from orchestrator_bridge.model.limits.road import Hold
from orchestrator_bridge.model.port import Request


class Admission(Protocol):
    """Lets calls go. What it has let go must be started, or be taken back."""

    def reserve(self, request: Request) -> Decimal | None:
        """The most that a call is expected to cost, in US dollars; None if nobody knows."""
        ...

    def excess(self, request: Request) -> int:
        """By how many tokens a prompt is longer than its model takes; 0 if it fits, or nobody knows."""
        ...

    def enter(self, run: int, action: str, request: Request) -> Hold | None:
        """Go now (None), or wait: whoever is held is told when it may ask again."""
        ...
