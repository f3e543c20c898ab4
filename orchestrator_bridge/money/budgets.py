"""`[budgets]` of the team file: what all runs together may spend, by day and by channel."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field

from orchestrator_bridge.chat import Place
from orchestrator_bridge.value import Value

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
    """A channel as `[budgets.channels]` and the costs name it: `discord:123`."""
    return f"{place.platform}:{place.channel}"
