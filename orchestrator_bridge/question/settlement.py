"""Settlement of a question: whether it has ended and with which outcome, and the chain of fallbacks.

Pure functions of the question and of `now`. A quorum of final replies settles the question at once (`quorum_ready_at`). When
waiting is over, replies that are not final yet count too: what was said in time counts even if the question is settled long
after its deadline, for example after a restart. Only without a quorum does a fallback decide; the replies are then part of the
outcome, which never claims that a person decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, assert_never

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
    nobody_can_answer,
    pending_deciders,
    people_decide,
    quorum_ready_at,
    replies_decide,
    required_votes,
)
from orchestrator_bridge.team.team import FALLBACK_TIMEOUTS, Fallback

# Fallbacks are tried in the order of the policy. `default_option`, `assume` and `fail` decide at once; `agents` and `judge` take
# time. While such a fallback is in progress (a `FallbackStage`) the question stays open: replies of people count even after the
# deadline, and if they meet the quorum before the fallback has its result, they win. A fallback that ends without a result
# passes on to the next one that can decide; the last of the chain always can.


@dataclass(frozen=True, kw_only=True, slots=True)
class FallbackDecision:
    """Decision of the fallback `name`."""

    name: Fallback
    decision: str
    choice: str | None = None
    number: float | None = None


def waiting_over(question: Question, now: float) -> bool:
    """True if the current wait is over: time is up, nobody is left who could answer, or the fallback in progress has finished."""
    if now >= waiting_end(question):
        return True
    return nobody_can_answer(question) if question.stage is None else _stage_done(question, question.stage)


def waiting_ends_at(question: Question) -> float:
    """Time at which the current wait is over if no input arrives before."""
    return 0.0 if waiting_over(question, 0.0) else waiting_end(question)


@cached_on_value
def next_fallback(question: Question) -> int:
    """Index in the chain of the next fallback that can decide."""
    first = 0 if question.stage is None else question.stage.step + 1
    chain = question.policy.fallback
    return next((step for step in range(first, len(chain)) if _can_decide(question, chain[step].use)), len(chain) - 1)


def _can_decide(question: Question, name: Fallback) -> bool:
    if name == "agents":
        return bool(_askable(question))
    return name in FALLBACK_TIMEOUTS or immediate_fallback(question, name) is not None


def fallback_decision(question: Question) -> FallbackDecision | None:
    """Decision of the fallback in progress, else of the next one; None if that one takes time."""
    found = _stage_decision(question, question.stage) if question.stage else None
    return found or immediate_fallback(question, question.policy.fallback[next_fallback(question)].use)


def begin_stage(question: Question, now: float, why: str) -> FallbackStage:
    """Stage of the next fallback, which takes time, at its start."""
    place = next_fallback(question)
    agents = _askable(question) if question.policy.fallback[place].use == "agents" else ()
    return FallbackStage(step=place, since=now, why=why, agents=agents)


def immediate_fallback(question: Question, name: Fallback) -> FallbackDecision | None:
    """Decision of a fallback that decides at once; None if it takes time or cannot decide."""
    match name:
        case "default_option":
            option = next((option for option in question.ask.options if option.recommended), None)
            return FallbackDecision(name=name, decision=option.label, choice=option.id) if option else None
        case "assume":
            return FallbackDecision(name=name, decision=question.ask.assumption)
        case "fail":
            return FallbackDecision(name=name, decision="The run ends, as its policy says.")
        case "agents" | "judge":
            return None
        case _:
            assert_never(name)


def advice_given(question: Question) -> tuple[Reply, ...]:
    """Replies of the agents that the fallback `agents` asked."""
    asked = {f"agent:{name}" for name in question.stage.agents} if question.stage else set[str]()
    return tuple(reply for reply in question.replies if reply.author.id in asked)


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
EVERYBODY_QUIET = "everybody asked has quiet hours"
UNDELIVERABLE = "undeliverable"


def settle(question: Question, now: float) -> Outcome | None:
    """Return the outcome of a question that ends at `now`; None if it stays open, or has its outcome already.

    `now` is by the platform's clock for a posted question, by ours before that.
    """
    if not question.open:
        return None
    # People win over a fallback that has finished at the same time, so that the order of arrival does not matter.
    if quorum_ready_at(question) <= now:
        return _answered_outcome(question, now)
    if not waiting_over(question, now):
        return None
    # Time is up: replies that are not final yet get no more time to change, but they count.
    if replies_decide(question):
        return _answered_outcome(question, now)
    decision = fallback_decision(question)
    return _fallback_outcome(question, decision, now, fallback_reason(question)) if decision else None


def cancelled_outcome(question: Question, now: float, why: str) -> Outcome:
    """Outcome of a question that is no longer needed, for the reason `why`."""
    return Outcome(status="cancelled", decision="", decided_by="nobody", replies=question.replies, why=why, at=now)


def begin_fallback(question: Question, now: float, why: str) -> Outcome | FallbackStage:
    """Move on to the next fallback that can decide: its outcome, or its stage if it takes time."""
    decision = fallback_decision(question)
    return _fallback_outcome(question, decision, now, why) if decision else begin_stage(question, now, why)


def final_fallback(question: Question, now: float, why: str) -> Outcome:
    """Outcome by the last fallback of the chain, which decides at once."""
    decision = immediate_fallback(question, question.policy.fallback[-1].use)
    assert decision is not None, "a policy ends with a fallback that can always decide"
    return _fallback_outcome(question, decision, now, why)


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
    """Remark for people if others decided than the policy asks for; empty if not."""
    if final_decider_reply(question):
        return f"{final_decider_name(question)} has the last word" if len(counted_replies(question)) > 1 else ""
    if awaits_final_decider(question):
        return f"{final_decider_name(question)}, who has the last word, did not answer in time"
    given, wanted = len(counted_replies(question)), _originally_required(question)
    left = "the others passed" if pending_deciders(question) else "nobody else can answer"
    return f"{given} of {wanted} replied, {left}" if given < wanted else ""


def final_decider_name(question: Question) -> str:
    """Name of the final decider, empty if there is none."""
    last = final_decider_reply(question)
    return last.author.name if last else question.decider.name if question.decider else ""


def _originally_required(question: Question) -> int:
    """Number of replies that the policy required before anybody passed."""
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


def _fallback_outcome(question: Question, decision: FallbackDecision, now: float, why: str) -> Outcome:
    """Outcome by a fallback, with the replies so far."""
    # A fallback in progress keeps the reason for which it began; one that decides in its place has a reason of its own.
    found = question.stage is not None and decision.name == question.policy.fallback[question.stage.step].use
    return Outcome(
        status="fallen_back",
        decision=decision.decision,
        choice=decision.choice,
        number=decision.number,
        decided_by=f"fallback:{decision.name}",
        replies=question.replies,
        why=question.stage.why if found and question.stage else why,
        given=fallback_input(question),
        at=now,
    )


def fallback_input(question: Question) -> str:
    """Describe the replies that a fallback has: `the replies of Ana and Ben`, or `no reply`."""
    names = [reply.author.name for reply in question.replies]
    return f"the replies of {listed(names)}" if names else "no reply"


def fallback_reason(question: Question) -> str:
    """Reason why the next fallback has to decide."""
    stage = question.stage
    if stage is None:
        return _waiting_result(question)
    if question.policy.fallback[stage.step].use == "agents":
        return f"{stage.why}; no agent answered"
    reason = stage.verdict.reason if stage.verdict else ""
    return f"{stage.why}; the judge could not decide" + (f" ({reason})" if reason else "")


def _waiting_result(question: Question) -> str:
    if nobody_can_answer(question):
        return _no_reply_reason(question)
    if question.delivery is None:
        return UNDELIVERABLE
    time = format_duration(question.policy.expire_after + question.extended)
    given = len(counted_replies(question))
    # The number is capped at those who could have answered: "only 1 of 2", not "of 3", if one of three has passed.
    if given:
        return f"only {given} of {min(required_votes(question), given + len(pending_deciders(question)))} answered in {time}"
    given_by_people = [reply for reply in question.replies if reply.author.kind == "human"]
    if given_by_people and all(reply.late for reply in given_by_people):
        return f"nobody answered in {time}, only after it"
    return f"no reply in {time} was a valid answer" if given_by_people else f"nobody answered in {time}"


def _no_reply_reason(question: Question) -> str:
    people = eligible_deciders(question)
    if people and all(person.id in question.passed for person in people):
        return EVERYBODY_PASSED
    return EVERYBODY_QUIET if people and all(person.id in question.asleep for person in people) else NOBODY_REACHABLE
