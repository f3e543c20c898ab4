"""What time does to a question. Plain functions of `now`; nothing here looks at a clock.

Times of a question that was posted are by its platform's clock, and before that by ours; all are in seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator_bridge.question.model import (
    URGENCY_SCALE,
    Question,
    Urgency,
    deadline,
    effective_start,
    expiry,
    to_platform_time,
)
from orchestrator_bridge.question.quorum import counted_replies, is_quorum_met, people_decide, quorum_ready_at
from orchestrator_bridge.question.settlement import fallback_decision, waiting_ends_at, waiting_over
from orchestrator_bridge.team.team import Policy

__all__ = ["AT_ONCE", "Due", "deadline", "due", "expiry", "next_due", "remind_at", "scaled"]

AT_ONCE = 0.0
"""A time that is always past: the epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """What is due: `wake` those who have slept, `remind` those who have not replied, the next step of `escalate`,
    `start_fallback` on to a fallback that takes time; `expired`, the deadline and its grace are over."""

    wake: tuple[str, ...] = ()
    remind: bool = False
    escalate: bool = False
    start_fallback: bool = False
    expired: bool = False

    def __bool__(self) -> bool:
        """Whether there is anything to do besides settling."""
        return bool(self.wake) or self.remind or self.escalate or self.start_fallback


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
    return (
        effective_start(question) + policy.remind_after + question.extended if wanted and _wants_reminders(question) else math.inf
    )


def escalate_at(question: Question) -> float:
    """When the next step of the escalation is taken; infinity if there is none. More time puts it off too."""
    steps = question.policy.escalate
    if question.escalated >= len(steps) or not _wants_reminders(question):
        return math.inf
    return effective_start(question) + steps[question.escalated].after + question.extended


def _wants_reminders(question: Question) -> bool:
    """Whether people are waited for, and there are not enough of their answers."""
    waiting = question.open and question.delivery is not None and question.stage is None and people_decide(question)
    return waiting and not is_quorum_met(question, counted_replies(question))


def _quiet_ends(question: Question) -> Iterator[tuple[float, str]]:
    if question.open and question.delivery is not None and question.stage is None:
        for one, until in question.asleep.items():
            yield to_platform_time(question, until), one


def due(question: Question, now: float) -> Due:
    """What is due at `now`. The question service notes by `hear` what it has done of it, so that it is done once."""
    if not question.open:
        return Due()
    if waiting_over(question, now) or quorum_ready_at(question) <= now:
        fall = (
            quorum_ready_at(question) > now
            and not is_quorum_met(question, counted_replies(question))
            and fallback_decision(question) is None
        )
        return Due(start_fallback=fall, expired=now >= expiry(question))
    wake = tuple(one for at, one in _quiet_ends(question) if at <= now)
    return Due(wake=wake, remind=remind_at(question) <= now, escalate=escalate_at(question) <= now)


def next_due(question: Question) -> float:
    """When to look again if nothing is heard: until then neither `settle` nor `due` says anything new, and then one of them does.

    `AT_ONCE` if something is due already, infinity once the question is settled.
    """
    if not question.open:
        return math.inf
    wake = min((at for at, _ in _quiet_ends(question)), default=math.inf)
    times = (quorum_ready_at(question), waiting_ends_at(question), remind_at(question), escalate_at(question), wake)
    return max(AT_ONCE, min(times))
