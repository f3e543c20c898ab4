"""Whose voices decide a question, and whether there are enough of them.

Where people are asked, only people fill the quorum; where only agents are asked, they do. A quorum that cannot be filled becomes
what can: when everyone who has not passed has replied, that is enough.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from orchestrator_bridge.question.values import Question, Reply, Responder


def people_decide(question: Question) -> bool:
    """Whether people fill the quorum: they are asked, or nobody is."""
    return bool(question.humans) or not question.asked


def deciders(question: Question) -> tuple[Responder, ...]:
    """Those asked whose replies fill the quorum."""
    return question.humans if people_decide(question) else question.asked


def counting(question: Question) -> tuple[Reply, ...]:
    """The replies that count, of those who decide."""
    kind = "human" if people_decide(question) else "agent"
    return tuple(reply for reply in question.replies if reply.author.kind == kind and counts(question, reply))


def counts(question: Question, reply: Reply) -> bool:
    """Whether a reply is an answer: it was in time, and a person's to a `confirm` or `number` says yes, no or a number."""
    if reply.late:
        return False
    if reply.author.kind == "agent":
        return True
    if question.ask.kind == "confirm":
        return reply.choice is not None
    return question.ask.kind != "number" or reply.number is not None


def needed(question: Question) -> float:
    """How many voices the policy wants; infinity for everyone's."""
    quorum = question.policy.quorum if people_decide(question) else question.policy.peer_quorum
    if quorum == "majority":
        return len(deciders(question)) // 2 + 1
    if quorum == "all":
        return math.inf
    return 1 if quorum == "first" else quorum


def awaited(question: Question) -> tuple[Responder, ...]:
    """Those asked who decide, have not answered, and may still."""
    out = question.passed | question.gone | {reply.author.id for reply in counting(question)}
    return tuple(one for one in deciders(question) if one.id not in out)


def enough(question: Question, voices: Collection[Reply]) -> bool:
    """Whether these of the counting voices fill the quorum."""
    heard = {reply.author.id for reply in voices}
    missing = {reply.author.id for reply in counting(question)} - heard
    complete = not awaited(question) and not missing
    return bool(heard) and (complete or _voices_for_quorum(question, heard) >= needed(question))


def _voices_for_quorum(question: Question, heard: Collection[str]) -> int:
    """A majority is one of those asked; else every voice counts that may."""
    policy = question.policy
    if people_decide(question) and policy.quorum == "majority":
        return sum(one.id in heard for one in deciders(question))
    return len(heard)


def nobody_left(question: Question) -> bool:
    """Nobody has answered and nobody can: all have passed or are gone, or there was nobody to ask."""
    return not awaited(question) and not counting(question)


def ready_at(question: Question) -> float:
    """When the quorum is filled by clicks and by words that are old enough; -inf if it is, +inf if it cannot be yet.

    People's times can be compared only once the question's own is known, so before the delivery their voices wait.
    """
    if people_decide(question) and question.delivery is None:
        return math.inf
    voices = sorted(counting(question), key=lambda reply: _ripe_at(question, reply))
    for number, reply in enumerate(voices, 1):
        if enough(question, voices[:number]):
            return _ripe_at(question, reply)
    return math.inf


def _ripe_at(question: Question, reply: Reply) -> float:
    """From when on nothing more is expected of a reply: a click is complete, and so is an agent's or what somebody gone said."""
    if reply.clicked or reply.author.kind == "agent" or reply.author.id in question.gone:
        return -math.inf
    return reply.at + question.policy.settle_delay


def silent(question: Question) -> Sequence[Responder]:
    """The people to remind: asked, and neither replied nor passed."""
    return [one for one in awaited(question) if one.kind == "human"]
