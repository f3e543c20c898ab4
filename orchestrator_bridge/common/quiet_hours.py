"""Quiet hours: the part of the day in which a person gets no notifications, by the clock of their time zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-3]):([0-5]\d)")


def _check_hours(text: str) -> str:
    match = _HOURS.fullmatch(text.strip())
    if match is None or match.groups()[:2] == match.groups()[2:]:
        raise ValueError(f"{text!r}; expected two different times of day, such as '22:00-07:00'")
    return text.strip()


QuietHours = Annotated[str, AfterValidator(_check_hours)]
"""`22:00-07:00`: from the first time of day until before the second, past midnight if the second is earlier."""


def quiet_until(hours: str, zone: str, now: float) -> float | None:
    """Return the end of the quiet hours that contain `now`, None outside of them. Seconds since the epoch."""
    start, end = _parse_hours(hours)
    here = datetime.fromtimestamp(now, ZoneInfo(zone))
    after_start, before_end = start <= here.time(), here.time() < end
    quiet = after_start and before_end if start < end else after_start or before_end  # past midnight
    if not quiet:
        return None
    day = here.date() if before_end else here.date() + timedelta(days=1)
    # The end is a time of day and not a number of hours: in the night in which clocks change it comes an hour earlier or later.
    # In autumn one hour happens twice, so that an end within it names two moments (fold 0 and 1): the first still to come counts.
    ends = [datetime.combine(day, end, ZoneInfo(zone)).replace(fold=fold).timestamp() for fold in (0, 1)]
    return min(moment for moment in (*ends, now + timedelta(days=2).total_seconds()) if moment > now)


def format_time_of_day(at: float, zone: str | None) -> str:
    """Format a moment as the clock of a time zone shows it: `07:00`; as `07:00 UTC` if no zone is known."""
    if zone is None:
        return f"{datetime.fromtimestamp(at, UTC):%H:%M} UTC"
    return f"{datetime.fromtimestamp(at, ZoneInfo(zone)):%H:%M}"


def _parse_hours(hours: str) -> tuple[time, time]:
    match = _HOURS.fullmatch(hours)
    assert match is not None, "quiet hours are checked when the team file is read"
    start_hour, start_minute, end_hour, end_minute = (int(part) for part in match.groups())
    return time(start_hour, start_minute), time(end_hour, end_minute)
