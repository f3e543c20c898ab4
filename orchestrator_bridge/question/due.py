"""What time does to a question. Plain functions of `now`; nothing here looks at a clock.

Times of a question that was posted are by its platform's clock, and before that by ours; all are in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator_bridge.question.chain import decided, waited_out, waited_out_at
from orchestrator_bridge.question.quorum import counting, enough, people_decide, ready_at
from orchestrator_bridge.question.times import deadline, expiry, on_platform, starts_at
from orchestrator_bridge.question.values import URGENCY_SCALE, Question, Urgency
from orchestrator_bridge.team import Policy

__all__ = ["AT_ONCE", "Due", "deadline", "due", "expiry", "next_due", "remind_at", "scaled"]

AT_ONCE = 0.0
"""A time that is always past: the epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """What is due: `wake` those who have slept, `remind` those who have not replied, the next step of `escalate`, `fall` on to a
    fallback that takes time; `expired`, the deadline and its grace are over."""

    wake: tuple[str, ...] = ()
    remind: bool = False
    escalate: bool = False
    fall: bool = False
    expired: bool = False

    def __bool__(self) -> bool:
        """Whether there is anything to do besides settling."""
        return bool(self.wake) or self.remind or self.escalate or self.fall


def scaled(policy: Policy, urgency: Urgency) -> Policy:
    """The policy with its times as the urgency has them; what people need to type, or fallbacks to work, stays."""
    scale = URGENCY_SCALE[urgency]
    steps = tuple(step.model_copy(update={"after": step.after * scale}) for step in policy.escalate)
    times = {"remind_after": policy.remind_after * scale, "expire_after": policy.expire_after * scale}
    return policy.model_copy(update={**times, "escalate": steps})


def remind_at(question: Question) -> float:
    """When those who have not replied are reminded, once; infinity if they are not. More time puts it off too."""
    policy = question.policy
    wanted = 0 < policy.remind_after < policy.expire_after and not question.reminded
    return starts_at(question) + policy.remind_after + question.extended if wanted and _nudges(question) else math.inf


def escalate_at(question: Question) -> float:
    """When the next step of the escalation is taken; infinity if there is none. More time puts it off too."""
    steps = question.policy.escalate
    if question.escalated >= len(steps) or not _nudges(question):
        return math.inf
    return starts_at(question) + steps[question.escalated].after + question.extended


def _nudges(question: Question) -> bool:
    """Whether people are waited for, and there are not enough of their answers."""
    waiting = question.open and question.delivery is not None and question.stage is None and people_decide(question)
    return waiting and not enough(question, counting(question))


def _wakings(question: Question) -> Iterator[tuple[float, str]]:
    if question.open and question.delivery is not None and question.stage is None:
        for one, until in question.asleep.items():
            yield on_platform(question, until), one


def due(question: Question, now: float) -> Due:
    """What is due at `now`. The question service notes by `hear` what it has done of it, so that it is done once."""
    if not question.open:
        return Due()
    if waited_out(question, now) or ready_at(question) <= now:
        fall = ready_at(question) > now and not enough(question, counting(question)) and decided(question) is None
        return Due(fall=fall, expired=now >= expiry(question))
    wake = tuple(one for at, one in _wakings(question) if at <= now)
    return Due(wake=wake, remind=remind_at(question) <= now, escalate=escalate_at(question) <= now)


def next_due(question: Question) -> float:
    """When to look again if nothing is heard: until then neither `settle` nor `due` says anything new, and then one of them does.

    `AT_ONCE` if something is due already, infinity once the question is settled.
    """
    if not question.open:
        return math.inf
    wake = min((at for at, _ in _wakings(question)), default=math.inf)
    times = (ready_at(question), waited_out_at(question), remind_at(question), escalate_at(question), wake)
    return max(AT_ONCE, min(times))
