"""Oracle for the question core: expected results by the facts alone, without knowledge of the core's structure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_bridge.question.model import Question, deadline
from orchestrator_bridge.team.directory import Responder
from tests.support.question_builders import ANA, BEN, CY, SKEPTIC, STRANGER
from tests.support.question_inputs import ClickFact, DeleteFact, ExtensionFact, Fact, HandOverFact, MessageFact, PassFact

Spoken = MessageFact | ClickFact | PassFact | HandOverFact


def replied_in_time(question: Question, heard: Sequence[Fact]) -> set[str]:
    """Ids of those whose reply by the deadline was neither deleted nor followed by a decline or a handover."""
    said = newest_in_time(question, heard)
    allowed = may_answer(question, said)
    words = (
        fact for fact in said if isinstance(fact, MessageFact | ClickFact) and not is_decline(fact) and fact.author.id in allowed
    )
    return {fact.author.id for fact in words if fact.at >= declined_at(fact.author, said)}


def newest_in_time(question: Question, heard: Sequence[Fact]) -> list[Spoken]:
    """Newest version of each message, among those in time."""
    end = deadline(question) if question.delivery else math.inf
    deleted = {fact.message for fact in heard if isinstance(fact, DeleteFact)}
    newest: dict[str, tuple[tuple[int, float, str], Spoken]] = {}
    for fact in heard:
        if not isinstance(fact, Spoken) or (fact.author.kind == "human" and fact.at > end) or not clickable(question, fact):
            continue
        rank = (int(fact.edit or 0), fact.at, fact.text) if isinstance(fact, MessageFact) else (0, fact.at, "")
        name = message(fact)
        if name not in deleted and (name not in newest or rank > newest[name][0]):
            newest[name] = (rank, fact)
    return [fact for _, fact in newest.values()]


def message(fact: Spoken) -> str:
    if isinstance(fact, MessageFact | ClickFact):
        return fact.message
    return f"pass:{fact.author.id}:{fact.at!r}:{fact.to.who.id if isinstance(fact, HandOverFact) else ''}"


def clickable(question: Question, fact: Spoken) -> bool:
    options = {"choice": ("pg", "lite"), "confirm": ("yes", "no")}.get(question.ask.kind, ())
    return not isinstance(fact, ClickFact) or fact.choice in options


def is_decline(fact: Spoken) -> bool:
    if isinstance(fact, MessageFact):
        return fact.author.kind == "human" and any(mention.who.id != fact.author.id for mention in fact.mentions)
    return not isinstance(fact, ClickFact)


def declined_at(author: Responder, said: Sequence[Spoken]) -> float:
    return max((fact.at for fact in said if fact.author.id == author.id and is_decline(fact)), default=-math.inf)


def handed_over_to(fact: Spoken) -> str | None:
    if isinstance(fact, HandOverFact):
        return fact.to.who.id
    return fact.mentions[0].who.id if isinstance(fact, MessageFact) and is_decline(fact) else None


def may_answer(question: Question, said: Sequence[Spoken]) -> set[str]:
    """Ids of those who may answer: agents, those asked, and in order of time those to whom one of these has handed over."""
    since = {person.id: -math.inf for person in (*question.asked, SKEPTIC, *((question.decider,) if question.decider else ()))}
    if question.policy.responders == "anyone":
        since |= dict.fromkeys((STRANGER.id, ANA.id, BEN.id, CY.id), -math.inf)
    handings = [(fact.author.id, fact.at, to) for fact in said if (to := handed_over_to(fact)) is not None]
    for _ in handings:
        for by, at, to in handings:
            if since.get(by, math.inf) <= at:
                since[to] = min(at, since.get(to, math.inf))
    return set(since)


@dataclass(frozen=True)
class ExpectedReply:
    """Final reply of one responder: the typed messages in order, and the click beside them, if any."""

    typed: tuple[tuple[str, str], ...]
    clicked: str | None


def expected_replies(question: Question, heard: Sequence[Fact]) -> dict[str, ExpectedReply]:
    """Final reply of each of those in `spoken_in_time`."""
    said = newest_in_time(question, heard)
    return {author: _expected_reply(question, author, said, heard) for author in replied_in_time(question, heard)}


def _expected_reply(question: Question, author: str, said: Sequence[Spoken], heard: Sequence[Fact]) -> ExpectedReply:
    own = [
        fact for fact in said if fact.author.id == author and isinstance(fact, MessageFact | ClickFact) and not is_decline(fact)
    ]
    since = declined_at(own[0].author, said)
    own = [fact for fact in own if fact.at >= since]
    click = max((fact for fact in own if isinstance(fact, ClickFact)), key=lambda fact: (fact.at, fact.message), default=None)
    typed = [fact for fact in own if isinstance(fact, MessageFact) and (click is None or fact.at > click.at)]
    typed.sort(key=lambda fact: (_first(question, fact, heard), fact.message))
    return ExpectedReply(typed=tuple((fact.message, fact.text) for fact in typed), clicked=click.choice if click else None)


def _first(question: Question, said: MessageFact, heard: Sequence[Fact]) -> float:
    """Time of a message's first version, among those in time."""
    end = deadline(question) if question.delivery and said.author.kind == "human" else math.inf
    same = (
        fact for fact in heard if isinstance(fact, MessageFact) and fact.message == said.message and fact.author == said.author
    )
    return min(fact.at for fact in same if fact.at <= end)


def deadline_after(question: Question, heard: Sequence[Fact]) -> float:
    """The deadline once everybody has wished: a wish counts that came before the expiry as it was then."""
    end, left = deadline(question), question.policy.extend_max
    for wish in sorted({fact for fact in heard if isinstance(fact, ExtensionFact)}, key=lambda fact: (fact.at, fact.key)):
        if question.delivery is not None and wish.at <= end + question.policy.grace:
            granted = min(left, wish.seconds)
            end, left = end + granted, left - granted
    return end
