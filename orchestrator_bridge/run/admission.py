"""What a run asks before it starts a call: what the call may cost, whether budgets bear it, and whether it may go now.

The rules are elsewhere; what is shared by all runs is behind this.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from orchestrator_bridge.chat import Place
from orchestrator_bridge.model.limits.road import Throttled
from orchestrator_bridge.model.port import Request
from orchestrator_bridge.money.standing import BudgetStatus
from orchestrator_bridge.store.rows import Record


class CallAdmission(Protocol):
    """Lets calls go. What it has let go must be started, or be taken back."""

    def price(self, request: Request) -> Decimal | None:
        """The most that a call is expected to cost, in US dollars; None if nobody knows."""
        ...

    def tokens(self, request: Request) -> int:
        """The tokens that a call is expected to take, in and out. An estimate."""
        ...

    def excess_tokens(self, request: Request) -> int:
        """By how many tokens a prompt is longer than its model takes; 0 if it fits, or nobody knows."""
        ...

    def budget_statuses(self, place: Place, now: float, unstored: Sequence[Record]) -> Sequence[BudgetStatus]:
        """How the budgets stand that all runs of a place share. `unstored`: the rows of the transaction that asks."""
        ...

    def try_acquire(self, run: int, action: str, request: Request) -> Throttled | None:
        """Go now (None), or wait: whoever is held is told when it may ask again."""
        ...

    def cancel(self, run: int, action: str, attempt: int) -> None:
        """A call that might go will not be made after all."""
        ...

    def reserve(self, run: int, action: str, attempt: int, place: Place, amount: Decimal) -> None:
        """A call that goes may cost so much, from now on for all runs."""
        ...
