"""Timed steps of a question: deadline, one reminder, the next due time."""

from __future__ import annotations

import math

import pytest

from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import Question, Urgency, deadline, expiry
from orchestrator_bridge.question.schedule import AT_ONCE, Due, due, next_due, scaled
from orchestrator_bridge.question.settlement import settle
from orchestrator_bridge.team.team import Policy
from tests.support.question_builders import (
    ANA,
    BEN,
    DEADLINE,
    EXPIRY,
    POSTED,
    SKEPTIC,
    STRANGER,
    clicked,
    posted,
    typed,
    unposted,
)

REMINDER = POSTED + 600


@pytest.mark.parametrize(("urgency", "scale"), [("low", 4), ("normal", 1), ("high", 1 / 3)])
def test_urgency_scales_the_policys_times_but_not_what_people_need_to_type(urgency: Urgency, scale: float) -> None:
    policy = scaled(Policy(), urgency)
    assert policy.remind_after == pytest.approx(600 * scale)
    assert policy.expire_after == pytest.approx(1800 * scale)
    assert (policy.settle_delay, policy.grace, policy.extend_max) == (5, 3, 86400)


def test_the_deadline_counts_from_the_first_post() -> None:
    question = unposted(ANA)
    assert deadline(question) == expiry(question) == question.asked_at + 1800
    assert (deadline(posted(ANA)), expiry(posted(ANA))) == (DEADLINE, EXPIRY)
    assert deadline(transitions.extended(posted(ANA), 60)) == DEADLINE + 60


def test_there_is_one_reminder() -> None:
    question = posted(ANA)
    assert not due(question, REMINDER - 0.1).remind
    assert due(question, REMINDER).remind
    assert due(question, DEADLINE).remind
    assert due(transitions.reminded(question), REMINDER) == Due()


@pytest.mark.parametrize("remind_after", [0, 1800, 7200])
def test_there_is_no_reminder_without_a_time_before_the_deadline(remind_after: float) -> None:
    question = posted(ANA, remind_after=remind_after)
    assert not due(question, DEADLINE).remind
    assert next_due(question) == EXPIRY


def test_more_time_postpones_the_reminder() -> None:
    question = transitions.extended(posted(ANA), 3600)
    assert not due(question, REMINDER + 3599).remind
    assert due(question, REMINDER + 3600).remind


def test_a_person_whose_reply_is_not_final_yet_is_not_reminded() -> None:
    question = typed(posted(ANA), ANA, "sqlite, I think", after=598)
    assert not due(question, REMINDER).remind
    assert next_due(question) == POSTED + 603


def test_those_who_are_missing_are_reminded_although_others_have_replied() -> None:
    assert due(clicked(posted(ANA, BEN, quorum=2), ANA, "pg"), REMINDER).remind


def test_agents_are_not_reminded() -> None:
    assert not due(posted(SKEPTIC), REMINDER).remind


def test_after_long_downtime_a_question_expires_without_a_reminder() -> None:
    assert due(posted(ANA), EXPIRY + 86400) == Due(expired=True)


def test_a_settled_question_is_never_due() -> None:
    question = posted(ANA)
    outcome = settle(question, EXPIRY)
    assert outcome is not None
    ended = transitions.settled(question, outcome)
    assert due(ended, EXPIRY) == Due()
    assert next_due(ended) == math.inf


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (unposted(ANA), POSTED - 10 + 1800),
        (posted(ANA), REMINDER),
        (transitions.reminded(posted(ANA)), EXPIRY),
        (transitions.extended(transitions.reminded(posted(ANA)), 60), EXPIRY + 60),
        (typed(posted(ANA), ANA, "sqlite, I think", after=20), POSTED + 25),
        (typed(posted(ANA), ANA, "sqlite", after=20), AT_ONCE),
        (clicked(posted(ANA), ANA, "lite"), AT_ONCE),
        (typed(transitions.reminded(posted(ANA, BEN, quorum=2)), ANA, "sqlite"), EXPIRY),
        (typed(transitions.reminded(posted(ANA)), ANA, "sqlite, I think", after=1799), EXPIRY),
        (typed(transitions.reminded(posted(ANA)), ANA, "sqlite", after=1900), EXPIRY),
        (typed(posted(ANA), STRANGER, "sqlite", after=20), REMINDER),
        (transitions.passed(posted(ANA), ANA), AT_ONCE),
        (transitions.became_unreachable(posted(ANA), ANA.id), AT_ONCE),
        (unposted(), AT_ONCE),
    ],
)
def test_the_next_due_time_is_known(question: Question, expected: float) -> None:
    assert next_due(question) == expected
