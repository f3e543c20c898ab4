"""Quiet hours, by the clocks where somebody lives, also in the nights when those are put forward or back."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator_bridge.common.quiet_hours import format_moment, quiet_until, turn
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import PersonSpec

BERLIN = "Europe/Berlin"


def at(text: str, zone: str = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-20 21:59", None),
        ("2026-11-20 22:00", "2026-11-21 07:00"),
        ("2026-11-21 06:59", "2026-11-21 07:00"),
        ("2026-11-21 07:00", None),
        ("2026-03-28 23:00", "2026-03-29 07:00"),
        ("2026-10-24 23:00", "2026-10-25 07:00"),
    ],
)
def test_the_night_ends_at_a_time_of_day(now: str, end: str | None) -> None:
    assert quiet_until("22:00-07:00", BERLIN, at(now)) == (at(end) if end else None)


def test_the_night_in_which_clocks_go_forward_is_an_hour_shorter() -> None:
    assert at("2026-03-29 07:00") - at("2026-03-28 22:00") == 8 * 3600
    assert at("2026-10-25 07:00") - at("2026-10-24 22:00") == 10 * 3600


@pytest.mark.parametrize(("zone", "night"), [(BERLIN, "2026-03-29"), ("America/New_York", "2026-03-08")])
def test_an_end_in_the_hour_that_is_skipped_is_not_an_hour_early(zone: str, night: str) -> None:
    """At 02:00 clocks go to 03:00, so that 02:30 is half an hour after that."""
    assert quiet_until("22:00-02:30", zone, at(f"{night} 01:15", zone)) == at(f"{night} 03:30", zone)
    assert quiet_until("22:00-02:30", zone, at(f"{night} 03:15", zone)) == at(f"{night} 03:30", zone)
    assert quiet_until("22:00-02:30", zone, at(f"{night} 03:30", zone)) is None


def test_quiet_hours_may_be_in_the_day() -> None:
    assert quiet_until("12:00-13:30", BERLIN, at("2026-11-20 12:30")) == at("2026-11-20 13:30")
    assert quiet_until("12:00-13:30", BERLIN, at("2026-11-20 14:00")) is None


TIMES = st.tuples(st.integers(0, 23), st.integers(0, 59)).map(lambda time: f"{time[0]:02}:{time[1]:02}")


@given(TIMES, TIMES, st.floats(1.7e9, 1.9e9), st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "UTC"]))
def test_quiet_hours_end_within_a_day_and_a_bit_and_are_over_then(start: str, end: str, now: float, zone: str) -> None:
    if start == end:
        return
    until = quiet_until(f"{start}-{end}", zone, now)
    if until is not None:
        assert now < until <= now + 26 * 3600
        here = datetime.fromtimestamp(until, ZoneInfo(zone))
        assert (f"{here:%H:%M}" == end) or quiet_until(f"{start}-{end}", zone, until) is None


@pytest.mark.parametrize("hours", ["22-7", "25:00-07:00", "07:00-07:00", "nights", ""])
def test_invalid_quiet_hours_are_refused(hours: str) -> None:
    with pytest.raises(ValidationError, match="expected two different times of day"):
        PersonSpec(quiet=hours, time_zone=BERLIN)


def test_quiet_hours_need_a_zone() -> None:
    with pytest.raises(ValidationError, match="'quiet' without 'time_zone'"):
        PersonSpec(quiet="22:00-07:00")


def test_only_people_of_the_team_file_have_quiet_hours() -> None:
    directory = Directory({"ana": PersonSpec(ids={"slack": "U1"}, quiet="22:00-07:00", time_zone=BERLIN)})
    night = at("2026-11-20 23:00")
    assert directory.quiet_until("@ana", night) == at("2026-11-21 07:00")
    assert directory.quiet_until("slack:U9", night) is None
    assert directory.local_time("@ana", at("2026-11-21 07:00"), night) == "07:00"


@pytest.mark.parametrize(
    ("days", "now", "end"),
    [
        (["weekends"], "2026-11-27 12:00", None),
        (["weekends"], "2026-11-28 12:00", "2026-11-30 00:00"),
        (["sat", "Sunday"], "2026-11-28 12:00", "2026-11-30 00:00"),
        (["2026-12-24"], "2026-12-24 00:00", "2026-12-25 00:00"),
        (["2026-12-24..2027-01-01"], "2026-12-31 23:59", "2027-01-02 00:00"),
        (["12-25", "12-26"], "2031-12-25 08:00", "2031-12-27 00:00"),
        (["02-29"], "2027-03-01 08:00", None),
    ],
)
def test_days_are_quiet_from_midnight_to_midnight(days: list[str], now: str, end: str | None) -> None:
    spec = PersonSpec(quiet_days=tuple(days), time_zone=BERLIN)
    assert quiet_until(None, BERLIN, at(now), spec.quiet_days) == (at(end) if end else None)


def test_a_night_and_a_weekend_that_touch_end_on_monday_morning() -> None:
    assert quiet_until("22:00-07:00", BERLIN, at("2026-11-27 23:00"), ["weekends"]) == at("2026-11-30 07:00")


def test_a_week_of_quiet_days_has_an_end() -> None:
    now = at("2026-11-27 23:00")
    every_day = ["weekends", "monday", "tuesday", "wednesday", "thursday", "friday"]
    assert quiet_until(None, BERLIN, now, every_day) == pytest.approx(now + 366 * 86_400, abs=2 * 86_400)


@given(st.lists(st.sampled_from(["weekends", "mon", "12-25", "2026-11-28"]), min_size=1), st.floats(1.7e9, 1.9e9))
def test_after_the_end_of_quiet_days_nothing_is_quiet(days: list[str], now: float) -> None:
    until = quiet_until("22:00-07:00", BERLIN, now, days)
    if until is not None:
        assert until > now
        assert quiet_until("22:00-07:00", BERLIN, until, days) is None


@pytest.mark.parametrize("day", ["someday", "we", "2026-13-01", "2026-12-31..2026-12-01", "13-45", ""])
def test_invalid_quiet_days_are_refused(day: str) -> None:
    with pytest.raises(ValidationError, match="expected 'weekends', a weekday, a date"):
        PersonSpec(quiet_days=(day,), time_zone=BERLIN)


def test_a_time_that_is_not_soon_has_its_day() -> None:
    now = at("2026-11-27 23:00")
    assert format_moment(at("2026-11-28 07:00"), BERLIN, now) == "07:00"
    assert format_moment(at("2026-11-30 07:00"), BERLIN, now) == "Mon 30 Nov, 07:00"
    assert format_moment(at("2026-11-30 07:00"), None, now) == "Mon 30 Nov, 06:00 UTC"


def test_a_handover_stays_at_its_time_of_day_when_clocks_change() -> None:
    first = date(2026, 10, 19)
    assert turn("monday 09:00", BERLIN, first, at("2026-10-19 08:59")) == -1
    assert turn("monday 09:00", BERLIN, first, at("2026-10-19 09:00")) == 0
    assert turn("monday 09:00", BERLIN, first, at("2026-10-26 08:59")) == 0
    assert turn("monday 09:00", BERLIN, first, at("2026-10-26 09:00")) == 1
    assert turn("fri 17:00", BERLIN, first, at("2026-10-19 09:00")) == 0
