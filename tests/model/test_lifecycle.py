"""Lifecycle of a model and its notices: before the day of retirement, on it, after it, and without a known day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.model.catalogue import (
    Lifecycle,
    LifecycleStage,
    lifecycle_badge,
    lifecycle_notice,
    lifecycle_stage,
    resolve,
)
from orchestrator_bridge.model.catalogue.route import RETIRING_DAYS
from orchestrator_bridge.model.catalogue.sources import model_entries
from orchestrator_bridge.model.catalogue.spec import ModelSpec

DAY = date(2027, 3, 1)
LIFE = Lifecycle(retires_on=DAY, answered_by="grok-4.3")


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        (DAY - timedelta(days=RETIRING_DAYS + 1), "current"),
        (DAY - timedelta(days=RETIRING_DAYS), "retiring"),
        (DAY - timedelta(days=1), "retiring"),
        (DAY, "retired"),
        (DAY + timedelta(days=1), "retired"),
        (DAY + timedelta(days=1000), "retired"),
    ],
)
def test_the_day_decides_the_stage_of_a_model(today: date, expected: LifecycleStage) -> None:
    assert lifecycle_stage(LIFE, today) == expected


@given(st.dates())
def test_without_a_day_the_stage_is_unknown_and_there_is_no_notice(today: date) -> None:
    assert lifecycle_stage(None, today) == lifecycle_stage(Lifecycle(), today) == "unknown"
    assert lifecycle_badge(None, today) == lifecycle_badge(Lifecycle(), today) == ""


@given(st.dates(), st.dates())
def test_a_retired_model_stays_retired(first: date, other: date) -> None:
    earlier, later = sorted((first, other))
    if lifecycle_stage(LIFE, earlier) == "retired":
        assert lifecycle_stage(LIFE, later) == "retired"


def test_the_badge_is_short() -> None:
    assert lifecycle_badge(LIFE, DAY) == "retired 2027-03-01, grok-4.3 answers"
    assert lifecycle_badge(Lifecycle(retires_on=DAY), DAY) == "retired 2027-03-01"
    assert lifecycle_badge(LIFE, DAY - timedelta(days=3)) == "retires 2027-03-01"
    assert lifecycle_badge(LIFE, DAY - timedelta(days=300)) == "until 2027-03-01"


def test_the_notice_begins_shortly_before_retirement() -> None:
    own = {"mine": ModelSpec(id="xai/grok-4.7", retires_on=DAY, answered_by="grok-4.3")}
    route = resolve("mine", own, today=DAY)
    assert lifecycle_notice(route, DAY - timedelta(days=RETIRING_DAYS + 1)) == ""
    assert lifecycle_notice(route, DAY - timedelta(days=2)) == "xai retires mine (grok-4.7) on 2027-03-01, in 2 days."
    assert lifecycle_notice(route, DAY - timedelta(days=1)) == "xai retires mine (grok-4.7) on 2027-03-01, in 1 day."
    assert lifecycle_notice(route, DAY).startswith("xai retired mine (grok-4.7) on 2027-03-01; grok-4.3 answers instead")


def test_the_notice_for_a_model_without_a_successor_states_the_refusal() -> None:
    own = {"mine": ModelSpec(id="gpt-5", retires_on=DAY)}
    route = resolve("mine", own, today=DAY)
    assert (
        lifecycle_notice(route, DAY)
        == "openai retired mine (gpt-5) on 2027-03-01; requests to it are refused. Choose another model."
    )


def test_a_retired_model_has_the_price_and_window_of_its_successor() -> None:
    own = {"mine": ModelSpec(id="xai/grok-4.5", retires_on=DAY, answered_by="grok-build-0.1")}
    before, after = resolve("mine", own, today=DAY - timedelta(days=1)), resolve("mine", own, today=DAY)
    assert (before.price, before.context) == (resolve("grok-4.5").price, 500_000)
    assert (after.price, after.context) == (resolve("grok-build-0.1").price, 256_000)


def test_days_of_retirement_in_the_bundled_map_count() -> None:
    assert lifecycle_stage(resolve("gpt-5-mini-2025-08-07").lifecycle, date(2026, 12, 10)) == "retiring"
    assert lifecycle_stage(resolve("gpt-5-mini-2025-08-07").lifecycle, date(2026, 12, 11)) == "retired"


def test_every_successor_of_a_listed_model_has_a_price() -> None:
    for name in model_entries():
        life = resolve(name).lifecycle
        if life is not None and life.answered_by:
            assert life.price is not None, name


def test_a_day_from_the_map_is_attributed_to_the_map() -> None:
    """Google and Amazon name the day before which nothing is retired, and the map has such days too."""
    route = resolve("vertex_ai/claude-haiku-4-5")
    assert route.lifecycle is not None
    day = route.lifecycle.retires_on
    assert day is not None
    assert lifecycle_notice(route, day) == (
        f"According to LiteLLM's price map, vertex_ai retired claude-haiku-4-5 on {day}; it is not known if it still answers."
    )
    assert lifecycle_notice(route, day - timedelta(days=2)) == (
        f"According to LiteLLM's price map, vertex_ai retires claude-haiku-4-5 on {day}, in 2 days, at the earliest."
    )
    own = {"mine": ModelSpec(id="vertex_ai/claude-haiku-4-5", retires_on=day)}
    assert lifecycle_notice(resolve("mine", own), day).startswith("vertex_ai retired mine (claude-haiku-4-5) on")
