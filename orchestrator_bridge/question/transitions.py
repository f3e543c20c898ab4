"""What a question hears: a question in, the question after it out.

Hearing the same thing twice changes nothing, the order of arrival changes nothing, and nothing changes a question that is
settled: the very same object comes back. Words are cleaned before they are kept. What somebody says who may not answer is kept
too, without effect: the question may yet be handed to them.
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
"""Among somebody's roles: the team file lets them answer every question."""


def may_answer(question: Question, responder: Responder) -> bool:
    """Whether a reply by this responder is taken. Agents advise each other freely; the one who asked cannot answer."""
    if responder.kind == "agent":
        return responder.id != f"agent:{question.agent}"
    if question.policy.responders == "anyone" or any(one.id == responder.id for one in question.all_asked):
        return True
    return not {ANY_QUESTION, *roles_allowed_to_answer(question)}.isdisjoint(responder.roles)


def roles_allowed_to_answer(question: Question) -> tuple[str, ...]:
    """The roles whose holders may answer, such as `role:backend`."""
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
    """Somebody typed a message, edited it (`edit` tells the versions apart), or clicked the option whose id is `choice`.

    A click on an option that is not there changes nothing; an agent without words passes.
    """
    words = clean(text, MAX_REPLY).strip()
    own = author.kind == "agent" and not may_answer(question, author)
    if own or (choice is not None and choice not in {one.id for one in clickable_options(question.ask)}):
        return question
    if author.kind == "agent" and choice is None and not words:
        return passed(question, author, at)
    heard = Utterance(message=message, author=author, text=words, choice=choice, edit=edit, at=at, mentions=tuple(mentions))
    return _add_utterance(question, heard)


def reply_deleted(question: Question, message: str) -> Question:
    """A message was deleted, perhaps one that is yet to arrive."""
    return _updated(question, withdrawn=question.withdrawn | {message})


def passed(question: Question, responder: Responder, at: float = 0.0, to: Mentioned | None = None) -> Question:
    """Somebody said "not me", or handed over (`to`). Words of a later time take it back, so without a time it outweighs none."""
    message = f"pass:{responder.id}:{at!r}:{to.who.id if to else ''}"
    return _add_utterance(
        question, Utterance(message=message, author=responder, passed=True, mentions=(to,) if to else (), at=at)
    )


def became_unreachable(question: Question, responder: str) -> Question:
    """Somebody, by id, cannot be reached any more: nobody waits for them, but what they have said stands."""
    return _updated(question, gone=question.gone | {responder})


def extended(question: Question, seconds: float, key: str = "", at: float = 0.0) -> Question:
    """Somebody wants more time, in seconds, up to the policy's `extend_max` in all; `key` tells wishes apart."""
    wish = ExtensionRequest(key=key or f"{len(question.wishes)}", seconds=max(0.0, seconds), at=at)
    if not wish.seconds or any(one.key == wish.key for one in question.wishes):
        return question
    return _updated(question, wishes=tuple(sorted((*question.wishes, wish), key=lambda one: (one.at, one.key))))


def subscribed(question: Question, who: Subscriber) -> Question:
    """Another agent asks the same, and waits for the same outcome."""
    return _updated(question, joined=(*question.joined, who))


def posted(question: Question, delivery: Delivery) -> Question:
    """People can see the question, or a copy of it. Only the first delivery sets the deadline."""
    if question.delivery is None:
        return _updated(question, delivery=delivery)
    known = (question.delivery, *question.copied)
    if any((one.place, one.message) == (delivery.place, delivery.message) for one in known):
        return question
    return _updated(question, copied=(*question.copied, delivery))


def card_deleted(question: Question, message: str) -> Question:
    """Its card in the channel was deleted; what stands in other messages is no card."""
    cards = {one.message for one in (question.delivery, *question.copied) if one and not one.place.channel.startswith("@")}
    return _updated(question, lost=(*question.lost, message)) if message in cards - set(question.lost) else question


def reminded(question: Question) -> Question:
    """Those who have not replied were reminded."""
    return _updated(question, reminded=question.reminded + 1)


def escalated(
    question: Question,
    people: Iterable[Mentioned] = (),
    groups: Iterable[Group] = (),
    asleep: Mapping[str, float] = MappingProxyType({}),
) -> Question:
    """The next step of the escalation was taken: these people, and groups whose members nobody knows, are asked too.

    `asleep`: those of them who are not to be disturbed yet, by id, and until when by our clock.
    """
    known = {one.id for one in question.all_asked}
    new = tuple(one for one in people if one.who.id not in known)
    authors = {**question.authors, **{one.who.id: one.author for one in new}}
    added = (*question.added, *(one.who for one in new))
    welcome = tuple(dict.fromkeys((*question.welcome, *(group_id(group.name) for group in groups))))
    sleepers = {**question.asleep, **{one.id: asleep[one.id] for one in added if one.id in asleep}}
    return _updated(question, escalated=question.escalated + 1, added=added, authors=authors, welcome=welcome, asleep=sleepers)


