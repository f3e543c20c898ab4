"""`[budgets]` of the team file: what all runs together may spend, by day and by channel."""

from __future__ import annotations

from datetime import tzinfo
from zoneinfo import ZoneInfo

from orchestrator_bridge.value import Value


class Budgets(Value):
    """A day begins at midnight in `time_zone`, a name of the tz database."""

    time_zone: str = "UTC"

    @property
    def zone(self) -> tzinfo:
        """The time zone of the days."""
        return ZoneInfo(self.time_zone)
