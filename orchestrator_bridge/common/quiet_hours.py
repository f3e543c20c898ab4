"""Quiet hours: when somebody is not to be disturbed, by the clocks where they live."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-3]):([0-5]\d)")


def _checked(text: str) -> str:
    match = _HOURS.fullmatch(text.strip())
    if match is None or match.groups()[:2] == match.groups()[2:]:
        raise ValueError(f"{text!r}; expected two different times of day, such as '22:00-07:00'")
    return text.strip()


QuietHours = Annotated[str, AfterValidator(_checked)]
"""`22:00-07:00`: from the first time of day until before the second, over midnight where it is the earlier one."""


def quiet_until(hours: str, zone: str, now: float) -> float | None:
    """When the quiet hours end in which `now` lies, None outside of them. Both in seconds since the epoch.

    Clocks that are put forward or back in the night are minded: the end is a time of day, not a number of hours.
    """
    start, end = _times(hours)
    here = datetime.fromtimestamp(now, ZoneInfo(zone))
    if not _within(here.time(), start, end):
        return None
    day = here.date() if here.time() < end else here.date() + timedelta(days=1)
    ends = [datetime.combine(day, end, ZoneInfo(zone)).replace(fold=fold).timestamp() for fold in (0, 1)]
    return min(one for one in (*ends, now + timedelta(days=2).total_seconds()) if one > now)


def clock_of(at: float, zone: str | None) -> str:
    """A time of day as somebody's clock shows it: `07:00`; in UTC, and saying so, where no zone is known."""
    if zone is None:
        return f"{datetime.fromtimestamp(at, UTC):%H:%M} UTC"
    return f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%H:%M}"


def _times(hours: str) -> tuple[time, time]:
    match = _HOURS.fullmatch(hours)
    assert match is not None, "quiet hours are checked when the team file is read"
    first, second, third, fourth = (int(part) for part in match.groups())
    return time(first, second), time(third, fourth)


def _within(here: time, start: time, end: time) -> bool:
    return start <= here < end if start < end else here >= start or here < end
