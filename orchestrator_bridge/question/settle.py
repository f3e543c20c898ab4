"""Whether a question has ended, and how. Plain functions of what it has heard and of `now`.

The quorum is filled by clicks at once and by typed words `settle_delay` after their last part. What was said in time and is known
counts even when the question is judged long after its deadline; only without a quorum does the chain of fallbacks decide, and
then what was said goes along. No outcome is a person's word if it is not one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.duration import say_duration
from orchestrator_bridge.question.decision import decide
from orchestrator_bridge.question.due import expiry
from orchestrator_bridge.question.quorum import awaited, counting, deciders, enough, needed, nobody_left, people_decide, ready_at
from orchestrator_bridge.question.values import Outcome, Question
from orchestrator_bridge.team import Fallback

EVERYBODY_PASSED = "everybody passed"
NOBODY_THERE = "nobody can be reached"
UNDELIVERABLE = "undeliverable"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What a fallback decides."""

    name: Fallback
    decision: str
    choice: str | None = None


def settle(question: Question, now: float) -> Outcome | None:
    """The outcome, or None while the question is open, or when it has its outcome already.

    `now` is by the clock of the question's platform, and by ours before it was posted.
    """
    if not question.open:
        return None
    expired = now >= expiry(question)
    if ready_at(question) <= now or (expired and enough(question, counting(question))):
        return _answered(question, now)
    if nobody_left(question) or expired:
        return fall_back(question, now, _why(question))
    return None


def cancelled(question: Question, now: float, why: str) -> Outcome:
    """The end of a question whose outcome nobody needs any more."""
    return Outcome(status="cancelled", decision="", decided_by="nobody", replies=question.replies, why=why, at=now)


def fallback(question: Question) -> Step:
    """What the chain of fallbacks decides: the first one that can."""
    for name in question.policy.fallback:
        step = _step(question, name)
        if step is not None:
            return step
    return Step(name="assume", decision=question.ask.assumption)


def _step(question: Question, name: Fallback) -> Step | None:
    match name:
        case "default_option":
            option = next((one for one in question.ask.options if one.recommended), None)
            return Step(name=name, decision=option.label, choice=option.id) if option else None
        case "assume":
            return Step(name=name, decision=question.ask.assumption)
        case "fail":
            return Step(name=name, decision="The run ends, as its policy says.")


def _answered(question: Question, now: float) -> Outcome:
    decision = decide(question.ask, counting(question))
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
    """Says so where fewer decided than the policy wants, because the others cannot or will not."""
    given, wanted = len(counting(question)), min(needed(question), len(deciders(question)))
    return f"{given} of {wanted} replied, nobody else can or will" if given < wanted else ""


def fall_back(question: Question, now: float, why: str) -> Outcome:
    """The end by the first fallback that can decide; what was said goes along."""
    step = fallback(question)
    return Outcome(
        status="fallen_back",
        decision=step.decision,
        choice=step.choice,
        decided_by=f"fallback:{step.name}",
        replies=question.replies,
        why=why,
        at=now,
    )


def _why(question: Question) -> str:
    if nobody_left(question):
        everybody = bool(question.asked) and all(one.id in question.passed for one in deciders(question))
        return EVERYBODY_PASSED if everybody else NOBODY_THERE
    if question.delivery is None:
        return UNDELIVERABLE
    time = say_duration(question.policy.expire_after + question.extended)
    given = len(counting(question))
    if given:
        return f"only {given} of {min(needed(question), given + len(awaited(question))):g} answered in {time}"
    given_by_people = [reply for reply in question.replies if reply.author.kind == "human"]
    if given_by_people and all(reply.late for reply in given_by_people):
        return f"nobody answered within {time}, only after it"
    return f"no reply in {time} could be taken as an answer" if given_by_people else f"nobody answered in {time}"
