"""What time does to a question. Plain functions of `now`; nothing here looks at a clock.

Times of a question that was posted are by its platform's clock, and before that by ours; all are in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from orchestrator_bridge.question.quorum import counting, enough, nobody_left, people_decide, ready_at
from orchestrator_bridge.question.values import URGENCY_SCALE, Question, Urgency
from orchestrator_bridge.team import Policy

AT_ONCE = 0.0
"""A time that is always past: the epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """What is due: `remind` those who have not replied; `expired`, the deadline and its grace are over."""

    remind: bool = False
    expired: bool = False


def scaled(policy: Policy, urgency: Urgency) -> Policy:
    """The policy with its times as the urgency has them; what people need to type or to be heard in stays."""
    scale = URGENCY_SCALE[urgency]
    return policy.model_copy(
        update={"remind_after": policy.remind_after * scale, "expire_after": policy.expire_after * scale},
    )


def deadline(question: Question) -> float:
    """The last moment at which a reply counts."""
    policy = question.policy
    if question.delivery is None:
        return question.asked_at + policy.expire_after
    return question.delivery.posted_at + policy.expire_after + question.extended


def expiry(question: Question) -> float:
    """When the question ends if nothing else ends it: with the grace for replies that are slow to arrive."""
    return deadline(question) + (question.policy.grace if question.delivery else 0.0)


def remind_at(question: Question) -> float:
    """When those who have not replied are reminded, once; infinity if they are not. More time puts it off too."""
    policy = question.policy
    wanted = 0 < policy.remind_after < policy.expire_after and not question.reminded and people_decide(question)
    if not wanted or not question.open or question.delivery is None or enough(question, counting(question)):
        return math.inf
    return question.delivery.posted_at + policy.remind_after + question.extended


def due(question: Question, now: float) -> Due:
    """What is due at `now`. The desk notes a reminder by `hear.reminded`, so that there is one."""
    expired = question.open and now >= expiry(question)
    return Due(remind=remind_at(question) <= now and not expired, expired=expired)


def next_due(question: Question) -> float:
    """When to look again if nothing is heard: until then neither `settle` nor `due` says anything new, and then one of them does.

    `AT_ONCE` if something is due already, infinity once the question is settled.
    """
    if not question.open:
        return math.inf
    if nobody_left(question):
        return AT_ONCE
    return max(AT_ONCE, min(ready_at(question), remind_at(question), expiry(question)))
