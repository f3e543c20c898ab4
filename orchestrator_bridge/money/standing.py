"""How a budget stands, and whether it bears one call more. Plain arithmetic in exact decimals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

BudgetName = Literal["money", "channel", "day"]
"""Of the run itself, of its channel for the day, of all runs for the day."""

WARN_AT = Decimal("0.8")
"""The part of a budget that is used up when people are warned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetStatus:
    """A budget in US dollars. `used` is what is booked, reserved and unknown together."""

    budget: BudgetName
    limit: Decimal
    used: Decimal

    def allows(self, amount: Decimal) -> bool:
        """Whether one more call of this cost fits. Nothing fits into what is used up, not even what is free."""
        return self.used < self.limit and self.used + amount <= self.limit

    def near_limit(self, amount: Decimal) -> bool:
        """Whether it is nearly used up once this is reserved."""
        return self.used + amount >= WARN_AT * self.limit


def say_budget(budget: BudgetName, limit: Decimal) -> str:
    """A budget in words for people: `this channel's budget of $5.00 a day`."""
    match budget:
        case "money":
            return f"this run's budget of {say_dollars(limit)}"
        case "channel":
            return f"this channel's budget of {say_dollars(limit)} a day"
        case "day":
            return f"the budget of {say_dollars(limit)} a day for all runs"


def say_dollars(amount: Decimal) -> str:
    """US dollars for people, to the cent, or to a hundredth of it where it is less than a dollar: `$0.0021`, `$12.50`."""
    return f"${amount:.2f}" if amount >= 1 or amount == round(amount, 2) else f"${amount:.4f}"
