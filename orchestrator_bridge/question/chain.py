"""The chain of fallbacks: what decides where no quorum does, one after the other.

`default_option`, `assume` and `fail` decide at once. `agents` and `judge` take time; while one of them is at work (a `Stage`) the
question is still open, and people who answer sufficiently win.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_bridge.frozen import once
from orchestrator_bridge.question.decision import combine_replies
from orchestrator_bridge.question.quorum import nobody_can_answer
from orchestrator_bridge.question.times import waiting_end
from orchestrator_bridge.question.values import FallbackStage, Question, Reply
from orchestrator_bridge.team import FALLBACK_TIMEOUTS, Fallback


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


@once
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
