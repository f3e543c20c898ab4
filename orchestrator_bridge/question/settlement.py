"""Whether a question has ended, and how. Plain functions of what it has heard and of `now`.

The quorum is filled by clicks at once and by typed words `settle_delay` after their last part. What was said in time and is known
counts even when the question is judged long after its deadline; only without a quorum does the chain of fallbacks decide, and
then what was said goes along. No outcome is a person's word if it is not one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.common.frozen import cached_on_value
from orchestrator_bridge.common.text import listed
from orchestrator_bridge.question.model import FallbackStage, Outcome, Question, Reply, waiting_end
from orchestrator_bridge.question.quorum import (
    awaits_final_decider,
    combine_replies,
    counted_replies,
    eligible_deciders,
    final_decider_reply,
    is_quorum_met,
    nobody_can_answer,
    pending_deciders,
    people_decide,
    quorum_ready_at,
    required_votes,
)
from orchestrator_bridge.team.team import FALLBACK_TIMEOUTS, Fallback

# The chain of fallbacks: what decides where no quorum does, one after the other.
#
# `default_option`, `assume` and `fail` decide at once. `agents` and `judge` take time; while one of them is at work (a `Stage`)
# the
# question is still open, and people who answer sufficiently win.


@dataclass(frozen=True, kw_only=True, slots=True)
class FallbackDecision:
    """What a fallback decides; `name` says which one."""

    name: Fallback
    decision: str
    choice: str | None = None
    number: float | None = None


def waiting_over(question: Question, now: float) -> bool:
    """Whether waiting is over: for people as time is up or nobody is left, for a fallback as it is done or out of time."""
    if now >= waiting_end(question):
        return True
    return nobody_can_answer(question) if question.stage is None else _stage_done(question, question.stage)


def waiting_ends_at(question: Question) -> float:
    """From when on waiting is over if nothing else is heard."""
    return 0.0 if waiting_over(question, 0.0) else waiting_end(question)


@cached_on_value
def next_fallback(question: Question) -> int:
    """The place in the chain of the next fallback that can decide."""
    first = 0 if question.stage is None else question.stage.step + 1
    chain = question.policy.fallback
    return next((place for place in range(first, len(chain)) if _can_decide(question, chain[place].use)), len(chain) - 1)


def fallback_decision(question: Question) -> FallbackDecision | None:
    """What the fallback that is at work has found, else what the next one decides at once; None if the next one takes time."""
    found = _stage_decision(question, question.stage) if question.stage else None
    return found or immediate_fallback(question, question.policy.fallback[next_fallback(question)].use)


def begin_stage(question: Question, now: float, why: str) -> FallbackStage:
    """The next fallback, which takes time, as it begins."""
    place = next_fallback(question)
    agents = _askable(question) if question.policy.fallback[place].use == "agents" else ()
    return FallbackStage(step=place, since=now, why=why, agents=agents)


def immediate_fallback(question: Question, name: Fallback) -> FallbackDecision | None:
    """What a fallback decides at once, or None if it takes time or cannot decide."""
    match name:
        case "default_option":
            option = next((one for one in question.ask.options if one.recommended), None)
            return FallbackDecision(name=name, decision=option.label, choice=option.id) if option else None
        case "assume":
            return FallbackDecision(name=name, decision=question.ask.assumption)
        case "fail":
            return FallbackDecision(name=name, decision="The run ends, as its policy says.")
        case _:
            return None


def advice_given(question: Question) -> tuple[Reply, ...]:
    """What the agents say that are asked in the fallback of that name."""
    asked = {f"agent:{name}" for name in question.stage.agents} if question.stage else set[str]()
    return tuple(reply for reply in question.replies if reply.author.id in asked)


def _can_decide(question: Question, name: Fallback) -> bool:
    if name == "agents":
        return bool(_askable(question))
    return name in FALLBACK_TIMEOUTS or immediate_fallback(question, name) is not None


def _askable(question: Question) -> tuple[str, ...]:
    out = question.passed | question.gone
    return tuple(name for name in question.others if f"agent:{name}" not in out)


def _stage_done(question: Question, stage: FallbackStage) -> bool:
    if question.policy.fallback[stage.step].use == "judge":
        return stage.verdict is not None
    heard = {reply.author.id for reply in advice_given(question)} | question.passed | question.gone
    return all(f"agent:{name}" in heard for name in stage.agents)


def _stage_decision(question: Question, stage: FallbackStage) -> FallbackDecision | None:
    verdict, advised = stage.verdict, advice_given(question)
    if verdict is not None and verdict.decision:
        return FallbackDecision(name="judge", decision=verdict.decision, choice=verdict.choice, number=verdict.number)
    if advised:
        decision = combine_replies(question.ask, advised)
        return FallbackDecision(name="agents", decision=decision.text, choice=decision.choice, number=decision.number)
    return None


EVERYBODY_PASSED = "everybody passed"
NOBODY_REACHABLE = "nobody can be reached"
EVERYBODY_QUIET = "everybody asked is asleep"
UNDELIVERABLE = "undeliverable"


def settle(question: Question, now: float) -> Outcome | None:
    """The outcome, or None while the question is open, or when it has its outcome already.

    `now` is by the clock of the question's platform, and by ours before it was posted.
    """
    if not question.open:
        return None
    if quorum_ready_at(question) <= now:
        return _answered_outcome(question, now)
    if not waiting_over(question, now):
        return None
    if is_quorum_met(question, counted_replies(question)):
        return _answered_outcome(question, now)
    step = fallback_decision(question)
    return _fallback_outcome(question, step, now, fallback_reason(question)) if step else None


def cancelled_outcome(question: Question, now: float, why: str) -> Outcome:
    """The end of a question whose outcome nobody needs any more."""
    return Outcome(status="cancelled", decision="", decided_by="nobody", replies=question.replies, why=why, at=now)


def begin_fallback(question: Question, now: float, why: str) -> Outcome | FallbackStage:
    """What follows where nobody decides: the end by the next fallback that can, or that fallback's time."""
    step = fallback_decision(question)
    return _fallback_outcome(question, step, now, why) if step else begin_stage(question, now, why)


