"""Shared budgets (`[budgets]` of the team file): limits on the daily spending of all runs and of single channels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Annotated, Literal, assert_never
from zoneinfo import ZoneInfo

from pydantic import Field

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.frozen import Value

EVERYWHERE = ""
"""Key of the budget of all channels together, in place of a channel."""

Dollars = Annotated[Decimal, Field(gt=0)]


class Budgets(Value):
    """Limits in US dollars a day. A day begins at midnight in `time_zone`, a name of the tz database."""

    time_zone: str = "UTC"
    day: Dollars | None = None
    """Limit of all runs together."""
    channel: Dollars | None = None
    """Limit of the runs of each channel."""
    channels: Mapping[str, Dollars] = {}
    """Limits of single channels (`platform/123`, earlier `platform:123`), in place of `channel`."""

    @property
    def zone(self) -> tzinfo:
        """Time zone in which days begin."""
        return ZoneInfo(self.time_zone)

    def of_channel(self, channel: str) -> Decimal | None:
        """Limit of a channel (`channel_key`), None if there is none."""
        own = self.channels.get(channel.replace(":", "/", 1))
        return own if own is not None else self.channels.get(channel, self.channel)

    def day_of(self, at: float) -> str:
        """Day of a time, such as `2026-11-22`."""
        return f"{datetime.fromtimestamp(at, self.zone):%Y-%m-%d}"

    def begin_of_day(self, at: float) -> float:
        """Start of the day of a time, in seconds since the epoch."""
        now = datetime.fromtimestamp(at, self.zone)
        # Where clocks go back at midnight, that midnight happens twice: the day begins at the first (fold 0).
        return now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()


def channel_key(place: Place) -> str:
    """Key of a channel in stored costs: `platform:123`. People read and write `platform/123`."""
    return f"{place.platform}:{place.channel}"


BudgetName = Literal["money", "channel", "day"]
"""Budget of the run, of its channel for the day, or of all runs for the day."""

WARN_AT = Decimal("0.8")
"""Used part of a budget at which people are warned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetStatus:
    """State of a budget in US dollars. `used` includes booked, reserved and unknown costs."""

    budget: BudgetName
    limit: Decimal
    used: Decimal

    def allows(self, amount: Decimal) -> bool:
        """True if one more call of this cost fits. Nothing fits into a used-up budget, not even a free call."""
        return self.used < self.limit and self.used + amount <= self.limit

    def near_limit(self, amount: Decimal) -> bool:
        """True if the warning level is reached once `amount` is reserved."""
        return self.used + amount >= WARN_AT * self.limit


def describe_budget(budget: BudgetName, limit: Decimal) -> str:
    """Name a budget: `this channel's budget of $5.00 a day`."""
    match budget:
        case "money":
            return f"this run's budget of {format_dollars(limit)}"
        case "channel":
            return f"this channel's budget of {format_dollars(limit)} a day"
        case "day":
            return f"the budget of {format_dollars(limit)} a day for all runs"
        case _:
            assert_never(budget)


def format_dollars(amount: Decimal) -> str:
    """Format US dollars to the cent, amounts below a dollar to a hundredth of a cent if needed: `$12.50`, `$0.0021`."""
    return f"${amount:.2f}" if amount >= 1 or amount == round(amount, 2) else f"${amount:.4f}"
