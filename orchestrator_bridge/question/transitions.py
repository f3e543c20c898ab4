"""Transitions of a question: each function applies one input and returns the new question.

Inputs are idempotent and commutative: a repeated input has no effect, the order of arrival has none, and a settled question
does not change. Without a change the same object is returned. Words are sanitised before they are stored. Words of somebody
who may not answer are stored as well, without effect: the question may yet be handed over to them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from orchestrator_bridge.chat.inbound import Group
from orchestrator_bridge.common.text import clean
from orchestrator_bridge.question.model import (
    Delegation,
    Delivery,
    ExtensionRequest,
    FallbackStage,
    JudgeVerdict,
    Outcome,
    Question,
    Subscriber,
    Utterance,
    effective_start,
)
from orchestrator_bridge.question.parsing.reply import MAX_REPLY
from orchestrator_bridge.question.quorum import group_id
from orchestrator_bridge.question.voices import Withdrawal, clickable_options, current_replies, version_key, withdrawals
from orchestrator_bridge.team.directory import Mentioned, Responder

ANY_QUESTION = "*"
"""Role of people whom the team file lets answer every question."""


def may_answer(question: Question, responder: Responder) -> bool:
    """True if a reply of this responder is accepted. Any agent may answer, except the one that asks."""
    if responder.kind == "agent":
        return responder.id != f"agent:{question.agent}"
    if question.policy.responders == "anyone" or ANY_QUESTION in responder.roles:
        return True
    return is_asked(question, responder)


def is_asked(question: Question, responder: Responder) -> bool:
    """True if the question asks this responder, by name or through a role: they may know of it wherever they are."""
    by_name = any(known.id == responder.id for known in question.all_asked)
    return by_name or not set(roles_allowed_to_answer(question)).isdisjoint(responder.roles)


def roles_allowed_to_answer(question: Question) -> tuple[str, ...]:
    """Roles whose holders may answer, such as `role:backend`."""
    return (question.policy.responders, *question.welcome, *(group_id(group.name) for group in question.groups))


def reply_received(
    question: Question,
    *,
    author: Responder,
    message: str,
    text: str,
    at: float,
    choice: str | None = None,
    edit: str = "",
    mentions: Sequence[Mentioned] = (),
) -> Question:
    """A responder typed or edited a message (`edit` identifies the version), or clicked the option with the id `choice`.

    A click on an unknown option has no effect. An agent without words passes.
    """
    words = clean(text, MAX_REPLY).strip()
    own = author.kind == "agent" and not may_answer(question, author)
    if own or (choice is not None and choice not in {option.id for option in clickable_options(question.ask)}):
        return question
    if author.kind == "agent" and choice is None and not words:
        return passed(question, author, at)
    heard = Utterance(message=message, author=author, text=words, choice=choice, edit=edit, at=at, mentions=tuple(mentions))
    return _add_utterance(question, heard)


def reply_deleted(question: Question, message: str) -> Question:
    """A message was deleted, possibly one that arrives only later."""
    return _updated(question, withdrawn=question.withdrawn | {message})


def passed(question: Question, responder: Responder, at: float = 0.0, to: Mentioned | None = None) -> Question:
    """A responder declined ("Not me") or delegated (`to`). Words of a later time revoke it; with `at` 0, any words do."""
    message = f"pass:{responder.id}:{at!r}:{to.who.id if to else ''}"
    return _add_utterance(
        question, Utterance(message=message, author=responder, passed=True, mentions=(to,) if to else (), at=at)
    )


def became_unreachable(question: Question, responder: str) -> Question:
    """A responder (an id) cannot be reached any more: the question no longer waits for them, but their reply counts."""
    return _updated(question, gone=question.gone | {responder})


def extended(question: Question, seconds: float, key: str = "", at: float = 0.0) -> Question:
    """A person requested more time, in seconds; all extensions together are limited to the policy's `extend_max`.

    `key` identifies the request across redeliveries.
    """
    wish = ExtensionRequest(key=key or f"{len(question.wishes)}", seconds=max(0.0, seconds), at=at)
    if not wish.seconds or any(known.key == wish.key for known in question.wishes):
        return question
    return _updated(question, wishes=tuple(sorted((*question.wishes, wish), key=lambda request: (request.at, request.key))))


def subscribed(question: Question, who: Subscriber) -> Question:
    """Another agent asked the same and gets the same outcome."""
    return _updated(question, joined=(*question.joined, who))


def posted(question: Question, delivery: Delivery) -> Question:
    """A card was posted. Only the first delivery sets the deadline."""
    if question.delivery is None:
        return _updated(question, delivery=delivery)
    # The outbox may report the same post twice, after a restart.
    known = (question.delivery, *question.copied)
    if any((copy.place, copy.message) == (delivery.place, delivery.message) for copy in known):
        return question
    return _updated(question, copied=(*question.copied, delivery))


def card_deleted(question: Question, message: str) -> Question:
    """A message was deleted; it has an effect if it is a card in the channel and not a copy in a direct message."""
    deliveries = (question.delivery, *question.copied)
    cards = {card.message for card in deliveries if card and not card.place.channel.startswith("@")}
    return _updated(question, lost=(*question.lost, message)) if message in cards - set(question.lost) else question


def reminded(question: Question) -> Question:
    """The reminder was sent."""
    return _updated(question, reminded=question.reminded + 1)


def escalated(
    question: Question,
    people: Iterable[Mentioned] = (),
    groups: Iterable[Group] = (),
    asleep: Mapping[str, float] = MappingProxyType({}),
) -> Question:
    """The next escalation step was taken: these people, and groups with unknown members, are asked too.

    `asleep`: those of them in their quiet hours: id -> their end by our clock.
    """
    known = {responder.id for responder in question.all_asked}
    new = tuple(person for person in people if person.who.id not in known)
    authors = {**question.authors, **{person.who.id: person.author for person in new}}
    added = (*question.added, *(person.who for person in new))
    welcome = tuple(dict.fromkeys((*question.welcome, *(group_id(group.name) for group in groups))))
    sleepers = {**question.asleep, **{person.id: asleep[person.id] for person in added if person.id in asleep}}
    return _updated(question, escalated=question.escalated + 1, added=added, authors=authors, welcome=welcome, asleep=sleepers)


def quiet_hours_began(question: Question, asleep: Mapping[str, float], starts_at: float) -> Question:
    """These people are in their quiet hours (id -> their end); the question's times count from `starts_at` if that is later."""
    return _updated(question, asleep={**question.asleep, **asleep}, starts_at=max(question.starts_at, starts_at))


