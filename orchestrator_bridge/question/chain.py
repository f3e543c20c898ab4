"""The chain of fallbacks: what decides where no quorum does, one after the other.

`default_option`, `assume` and `fail` decide at once. `agents` and `judge` take time; while one of them is at work (a `Stage`) the
question is still open, and people who answer sufficiently win.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator_bridge.frozen import once
from orchestrator_bridge.question.decision import decide
from orchestrator_bridge.question.quorum import nobody_left
from orchestrator_bridge.question.times import horizon
from orchestrator_bridge.question.values import Question, Reply, Stage
from orchestrator_bridge.team import FALLBACK_TIMEOUTS, Fallback


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What a fallback decides; `name` says which one."""

    name: Fallback
    decision: str
    choice: str | None = None
    number: float | None = None


def waited_out(question: Question, now: float) -> bool:
    """Whether waiting is over: for people as time is up or nobody is left, for a fallback as it is done or out of time."""
    if now >= horizon(question):
        return True
    return nobody_left(question) if question.stage is None else _done(question, question.stage)


def waited_out_at(question: Question) -> float:
    """From when on waiting is over if nothing else is heard."""
    return 0.0 if waited_out(question, 0.0) else horizon(question)


@once
def following(question: Question) -> int:
    """The place in the chain of the next fallback that can decide."""
    first = 0 if question.stage is None else question.stage.step + 1
    chain = question.policy.fallback
    return next((place for place in range(first, len(chain)) if _able(question, chain[place].use)), len(chain) - 1)


def decided(question: Question) -> Step | None:
    """What the fallback that is at work has found, else what the next one decides at once; None if the next one takes time."""
    found = _found(question, question.stage) if question.stage else None
    return found or at_once(question, question.policy.fallback[following(question)].use)


def staged(question: Question, now: float, why: str) -> Stage:
    """The next fallback, which takes time, as it begins."""
    place = following(question)
    agents = _askable(question) if question.policy.fallback[place].use == "agents" else ()
    return Stage(step=place, since=now, why=why, agents=agents)


def at_once(question: Question, name: Fallback) -> Step | None:
    """What a fallback decides at once, or None if it takes time or cannot decide."""
    match name:
        case "default_option":
            option = next((one for one in question.ask.options if one.recommended), None)
            return Step(name=name, decision=option.label, choice=option.id) if option else None
        case "assume":
            return Step(name=name, decision=question.ask.assumption)
        case "fail":
            return Step(name=name, decision="The run ends, as its policy says.")
        case _:
            return None


def advice(question: Question) -> tuple[Reply, ...]:
    """What the agents say that are asked in the fallback of that name."""
    asked = {f"agent:{name}" for name in question.stage.agents} if question.stage else set[str]()
    return tuple(reply for reply in question.replies if reply.author.id in asked)


def _able(question: Question, name: Fallback) -> bool:
    if name == "agents":
        return bool(_askable(question))
    return name in FALLBACK_TIMEOUTS or at_once(question, name) is not None


def _askable(question: Question) -> tuple[str, ...]:
    out = question.passed | question.gone
    return tuple(name for name in question.others if f"agent:{name}" not in out)


def _done(question: Question, stage: Stage) -> bool:
    if question.policy.fallback[stage.step].use == "judge":
        return stage.verdict is not None
    heard = {reply.author.id for reply in advice(question)} | question.passed | question.gone
    return all(f"agent:{name}" in heard for name in stage.agents)


def _found(question: Question, stage: Stage) -> Step | None:
    verdict, advised = stage.verdict, advice(question)
    if verdict is not None and verdict.decision:
        return Step(name="judge", decision=verdict.decision, choice=verdict.choice, number=verdict.number)
    if advised:
        decision = decide(question.ask, advised)
        return Step(name="agents", decision=decision.text, choice=decision.choice, number=decision.number)
    return None
