"""`[budgets]` of the team file: what all runs together may spend, by day and by channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.common.frozen import Value

EVERYWHERE = ""
"""In place of a channel: all of them."""

Dollars = Annotated[Decimal, Field(gt=0)]


class Budgets(Value):
    """US dollars a day, over all runs. A day begins at midnight in `time_zone`, a name of the tz database."""

    time_zone: str = "UTC"
    day: Dollars | None = None
    """What all runs together may spend in a day."""
    channel: Dollars | None = None
    """What the runs of one channel may spend in a day."""
    channels: Mapping[str, Dollars] = {}
    """The same for single channels, as `platform:channel`."""

    @property
    def zone(self) -> tzinfo:
        """The time zone of the days."""
        return ZoneInfo(self.time_zone)

    def of_channel(self, channel: str) -> Decimal | None:
        """What the runs of a channel may spend in a day."""
        return self.channels.get(channel, self.channel)

    def day_of(self, at: float) -> str:
        """The day of a moment, such as `2026-11-22`."""
        return f"{datetime.fromtimestamp(at, self.zone):%Y-%m-%d}"

    def begin_of_day(self, at: float) -> float:
        """When the day of a moment began, in seconds since the epoch."""
        now = datetime.fromtimestamp(at, self.zone)
        return now.replace(hour=0, minute=0, second=0, microsecond=0, fold=0).timestamp()


def channel_key(place: Place) -> str:
    """A channel as `[budgets.channels]` and the costs name it: `platform:123`."""
    return f"{place.platform}:{place.channel}"


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


def describe_budget(budget: BudgetName, limit: Decimal) -> str:
    """A budget in words for people: `this channel's budget of $5.00 a day`."""
    match budget:
        case "money":
            return f"this run's budget of {format_dollars(limit)}"
        case "channel":
            return f"this channel's budget of {format_dollars(limit)} a day"
        case "day":
            return f"the budget of {format_dollars(limit)} a day for all runs"


def format_dollars(amount: Decimal) -> str:
    """US dollars for people, to the cent, or to a hundredth of it where it is less than a dollar: `$0.0021`, `$12.50`."""
    return f"${amount:.2f}" if amount >= 1 or amount == round(amount, 2) else f"${amount:.4f}"