def quiet_hours_ended(question: Question, people: Iterable[str]) -> Question:
    """The quiet hours of these people (ids) ended."""
    awake = frozenset(people)
    return _updated(question, asleep={person: until for person, until in question.asleep.items() if person not in awake})


def fallback_began(question: Question, stage: FallbackStage) -> Question:
    """A fallback that takes time began. While it is in progress, replies count even after the deadline."""
    return _updated(question, stage=stage)


def judged(question: Question, verdict: JudgeVerdict) -> Question:
    """The judge gave its verdict; the first verdict of a stage stands."""
    stage = question.stage
    return _updated(question, stage=stage.model_copy(update={"verdict": verdict})) if stage and not stage.verdict else question


def settled(question: Question, outcome: Outcome) -> Question:
    """The question ended; the first outcome stands."""
    return _updated(question, outcome=outcome)


def _add_utterance(question: Question, heard: Utterance) -> Question:
    if heard in question.heard:
        return question
    # A canonical order, so that the question does not depend on the order of arrival.
    utterances = sorted((*question.heard, heard), key=lambda known: (known.message, version_key(known), known.author.id))
    return _updated(question, heard=tuple(utterances))


def _updated(question: Question, **changes: Any) -> Question:
    """Change fields and derive what follows from them; the same object if nothing changes, or the question is settled."""
    changed = _with_fields(question, changes) if question.open else question
    if changed is question:
        return question
    return changed if _REPLY_INPUTS.isdisjoint(changes) else _derive_replies(changed)


def _with_fields(question: Question, changes: dict[str, Any]) -> Question:
    same = all(getattr(question, field) == value for field, value in changes.items())
    return question if same else question.model_copy(update=changes)


_REPLY_INPUTS = frozenset({"heard", "withdrawn", "delivery", "wishes", "added", "welcome", "stage", "starts_at"})
"""Fields from which the replies are derived: utterances, the deadline, and who may answer."""


def _derive_replies(question: Question) -> Question:
    """Derive extensions, delegations, passes and replies, in this order: each depends on the ones before it."""
    question = _with_fields(question, {"extended": _granted_seconds(question)})
    question = _with_fields(question, _withdrawn_and_delegated(question))
    replies = tuple(reply for reply in current_replies(question) if may_answer(question, reply.author))
    return _with_fields(question, {"replies": replies})


def _granted_seconds(question: Question) -> float:
    """Seconds granted in all: each request counts if it came before the expiry as extended by the earlier ones."""
    # In order of time: a request that is in time only because of an earlier extension counts, whichever arrived first.
    granted, end = 0.0, effective_start(question) + question.policy.expire_after + question.policy.grace
    for wish in question.wishes:
        if question.delivery is None or wish.at <= end + granted:
            granted = min(question.policy.extend_max, granted + wish.seconds)
    return granted


def _withdrawn_and_delegated(question: Question) -> dict[str, Any]:
    """Derive who passed and who delegated to whom.

    Only somebody asked by then can pass, and only somebody asked or allowed to answer can delegate. A delegate may delegate
    further, whatever the order of arrival: so one withdrawal is applied at a time until no other one is allowed.
    """
    question = _with_fields(question, {"handed": ()})
    peers = {f"agent:{name}" for name in (*question.peers, *question.others)}
    asked_since = dict.fromkeys((*(responder.id for responder in question.all_asked), *peers), -math.inf)
    out: set[str] = set()
    handed: list[Delegation] = []
    waiting = list(withdrawals(question))
    while (allowed := next((found for found in waiting if _may_withdraw(question, asked_since, found)), None)) is not None:
        waiting.remove(allowed)
        who, to = allowed.utterance.author, allowed.to
        if who.id in asked_since and not allowed.back:
            out.add(who.id)
        if to is not None:
            handed.append(Delegation(by=who.id, to=to))
            asked_since.setdefault(to.who.id, allowed.utterance.at)
            out.discard(to.who.id)
    return {"handed": tuple(handed), "passed": frozenset(out)}


def _may_withdraw(question: Question, asked_since: Mapping[str, float], withdrawal: Withdrawal) -> bool:
    """True if the author was asked by then, or delegates a question that they may answer."""
    utterance = withdrawal.utterance
    asked = asked_since.get(utterance.author.id, math.inf) <= utterance.at
    return asked or (withdrawal.to is not None and may_answer(question, utterance.author))
