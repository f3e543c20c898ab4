"""Durations as people write them, and as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.common.duration import format_duration, parse_duration

WRITTEN = {
    90: 90.0,
    0.5: 0.5,
    "90s": 90.0,
    "10m": 600.0,
    "10 min": 600.0,
    "1h 30m": 5400.0,
    "1h30m": 5400.0,
    "1.5h": 5400.0,
    "2d": 172_800.0,
    "  2 D  ": 172_800.0,
    "0s": 0.0,
}


@pytest.mark.parametrize(("written", "seconds"), WRITTEN.items())
def test_a_duration_is_read_as_it_is_written(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("wrong", ["", "soon", "10", "10 parsecs", "10m, please", "m", "1h -30m", "1e3s", None, True, [10]])
def test_an_invalid_duration_is_refused_with_the_expected_form(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"is not a duration; expected seconds or a text such as '90s', '10m', '1h 30m' or '2d'"):
        parse_duration(wrong)


@pytest.mark.parametrize("wrong", [-1, -0.5, float("-inf"), "-5m", "- 1h 30m"])
def test_a_negative_duration_is_called_negative(wrong: object) -> None:
    with pytest.raises(ValueError, match="is negative; expected 0 or more: seconds, or a text such as '10m'"):
        parse_duration(wrong)


@pytest.mark.parametrize("wrong", [float("inf"), float("nan"), 10**400, "9" * 400 + "d"])
def test_a_duration_without_an_end_is_refused_and_shown_short(wrong: object) -> None:
    with pytest.raises(ValueError, match="is infinite; expected seconds or a text such as '10m'") as refused:
        parse_duration(wrong)
    assert len(str(refused.value)) < 150


SAID = {
    0: "0 s",
    -5: "0 s",
    45: "45 s",
    59.4: "59 s",
    59.6: "1 min",
    600: "10 min",
    3_599: "1 h",
    5_400: "1 h 30 min",
    86_400: "1 d",
    90_000: "1 d 1 h",
    90_060: "1 d 1 h",
    172_800: "2 d",
}


@pytest.mark.parametrize(("seconds", "said"), SAID.items())
def test_a_duration_is_formatted_in_at_most_two_units(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said


@given(st.integers(0, 10**8))
def test_a_formatted_duration_is_parsed_to_about_the_same(seconds: int) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, rel=0.05, abs=30)