def quiet_hours_began(question: Question, asleep: Mapping[str, float], starts_at: float) -> Question:
    """These people (by id; until when by our clock) are not to be disturbed; its times count from `starts_at`, if later."""
    return _updated(question, asleep={**question.asleep, **asleep}, starts_at=max(question.starts_at, starts_at))


def quiet_hours_ended(question: Question, people: Iterable[str]) -> Question:
    """These people, by id, do not sleep any more."""
    awake = frozenset(people)
    return _updated(question, asleep={one: until for one, until in question.asleep.items() if one not in awake})


def fallback_began(question: Question, stage: FallbackStage) -> Question:
    """A fallback that takes time has begun. Until it ends, what people say counts whenever they say it."""
    return _updated(question, stage=stage)


def judged(question: Question, verdict: JudgeVerdict) -> Question:
    """The judge has spoken."""
    stage = question.stage
    return _updated(question, stage=stage.model_copy(update={"verdict": verdict})) if stage and not stage.verdict else question


def settled(question: Question, outcome: Outcome) -> Question:
    """The question has ended; the first outcome stands."""
    return _updated(question, outcome=outcome)


def _add_utterance(question: Question, heard: Utterance) -> Question:
    if heard in question.heard:
        return question
    return _updated(
        question, heard=tuple(sorted((*question.heard, heard), key=lambda one: (one.message, version_key(one), one.author.id)))
    )


def _updated(question: Question, **changes: Any) -> Question:
    """The question with changes and all that follows from them; the same object if nothing changes, or nothing may."""
    changed = _with_fields(question, changes) if question.open else question
    if changed is question:
        return question
    return changed if _REPLY_INPUTS.isdisjoint(changes) else _derive_replies(changed)


def _with_fields(question: Question, changes: dict[str, Any]) -> Question:
    same = all(getattr(question, field) == value for field, value in changes.items())
    return question if same else question.model_copy(update=changes)


_REPLY_INPUTS = frozenset({"heard", "withdrawn", "delivery", "wishes", "added", "welcome", "stage", "starts_at"})
"""What replies follow from: what was heard, until when it was in time, and who may answer."""


def _derive_replies(question: Question) -> Question:
    """The question with what follows from what it has heard."""
    question = _with_fields(question, {"extended": _granted_seconds(question)})
    question = _with_fields(question, _withdrawn_and_delegated(question))
    replies = tuple(reply for reply in current_replies(question) if may_answer(question, reply.author))
    return _with_fields(question, {"replies": replies})


def _granted_seconds(question: Question) -> float:
    """The time that was wanted in time, all of it together: each wish before the expiry that the earlier ones had put off."""
    granted, end = 0.0, effective_start(question) + question.policy.expire_after + question.policy.grace
    for wish in question.wishes:
        if question.delivery is None or wish.at <= end + granted:
            granted = min(question.policy.extend_max, granted + wish.seconds)
    return granted


def _withdrawn_and_delegated(question: Question) -> dict[str, Any]:
    """Who has passed, and to whom it was handed: only those who are asked by then, or may answer, can do either."""
    question = _with_fields(question, {"handed": ()})
    peers = {f"agent:{name}" for name in (*question.peers, *question.others)}
    since = dict.fromkeys((*(one.id for one in question.all_asked), *peers), -math.inf)
    out: set[str] = set()
    handed: list[Delegation] = []
    waiting = list(withdrawals(question))
    while (leaving := next((one for one in waiting if _may_withdraw(question, since, one)), None)) is not None:
        waiting.remove(leaving)
        who, to = leaving.utterance.author, leaving.to
        if who.id in since and not leaving.back:
            out.add(who.id)
        if to is not None:
            handed.append(Delegation(by=who.id, to=to))
            since.setdefault(to.who.id, leaving.utterance.at)
            out.discard(to.who.id)
    return {"handed": tuple(handed), "passed": frozenset(out)}


def _may_withdraw(question: Question, since: Mapping[str, float], leaving: Withdrawal) -> bool:
    """Whether somebody was asked when they left, or may hand over what others are asked."""
    asked = since.get(leaving.utterance.author.id, math.inf) <= leaving.utterance.at
    return asked or (leaving.to is not None and may_answer(question, leaving.utterance.author))
