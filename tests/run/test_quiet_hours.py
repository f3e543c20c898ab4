"""Quiet hours in a run: people who are not notified at night, and what their questions do meanwhile."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from orchestrator_bridge.team.team import Escalation, FallbackStep, PersonSpec
from tests.support.policy_simulator import (
    BEN,
    NIGHT,
    PEOPLE,
    SLEEPS,
    card,
    pinged,
    receipts,
    simulator,
)
from tests.support.run_simulator import RunSimulator, ask


def test_a_question_to_a_person_with_quiet_hours_waits_without_a_notification() -> None:
    played = simulator(people={**PEOPLE, "ana": PersonSpec(ids={"slack": "U1"}, **SLEEPS)}, now=NIGHT)
    played.says("one", ask("Which?"))
    played.post_question(1)
    assert (pinged(played), card(played).asked) == ([], "ana; ana is not disturbed before 07:00")
    played.passes(8 * 3600 - 1)
    assert pinged(played) == []
    played.passes(1)
    assert pinged(played) == [["U1"]]
    played.passes(1800 - 1)
    assert played.state.questions[1].open
    played.passes(10)
    assert not played.state.questions[1].open


@pytest.mark.parametrize(("evening", "hours"), [((2026, 3, 28), 7), ((2026, 10, 24), 9), ((2026, 11, 20), 8)])
def test_quiet_hours_end_at_a_time_of_day_also_when_clocks_change(evening: tuple[int, int, int], hours: int) -> None:
    now = datetime(*evening, 23, tzinfo=ZoneInfo("Europe/Berlin")).timestamp()
    played = simulator(people={**PEOPLE, "ana": PersonSpec(ids={"slack": "U1"}, **SLEEPS)}, now=now)
    played.says("one", ask("Which?"))
    played.post_question(1)
    played.passes(hours * 3600 - 1)
    assert pinged(played) == []
    played.passes(1)
    assert pinged(played) == [["U1"]]
    assert card(played).expires_at == now + hours * 3600 + 1800


def test_a_question_starts_if_enough_people_are_awake() -> None:
    played = simulator(people={**PEOPLE, "ana": PersonSpec(ids={"slack": "U1"}, **SLEEPS)}, now=NIGHT)
    played.says("one", ask("Which?", to=("@ana", "@ben")))
    played.post_question(1)
    assert pinged(played) == [["U2"]]
    played.passes(1810)
    assert not played.state.questions[1].open


def test_the_next_escalation_step_replaces_a_person_with_quiet_hours() -> None:
    people = {**PEOPLE, "ana": PersonSpec(ids={"slack": "U1"}, **SLEEPS)}
    played = simulator(people=people, now=NIGHT, asleep="next", escalate=(Escalation(after=60, to=("@lead",)),))
    played.says("one", ask("Which?"))
    assert [author.id for author in card(played).mentions] == ["U3"]
    assert card(played).asked == "lead; ana is not asked: quiet hours until 07:00"


def test_a_question_to_people_with_quiet_hours_falls_back_if_the_policy_says_so() -> None:
    played = simulator(people={**PEOPLE, "ana": PersonSpec(ids={"slack": "U1"}, **SLEEPS)}, now=NIGHT, asleep="fall_back")
    played.says("one", ask("Which?"))
    assert "everybody asked has quiet hours" in played.prompt("one")


def test_a_person_whose_quiet_hours_have_begun_is_not_reminded() -> None:
    played = simulator(people={**PEOPLE, "ben": PersonSpec(ids={"slack": "U2"}, **SLEEPS)}, now=NIGHT - 3600 - 60)
    played.says("one", ask("Which?", to=("@ana", "@ben")))
    played.post_question(1)
    played.passes(601)
    assert pinged(played) == [["U1", "U2"], ["U1"]]


def handed_at_night(words: str = "@ben knows that", **policy: Any) -> RunSimulator:
    """Ana, who is awake, hands question 1 to Ben, who is not."""
    played = simulator(people={**PEOPLE, "ben": PersonSpec(ids={"slack": "U2"}, **SLEEPS)}, now=NIGHT, **policy)
    played.says("one", ask("Which?"))
    played.post_question(1)
    played.types(1, words)
    return played


def test_a_question_handed_to_a_person_with_quiet_hours_waits_without_a_notification() -> None:
    played = handed_at_night(direct=True)
    assert receipts(played)[-1].text.startswith("ben is asked in your place, but not before 07:00.")
    assert (pinged(played), card(played).asked) == ([["U1"], ["U1"]], "ben")
    played.passes(8 * 3600)
    assert pinged(played)[2:] == [["U2"], ["U2"]]
    assert played.state.questions[1].open
    played.replies(1, "the second", by=BEN)
    assert "the second" in played.prompt("one")


def test_a_mention_of_a_person_with_quiet_hours_beside_an_answer_changes_nothing() -> None:
    played = handed_at_night("the second, as @ben does it")
    assert played.state.questions[1].asleep == {}
    assert "the second" in played.prompt("one")


@pytest.mark.parametrize("asleep", ["next", "fall_back"])
@pytest.mark.parametrize("by_button", [False, True])
def test_no_handover_to_a_person_with_quiet_hours_unless_the_policy_waits(asleep: str, by_button: bool) -> None:
    played = handed_at_night("hm" if by_button else "@ben", asleep=asleep, settle_delay=60)
    if by_button:
        played.presses(1, "pass", "U2")
        assert played.private_replies[-1].text.startswith("ben has quiet hours until 07:00. Name somebody else")
    else:
        assert receipts(played)[-1].text.startswith("ben has quiet hours until 07:00. Name somebody else")
    assert card(played).asked == "ana"
    assert pinged(played) == [["U1"]]


CHAIN = (FallbackStep(use="agents", within=60), FallbackStep(use="judge", within=60), FallbackStep(use="assume"))
