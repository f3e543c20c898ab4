"""Quiet hours and days, in which a person gets no notifications, by the clock of their time zone; and on-call rotations."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator

_HOURS = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-3]):([0-5]\d)")
_HANDOVER = re.compile(r"([a-z]+) ([01]?\d|2[0-3]):([0-5]\d)")
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LONGEST = timedelta(days=366).total_seconds()
"""Seconds. Quiet days without an end, such as all seven weekdays, are looked at for a year."""
_NEAR = timedelta(hours=18).total_seconds()
"""Seconds. A moment that is further away is shown with its day."""


def _check_hours(text: str) -> str:
    match = _HOURS.fullmatch(text.strip())
    if match is None or match.groups()[:2] == match.groups()[2:]:
        raise ValueError(f"{text!r}; expected two different times of day, such as '22:00-07:00'")
    return text.strip()


QuietHours = Annotated[str, AfterValidator(_check_hours)]
"""`22:00-07:00`: from the first time of day until before the second, past midnight if the second is earlier."""


def _weekday(name: str) -> int | None:
    """Monday is 0. At least three letters of a name identify it."""
    return next((day for day, full in enumerate(_WEEKDAYS) if len(name) >= 3 and full.startswith(name)), None)


def _date_text(day: Any) -> Any:
    """TOML has dates of its own: `2026-12-24` without quotes."""
    return day.isoformat() if isinstance(day, date) else day


def _check_day(text: str) -> str:
    day = text.strip().lower()
    if day == "weekends" or _weekday(day) is not None:
        return day
    try:
        first, last = _dates(day, 2028)  # a leap year, in which 02-29 exists
    except ValueError:
        first, last = date.max, date.min
    if first > last:
        expected = "'weekends', a weekday, a date as '2026-12-24', dates as '2026-12-24..2027-01-01', or '12-25' for every year"
        raise ValueError(f"{text!r}; expected {expected}")
    return day


QuietDay = Annotated[str, BeforeValidator(_date_text), AfterValidator(_check_day)]
"""`weekends`, `saturday`, `2026-12-24`, `2026-12-24..2027-01-01` (both included), or `12-25` for every year."""


def _dates(day: str, year: int) -> tuple[date, date]:
    """First and last date of a quiet day that is no weekday; `12-25` is that of a year.

    Raises:
        ValueError: it is no date, or has none in this year.
    """
    first, _, last = day.partition("..")
    if re.fullmatch(r"\d\d-\d\d", first) and not last:
        first = f"{year}-{first}"
    return date.fromisoformat(first), date.fromisoformat(last or first)


def _is_quiet_day(day: date, days: Sequence[str]) -> bool:
    for quiet in days:
        if quiet == "weekends" or _weekday(quiet) is not None:
            if day.weekday() in ((5, 6) if quiet == "weekends" else (_weekday(quiet),)):
                return True
            continue
        try:
            first, last = _dates(quiet, day.year)
        except ValueError:  # 02-29 in a common year
            continue
        if first <= day <= last:
            return True
    return False


def quiet_until(hours: str | None, zone: str, now: float, days: Sequence[str] = ()) -> float | None:
    """Return the end of the quiet hours and days that contain `now`, None outside of them. Seconds since the epoch.

    Hours and days that touch are one: a weekend after a Friday night ends on Monday morning.
    """
    clock = ZoneInfo(zone)
    until = None
    while (until or now) < now + _LONGEST:
        at = until or now
        ends = _day_end(days, clock, at) or (_hours_end(hours, clock, at) if hours else None)
        if ends is None:
            return until
        until = ends
    return until


def _day_end(days: Sequence[str], clock: ZoneInfo, now: float) -> float | None:
    today = datetime.fromtimestamp(now, clock).date()
    if not _is_quiet_day(today, days):
        return None
    return datetime.combine(today + timedelta(days=1), time(0), clock).timestamp()


def _hours_end(hours: str, clock: ZoneInfo, now: float) -> float | None:
    start, end = _parse_hours(hours)
    today = datetime.fromtimestamp(now, clock).date()
    for first_day in (today - timedelta(days=1), today):
        last_day = first_day if start < end else first_day + timedelta(days=1)
        # Both ends are times of day: in a night in which clocks change, they are an hour closer or further apart. A time that
        # happens twice counts when it first happens; one that is skipped counts by the clock before the change (PEP 495).
        begins, ends = datetime.combine(first_day, start, clock).timestamp(), datetime.combine(last_day, end, clock).timestamp()
        if begins <= now < ends:
            return ends
    return None


def format_moment(at: float, zone: str | None, now: float) -> str:
    """Format a moment as a time zone's clock shows it, UTC without one: `07:00`, or `Mon 30 Nov, 07:00` if that is not soon."""
    moment = datetime.fromtimestamp(at, ZoneInfo(zone) if zone else UTC)
    day = f"{moment:%a} {moment.day} {moment:%b}, " if at - now > _NEAR else ""
    return f"{day}{moment:%H:%M}" + ("" if zone else " UTC")


def _parse_hours(hours: str) -> tuple[time, time]:
    match = _HOURS.fullmatch(hours)
    assert match is not None, "quiet hours are checked when the team file is read"
    start_hour, start_minute, end_hour, end_minute = (int(part) for part in match.groups())
    return time(start_hour, start_minute), time(end_hour, end_minute)


def _check_handover(text: str) -> str:
    match = _HANDOVER.fullmatch(text.strip().lower())
    if match is None or _weekday(match[1]) is None:
        raise ValueError(f"{text!r}; expected a weekday and a time of day, such as 'monday 09:00'")
    return text.strip().lower()


Handover = Annotated[str, AfterValidator(_check_handover)]
"""`monday 09:00`: the time of the week at which the next person of a rotation is on duty."""


def turn(handover: str, zone: str, first: date, now: float) -> int:
    """Number of handovers between a rotation's first week and `now`: 0 in the week in which the day `first` lies.

    The week is that of the zone's wall clock, so a handover stays at its time of day when clocks change.
    """
    match = _HANDOVER.fullmatch(handover)
    assert match is not None, "handovers are checked when the team file is read"
    weekday = _weekday(match[1]) or 0
    begins = datetime.combine(first - timedelta(days=(first.weekday() - weekday) % 7), time(int(match[2]), int(match[3])))
    return (datetime.fromtimestamp(now, ZoneInfo(zone)).replace(tzinfo=None) - begins) // timedelta(days=7)
