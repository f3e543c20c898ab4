"""The chain of fallbacks, with those that take time: one after the other, and people still win."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator_bridge.question import messages, transitions
from orchestrator_bridge.question.model import FallbackStage, JudgeVerdict, Outcome, Question
from orchestrator_bridge.question.schedule import Due, due, next_due
from orchestrator_bridge.question.settlement import begin_fallback, fallback_reason, settle
from orchestrator_bridge.team.team import FallbackStep, Policy
from tests.support.question_builders import ANA, BEN, CRITIC, EXPIRY, POSTED, SKEPTIC, clicked, posted, typed


def asking(*chain: Any, **policy: Any) -> Question:
    return posted(ANA, kind="text", fallback=chain, **policy).model_copy(update={"others": ("skeptic", "critic")})


def fallen(question: Question, now: float = EXPIRY) -> Question:
    """The question once the next fallback is at work."""
    assert due(question, now).start_fallback
    assert settle(question, now) is None
    stage = begin_fallback(question, now, fallback_reason(question))
    assert isinstance(stage, FallbackStage)
    return transitions.fallback_began(question, stage)


def settled(question: Question, now: float) -> Outcome:
    outcome = settle(question, now)
    assert outcome is not None
    return outcome


def test_agents_are_asked_when_people_are_silent_and_their_decision_is_reported_as_theirs() -> None:
    question = fallen(asking("agents", "assume"))
    assert question.peers == ("skeptic", "critic")
    assert messages.fallback_line(question) == (
        "Nobody answered in 30 min, so skeptic and critic are asked now, for at most 2 min. An answer from people still decides."
    )
    question = typed(question, SKEPTIC, "Monday", after=1810)
    assert settle(question, EXPIRY + 20) is None
    outcome = settled(typed(question, CRITIC, "Monday", after=1820), EXPIRY + 20)
    assert (outcome.status, outcome.decided_by, outcome.decision) == ("fallen_back", "fallback:agents", "Monday")
    assert (outcome.why, outcome.given) == ("nobody answered in 30 min", "the replies of skeptic and critic")


def test_at_the_end_of_its_time_the_fallback_uses_the_replies_so_far() -> None:
    question = typed(fallen(asking(FallbackStep(use="agents", within=30), "assume")), SKEPTIC, "Monday", after=1810)
    assert settle(question, EXPIRY + 29) is None
    assert settled(question, EXPIRY + 30).decided_by == "fallback:agents"


def test_agents_without_an_answer_leave_it_to_the_next_fallback() -> None:
    question = fallen(asking("agents", "assume"))
    question = transitions.passed(transitions.passed(question, SKEPTIC), CRITIC)
    outcome = settled(question, EXPIRY + 1)
    assert (outcome.decided_by, outcome.why) == ("fallback:assume", "nobody answered in 30 min; no agent answered")


def test_without_other_agents_nobody_is_asked() -> None:
    question = asking("agents", "assume").model_copy(update={"others": ()})
    assert settled(question, EXPIRY).decided_by == "fallback:assume"


def test_advice_given_before_the_fallback_is_enough() -> None:
    question = typed(typed(asking("agents", "assume"), SKEPTIC, "Monday"), CRITIC, "Monday")
    assert settled(fallen(question), EXPIRY).decided_by == "fallback:agents"


def test_a_judge_decides_and_says_why() -> None:
    question = fallen(asking("judge", "assume"))
    assert settle(question, EXPIRY + 10) is None
    ended = transitions.judged(question, JudgeVerdict(decision="Monday", reason="It leaves a day."))
    outcome = settled(ended, EXPIRY + 10)
    assert (outcome.decided_by, outcome.decision, outcome.given) == ("fallback:judge", "Monday", "no reply")
    line = messages.closing_line(transitions.settled(ended, outcome))
    assert line == "Nobody answered in 30 min; fallback: the judge model, Monday (It leaves a day.)"
    assert '"note": "No person decided this."' in messages.tool_result(transitions.settled(ended, outcome))


@pytest.mark.parametrize(("now", "verdict"), [(EXPIRY + 5, JudgeVerdict(reason="It cannot be undone.")), (EXPIRY + 60, None)])
def test_a_judge_that_declines_or_is_slow_leaves_it_to_the_next_fallback(now: float, verdict: JudgeVerdict | None) -> None:
    question = fallen(asking("judge", "fail"))
    question = transitions.judged(question, verdict) if verdict else question
    outcome = settled(question, now)
    assert outcome.decided_by == "fallback:fail"
    assert "the judge could not decide" in outcome.why
    assert ("cannot be undone" in outcome.why) == (verdict is not None)


def test_the_first_verdict_stands() -> None:
    question = transitions.judged(fallen(asking("judge", "assume")), JudgeVerdict(decision="Monday"))
    assert transitions.judged(question, JudgeVerdict(decision="Tuesday")) is question


def test_fallbacks_come_in_any_order() -> None:
    question = fallen(asking("judge", "agents", "assume"))
    question = fallen(question, EXPIRY + 60)
    assert question.stage is not None
    assert (question.stage.step, question.stage.since) == (1, EXPIRY + 60)
    assert settled(question, EXPIRY + 60 + 120).decided_by == "fallback:assume"


def test_a_person_who_answers_during_a_fallback_wins_even_after_the_deadline() -> None:
    question = typed(fallen(asking("agents", "assume")), SKEPTIC, "Monday", after=1810)
    question = typed(question, ANA, "Tuesday", after=1900)
    assert not question.replies[-1].late
    assert settle(question, POSTED + 1904) is None
    outcome = settled(question, POSTED + 1905)
    assert (outcome.status, outcome.decided_by, outcome.decision) == ("answered", "human", "Tuesday")


def test_typed_words_that_are_not_final_yet_win_over_a_fallback_that_ends() -> None:
    question = typed(fallen(asking(FallbackStep(use="judge", within=60), "assume")), ANA, "Tuesday", after=1803 + 58)
    assert settled(question, EXPIRY + 60).decided_by == "human"


def test_too_few_people_do_not_win() -> None:
    chain = ("agents", "assume")
    question = posted(ANA, BEN, quorum=2, fallback=chain).model_copy(update={"others": ("skeptic",)})
    question = clicked(fallen(question), ANA, "pg", after=1900)
    assert settle(question, POSTED + 1900) is None
    assert settled(clicked(question, BEN, "pg", after=1901), POSTED + 1901).decided_by == "human"


def test_a_fallback_stage_is_due_at_its_end_and_sends_no_reminder() -> None:
    question = fallen(asking("agents", "assume", remind_after="29m"))
    assert next_due(question) == EXPIRY + 120
    assert due(question, EXPIRY + 10) == Due()


def test_people_see_the_whole_chain_in_advance() -> None:
    assert messages.expiry_line(asking("default_option", FallbackStep(use="agents", within=60), "judge", "assume")) == (
        "Without an answer, the other agents decide (within 1 min), else a model judges (within 1 min), "
        "else builder goes by its assumption: I take Postgres."
    )


@pytest.mark.parametrize(
    ("policy", "problem"),
    [
        ({"fallback": ["assume", "judge"]}, "'fallback' ends with 'judge'"),
        ({"fallback": [{"use": "assume", "within": "1m"}]}, "'within' beside 'assume'"),
        ({"escalate": [{"after": "40m", "to": "@lead"}]}, "when the question has expired"),
        ({"decider": "lead"}, "decider"),
        ({"responders": "everybody"}, "responders"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(policy: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Policy.model_validate(policy)


def test_a_fallback_may_have_a_time_limit_of_its_own() -> None:
    policy = Policy.model_validate({"fallback": ["default_option", {"use": "agents", "within": "3m"}, "judge", "assume"]})
    assert [step.seconds for step in policy.fallback] == [0, 180, 60, 0]
