"""Timed steps of a question: reminders, escalations, ends of quiet hours, expiry. Pure functions of `now`.

All times are in seconds since the epoch, by the platform's clock for a posted question and by ours before that.
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
from orchestrator_bridge.question.quorum import counted_replies, is_quorum_met, people_decide, quorum_ready_at, replies_decide
from orchestrator_bridge.question.settlement import fallback_decision, waiting_ends_at, waiting_over
from orchestrator_bridge.team.team import Policy

__all__ = ["AT_ONCE", "Due", "deadline", "due", "expiry", "next_due", "remind_at", "scaled"]

AT_ONCE = 0.0
"""A time that has always passed: the epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Due:
    """Steps that are due. `wake`: ids of people whose quiet hours have ended. `remind`: send the reminder. `escalate`: take the
    next escalation step. `start_fallback`: begin a fallback that takes time. `expired`: deadline and grace period are over."""

    wake: tuple[str, ...] = ()
    remind: bool = False
    escalate: bool = False
    start_fallback: bool = False
    expired: bool = False

    def __bool__(self) -> bool:
        """True if there is a step to take besides settling."""
        return bool(self.wake) or self.remind or self.escalate or self.start_fallback


def scaled(policy: Policy, urgency: Urgency) -> Policy:
    """Scale a policy by the urgency: reminder, escalation and expiry. Settling, grace and fallback times stay as they are."""
    scale = URGENCY_SCALE[urgency]
    steps = tuple(step.model_copy(update={"after": step.after * scale}) for step in policy.escalate)
    times = {"remind_after": policy.remind_after * scale, "expire_after": policy.expire_after * scale}
    return policy.model_copy(update={**times, "escalate": steps})


def remind_at(question: Question) -> float:
    """Time of the one reminder, infinity if there is none to come. An extension postpones it."""
    policy = question.policy
    wanted = 0 < policy.remind_after < policy.expire_after and not question.reminded
    if not wanted or not _awaits_people(question):
        return math.inf
    return effective_start(question) + policy.remind_after + question.extended


def escalate_at(question: Question) -> float:
    """Time of the next escalation step, infinity if there is none. An extension postpones it."""
    steps = question.policy.escalate
    if question.escalated >= len(steps) or not _awaits_people(question):
        return math.inf
    return effective_start(question) + steps[question.escalated].after + question.extended


def _awaits_people(question: Question) -> bool:
    """True if the question waits for people, and their replies do not meet the quorum."""
    waiting = question.open and question.delivery is not None and question.stage is None and people_decide(question)
    return waiting and not is_quorum_met(question, counted_replies(question))


def _quiet_ends(question: Question) -> Iterator[tuple[float, str]]:
    if question.open and question.delivery is not None and question.stage is None:
        for person, until in question.asleep.items():
            yield to_platform_time(question, until), person


def due(question: Question, now: float) -> Due:
    """Return the steps due at `now`. The caller records each step it takes (`transitions`), so that it is taken once."""
    if not question.open:
        return Due()
    if waiting_over(question, now) or quorum_ready_at(question) <= now:
        # Otherwise `settle` ends it: by replies that meet the quorum, final or not, or by a fallback that decides at once.
        needs_time = quorum_ready_at(question) > now and not replies_decide(question) and fallback_decision(question) is None
        return Due(start_fallback=needs_time, expired=now >= expiry(question))
    wake = tuple(person for at, person in _quiet_ends(question) if at <= now)
    return Due(wake=wake, remind=remind_at(question) <= now, escalate=escalate_at(question) <= now)


def next_due(question: Question) -> float:
    """Next time at which `settle` or `due` has a new result, if no input arrives before.

    `AT_ONCE` if there is one already, infinity once the question is settled.
    """
    if not question.open:
        return math.inf
    wake = min((at for at, _ in _quiet_ends(question)), default=math.inf)
    times = (quorum_ready_at(question), waiting_ends_at(question), remind_at(question), escalate_at(question), wake)
    return max(AT_ONCE, min(times))
