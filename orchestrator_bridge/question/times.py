"""From when until when a question is open, in seconds, by its platform's clock; before it was posted by ours."""

from __future__ import annotations

from orchestrator_bridge.question.values import Question


def to_platform_time(question: Question, at: float) -> float:
    """A time of our clock by the clock of the platform where the question stands."""
    delivery = question.delivery
    return at - (delivery.noted_at - delivery.posted_at) if delivery else at


def effective_start(question: Question) -> float:
    """From when its times count: its posting, or when enough of those asked have slept."""
    posted = question.delivery.posted_at if question.delivery else question.asked_at
    return max(posted, to_platform_time(question, question.starts_at))


def deadline(question: Question) -> float:
    """The last moment at which a reply counts, unless a fallback is still at work then."""
    return effective_start(question) + question.policy.expire_after + (question.extended if question.delivery else 0.0)


def expiry(question: Question) -> float:
    """When the question ends if nothing else ends it: with the grace for replies that are slow to arrive."""
    return deadline(question) + (question.policy.grace if question.delivery else 0.0)


def waiting_end(question: Question) -> float:
    """When waiting is over: the expiry, or the end of the time of the fallback that is at work."""
    if question.stage is None:
        return expiry(question)
    return question.stage.since + question.policy.fallback[question.stage.step].seconds
