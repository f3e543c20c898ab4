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
    clock = ZoneInfo(zone)
    today = datetime.fromtimestamp(now, clock).date()
    for first_day in (today - timedelta(days=1), today):
        last_day = first_day if start < end else first_day + timedelta(days=1)
        # Both ends are times of day: in a night in which clocks change, they are an hour closer or further apart. A time that
        # happens twice counts when it first happens; one that is skipped counts by the clock before the change (PEP 495).
        begins, ends = datetime.combine(first_day, start, clock).timestamp(), datetime.combine(last_day, end, clock).timestamp()
        if begins <= now < ends:
            return ends
    return None


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
