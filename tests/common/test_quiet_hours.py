"""Quiet hours, by the clocks where somebody lives, also in the nights when those are put forward or back."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator_bridge.common.quiet_hours import quiet_until
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
    assert directory.local_time("@ana", at("2026-11-21 07:00")) == "07:00"
