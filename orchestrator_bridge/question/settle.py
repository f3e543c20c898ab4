"""Whether a question has ended, and how. Plain functions of what it has heard and of `now`.

The quorum is filled by clicks at once and by typed words `settle_delay` after their last part. What was said in time and is known
counts even when the question is judged long after its deadline; only without a quorum does the chain of fallbacks decide, and
then what was said goes along. No outcome is a person's word if it is not one.
"""

from __future__ import annotations

from typing import Literal

from orchestrator_bridge.duration import say_duration
from orchestrator_bridge.question.chain import Step, at_once, decided, staged, waited_out
from orchestrator_bridge.question.decision import decide
from orchestrator_bridge.question.quorum import (
    awaited,
    counting,
    deciders,
    enough,
    last_word,
    needed,
    nobody_left,
    people_decide,
    ready_at,
    waits_for_last_word,
)
from orchestrator_bridge.question.values import Outcome, Question, Stage
from orchestrator_bridge.text import listed

EVERYBODY_PASSED = "everybody passed"
NOBODY_THERE = "nobody can be reached"
ASLEEP = "everybody asked is asleep"
UNDELIVERABLE = "undeliverable"


def settle(question: Question, now: float) -> Outcome | None:
    """The outcome, or None while the question is open, or when it has its outcome already.

    `now` is by the clock of the question's platform, and by ours before it was posted.
    """
    if not question.open:
        return None
    if ready_at(question) <= now:
        return _answered(question, now)
    if not waited_out(question, now):
        return None
    if enough(question, counting(question)):
        return _answered(question, now)
    step = decided(question)
    return _fallen(question, step, now, reason(question)) if step else None


def cancelled(question: Question, now: float, why: str) -> Outcome:
    """The end of a question whose outcome nobody needs any more."""
    return Outcome(status="cancelled", decision="", decided_by="nobody", replies=question.replies, why=why, at=now)


def fall(question: Question, now: float, why: str) -> Outcome | Stage:
    """What follows where nobody decides: the end by the next fallback that can, or that fallback's time."""
    step = decided(question)
    return _fallen(question, step, now, why) if step else staged(question, now, why)


def last_resort(question: Question, now: float, why: str) -> Outcome:
    """The end by the fallback at the end of the chain, which decides at once."""
    step = at_once(question, question.policy.fallback[-1].use)
    assert step is not None
    return _fallen(question, step, now, why)


def _answered(question: Question, now: float) -> Outcome:
    last = last_word(question)
    decision = decide(question.ask, (last,) if last else counting(question))
    by: Literal["human", "agent"] = "human" if people_decide(question) else "agent"
    return Outcome(
        status="answered",
        decision=decision.text,
        choice=decision.choice,
        number=decision.number,
        decided_by=by,
        replies=question.replies,
        why=_quorum_note(question),
        at=now,
    )


def _quorum_note(question: Question) -> str:
    """Says so where others decided than the policy wants, because they cannot or will not."""
    if last_word(question):
        return f"{last_word_of(question)} has the last word" if len(counting(question)) > 1 else ""
    if waits_for_last_word(question):
        return f"{last_word_of(question)}, who has the last word, did not answer in time"
    given, wanted = len(counting(question)), _wanted(question)
    left = "others passed" if awaited(question) else "nobody else can or will"
    return f"{given} of {wanted} replied, {left}" if given < wanted else ""


def last_word_of(question: Question) -> str:
    """The name of whoever has the last word."""
    last = last_word(question)
    return last.author.name if last else question.decider.name if question.decider else ""


def _wanted(question: Question) -> int:
    """How many voices the policy wanted of those who were asked, before anybody passed."""
    asked = len(deciders(question))
    quorum = question.policy.quorum if people_decide(question) else question.policy.peer_quorum
    match quorum:
        case "first":
            return 1
        case "majority":
            return asked // 2 + 1
        case "all":
            return asked
        case number:
            return min(number, asked)


def _fallen(question: Question, step: Step, now: float, why: str) -> Outcome:
    """The end by a fallback; what was said goes along."""
    found = question.stage is not None and step.name == question.policy.fallback[question.stage.step].use
    return Outcome(
        status="fallen_back",
        decision=step.decision,
        choice=step.choice,
        number=step.number,
        decided_by=f"fallback:{step.name}",
        replies=question.replies,
        why=question.stage.why if found and question.stage else why,
        given=given(question),
        at=now,
    )


def given(question: Question) -> str:
    """What a fallback has to decide by."""
    names = [reply.author.name for reply in question.replies]
    return f"the replies of {listed(names)}" if names else "no reply"


def reason(question: Question) -> str:
    """Why the next fallback has to decide."""
    stage = question.stage
    if stage is None:
        return _why(question)
    if question.policy.fallback[stage.step].use == "agents":
        return f"{stage.why}; no agent had an answer"
    told = stage.verdict.reason if stage.verdict else ""
    return f"{stage.why}; the judge could not decide" + (f" ({told})" if told else "")


def _why(question: Question) -> str:
    if nobody_left(question):
        return _nobody(question)
    if question.delivery is None:
        return UNDELIVERABLE
    time = say_duration(question.policy.expire_after + question.extended)
    given = len(counting(question))
    if given:
        return f"only {given} of {min(needed(question), given + len(awaited(question)))} answered in {time}"
    given_by_people = [reply for reply in question.replies if reply.author.kind == "human"]
    if given_by_people and all(reply.late for reply in given_by_people):
        return f"nobody answered within {time}, only after it"
    return f"no reply in {time} could be taken as an answer" if given_by_people else f"nobody answered in {time}"


def _nobody(question: Question) -> str:
    people = deciders(question)
    if people and all(one.id in question.passed for one in people):
        return EVERYBODY_PASSED
    return ASLEEP if people and all(one.id in question.asleep for one in people) else NOBODY_THERE