def final_fallback(question: Question, now: float, why: str) -> Outcome:
    """The end by the fallback at the end of the chain, which decides at once."""
    step = immediate_fallback(question, question.policy.fallback[-1].use)
    assert step is not None
    return _fallback_outcome(question, step, now, why)


def _answered_outcome(question: Question, now: float) -> Outcome:
    last = final_decider_reply(question)
    decision = combine_replies(question.ask, (last,) if last else counted_replies(question))
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
    if final_decider_reply(question):
        return f"{final_decider_name(question)} has the last word" if len(counted_replies(question)) > 1 else ""
    if awaits_final_decider(question):
        return f"{final_decider_name(question)}, who has the last word, did not answer in time"
    given, wanted = len(counted_replies(question)), _originally_required(question)
    left = "others passed" if pending_deciders(question) else "nobody else can or will"
    return f"{given} of {wanted} replied, {left}" if given < wanted else ""


def final_decider_name(question: Question) -> str:
    """The name of whoever has the last word."""
    last = final_decider_reply(question)
    return last.author.name if last else question.decider.name if question.decider else ""


def _originally_required(question: Question) -> int:
    """How many voices the policy wanted of those who were asked, before anybody passed."""
    asked = len(eligible_deciders(question))
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


def _fallback_outcome(question: Question, step: FallbackDecision, now: float, why: str) -> Outcome:
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
        given=fallback_input(question),
        at=now,
    )


def fallback_input(question: Question) -> str:
    """What a fallback has to decide by."""
    names = [reply.author.name for reply in question.replies]
    return f"the replies of {listed(names)}" if names else "no reply"


def fallback_reason(question: Question) -> str:
    """Why the next fallback has to decide."""
    stage = question.stage
    if stage is None:
        return _waiting_result(question)
    if question.policy.fallback[stage.step].use == "agents":
        return f"{stage.why}; no agent had an answer"
    told = stage.verdict.reason if stage.verdict else ""
    return f"{stage.why}; the judge could not decide" + (f" ({told})" if told else "")


def _waiting_result(question: Question) -> str:
    if nobody_can_answer(question):
        return _no_reply_reason(question)
    if question.delivery is None:
        return UNDELIVERABLE
    time = format_duration(question.policy.expire_after + question.extended)
    given = len(counted_replies(question))
    if given:
        return f"only {given} of {min(required_votes(question), given + len(pending_deciders(question)))} answered in {time}"
    given_by_people = [reply for reply in question.replies if reply.author.kind == "human"]
    if given_by_people and all(reply.late for reply in given_by_people):
        return f"nobody answered within {time}, only after it"
    return f"no reply in {time} could be taken as an answer" if given_by_people else f"nobody answered in {time}"


def _no_reply_reason(question: Question) -> str:
    people = eligible_deciders(question)
    if people and all(one.id in question.passed for one in people):
        return EVERYBODY_PASSED
    return EVERYBODY_QUIET if people and all(one.id in question.asleep for one in people) else NOBODY_REACHABLE
