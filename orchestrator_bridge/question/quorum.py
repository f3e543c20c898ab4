"""Quorum of a question: whose replies count, when there are enough of them, and the decision that they form.

Where people are asked, only replies of people count towards the quorum; where only agents are asked, theirs do. A quorum that
can no longer be met is reduced to what can: once everybody who was asked and has not passed has replied, that is enough. A
person who joins by escalation, or who may answer without being asked, counts in place of somebody who is silent.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator_bridge.common.frozen import cached_on_value
from orchestrator_bridge.common.text import listed
from orchestrator_bridge.question.model import Ask, Question, Reply
from orchestrator_bridge.question.parsing.lexicon import EDGES, fold_text
from orchestrator_bridge.question.parsing.own_words import own_words
from orchestrator_bridge.question.voices import clickable_options, label_of
from orchestrator_bridge.team.directory import Responder


@dataclass(frozen=True, kw_only=True, slots=True)
class CombinedDecision:
    """A decision in words, with its option or number if it has one."""

    text: str
    choice: str | None = None
    number: float | None = None


ReplyGroup = Sequence[Reply]
"""Replies that say the same; never empty."""


def combine_replies(ask: Ask, replies: Sequence[Reply]) -> CombinedDecision:
    """Form the decision of one or more replies.

    If they agree, it is what they say; otherwise what most of them say, followed by the names and words of the others. A tie
    has no option or number: it only reports who says what.
    """
    groups = _group_replies(replies)
    first = groups[0]
    text = _position_text(ask, first)
    if len(groups) > 1:
        others = "; ".join(_attributed_text(ask, group) for group in groups[1:])
        if len(first) == len(groups[1]):
            return CombinedDecision(text=f"Replies differ: {_attributed_text(ask, first)}; {others}")
        text = f"{text}, by {len(first)} of {len(replies)}: {_attributed_text(ask, first)}; {others}"
    return CombinedDecision(text=text, choice=first[0].choice, number=first[0].number)


def _group_replies(replies: Sequence[Reply]) -> list[ReplyGroup]:
    """Group replies that say the same: the largest group first, groups of one size by their first reply."""
    groups: dict[tuple[str | float | None, ...], list[Reply]] = {}
    for reply in replies:
        groups.setdefault(position_key(reply), []).append(reply)
    return sorted(groups.values(), key=len, reverse=True)


def position_key(reply: Reply) -> tuple[str | float | None, ...]:
    """Key by which replies are grouped: the option, the number, or the words."""
    if reply.choice is not None or reply.number is not None:
        return reply.choice, reply.number
    return None, None, fold_text(reply.text)


def _position_text(ask: Ask, group: ReplyGroup) -> str:
    """Position of a group: its option with the words added to it, or its number, or its words."""
    choice = group[0].choice
    if choice is None:
        return group[0].text if len(group) == 1 or group[0].number is None else f"{group[0].number:.15g}"
    added = [reply for reply in group if _adds_words(ask, reply)]
    if not added:
        return label_of(ask, choice)
    words = (f"“{reply.text}”" if len(group) == 1 else f"{reply.author.name}: “{reply.text}”" for reply in added)
    return f"{label_of(ask, choice)} ({'; '.join(words)})"


def _attributed_text(ask: Ask, group: ReplyGroup) -> str:
    names = listed([reply.author.name for reply in group])
    quoted = _position_text(ask, group) if group[0].choice is not None else f"“{_position_text(ask, group)}”"
    return f"{names} {'says' if len(group) == 1 else 'say'} {quoted}"


def _adds_words(ask: Ask, reply: Reply) -> bool:
    """True if a reply says more than the label, id or number of its option."""
    places = [str(number) for number, option in enumerate(clickable_options(ask), 1) if option.id == reply.choice]
    plain = {fold_text(reply.choice or ""), fold_text(label_of(ask, reply.choice)), *places}
    return fold_text(own_words(reply.text)).strip(EDGES + "#") not in plain


@cached_on_value
def people_decide(question: Question) -> bool:
    """True if the quorum consists of people: people are asked, or nobody is."""
    return bool(question.humans or question.groups) or not question.asked


@cached_on_value
def eligible_deciders(question: Question) -> tuple[Responder, ...]:
    """Those whose replies the quorum is made of: the people asked and their delegates, or the agents asked.

    People who joined by escalation are left out: they do not raise the number of replies required, they only stand in.
    """
    if not people_decide(question):
        return question.asked
    delegates = (delegation.to.who for delegation in question.handed)
    escalated = {person.id for person in question.added}
    own = [person for person in (*question.asked, *delegates) if person.kind == "human" and person.id not in escalated]
    return tuple({person.id: person for person in own}.values())


@cached_on_value
def counted_replies(question: Question) -> tuple[Reply, ...]:
    """Replies that count towards the quorum, oldest first."""
    kind = "human" if people_decide(question) else "agent"
    return tuple(reply for reply in question.replies if reply.author.kind == kind and is_counted(question, reply))


def is_counted(question: Question, reply: Reply) -> bool:
    """True if a reply is in time and, for a person, valid for the kind of the question."""
    return not reply.late and (reply.author.kind == "agent" or reply.taken)


def is_audience_known(question: Question) -> bool:
    """True if it is known how many people are asked: the members of some roles are unknown."""
    return not question.groups


@cached_on_value
def required_votes(question: Question) -> int:
    """Number of replies that the policy requires of those asked who have not passed."""
    quorum, base = _quorum(question), len(active_deciders(question))
    # A majority of an unknown number cannot be computed: one answer decides, and the card says so.
    if quorum == "first" or (people_decide(question) and not is_audience_known(question)):
        return 1
    if quorum == "majority":
        return base // 2 + 1
    return max(1, base) if quorum == "all" else quorum


def _quorum(question: Question) -> Literal["first", "majority", "all"] | int:
    return question.policy.quorum if people_decide(question) else question.policy.peer_quorum


@cached_on_value
def active_deciders(question: Question) -> tuple[Responder, ...]:
    """Those whom the quorum is made of, without those who have passed or cannot be reached."""
    out = _withdrawn_deciders(question)
    return tuple(responder for responder in eligible_deciders(question) if responder.id not in out)


@cached_on_value
def _withdrawn_deciders(question: Question) -> frozenset[str]:
    """Ids of those who have passed or cannot be reached, and have no reply that counts."""
    return (question.passed | question.gone) - {reply.author.id for reply in counted_replies(question)}


@cached_on_value
def pending_deciders(question: Question) -> tuple[Responder, ...]:
    """Those who can still give a reply that counts and have not, including people who joined by escalation."""
    done = _withdrawn_deciders(question) | {reply.author.id for reply in counted_replies(question)}
    deciders = question.humans if people_decide(question) else question.asked
    return tuple(responder for responder in deciders if responder.id not in done)


def group_id(name: str) -> str:
    """Id of a role with unknown members, among the ids of responders."""
    return f"role:{name}"


def is_quorum_met(question: Question, voices: Collection[Reply]) -> bool:
    """True if these of the counted replies meet the quorum, or are all that there can be."""
    heard = {reply.author.id for reply in voices}
    missing = {reply.author.id for reply in counted_replies(question)} - heard
    waiting = {responder.id for responder in active_deciders(question)} - heard
    # Once everybody who can answer has, their replies are enough, even if the policy asks for more of them. A counted reply that
    # is not among `voices` is not final yet and can still change, so it is waited for.
    complete = not waiting and not missing and (is_audience_known(question) or required_votes(question) <= len(heard))
    return bool(heard) and (complete or _quorum_votes(question, heard) >= required_votes(question))


@cached_on_value
def replies_decide(question: Question) -> bool:
    """True if the counted replies decide the question, final or not: the final decider's, or those that meet the quorum."""
    return final_decider_reply(question) is not None or is_quorum_met(question, counted_replies(question))


def _quorum_votes(question: Question, heard: Collection[str]) -> int:
    """Number of replies towards the quorum: for `majority` and `all`, only those of people asked; otherwise all."""
    if people_decide(question) and question.policy.quorum in ("majority", "all"):
        asked = {responder.id for responder in question.all_asked}
        return len(asked.intersection(heard)) if is_audience_known(question) else len(heard)
    return len(heard)


def _may_change_lead(question: Question, voices: Sequence[Reply]) -> bool:
    """True if the replies still missing could change which option leads, under the quorum `majority`.

    A majority of the people asked settles a question before the others have replied, but only once they cannot overturn the
    leading option: two of three people who choose different options meet the quorum, and yet the third one decides. A tie counts
    as open. If the number of people is unknown, there is nothing to wait for.
    """
    options = question.ask.kind in ("choice", "confirm", "approval")
    if not options or _quorum(question) != "majority" or not is_audience_known(question):
        return False
    heard = {reply.author.id for reply in voices}
    left = sum(responder.id not in heard for responder in active_deciders(question))
    first, second = [*sorted(Counter(map(position_key, voices)).values(), reverse=True), 0, 0][:2]
    return left > 0 and first <= second + left


def nobody_can_answer(question: Question) -> bool:
    """True if nobody has answered and nobody can: all have passed or cannot be reached, or nobody was asked."""
    groups = any(group_id(group.name) not in question.gone for group in question.groups)
    return not groups and not pending_deciders(question) and not counted_replies(question)


@cached_on_value
def final_decider_reply(question: Question) -> Reply | None:
    """Counted reply of the final decider, None if there is none."""
    if question.decider is None:
        return None
    decider = final_decider_id(question)
    return next((reply for reply in counted_replies(question) if reply.author.id == decider), None)


@cached_on_value
def awaits_final_decider(question: Question) -> bool:
    """True if a final decider can still reply and has not."""
    if question.decider is None or final_decider_reply(question) is not None:
        return False
    return final_decider_id(question) not in question.passed | question.gone


def final_decider_id(question: Question) -> str:
    """Id of the final decider, empty if there is none. Delegating the question delegates the last word."""
    decider = question.decider.id if question.decider else ""
    for delegation in question.handed:
        if delegation.by == decider:
            decider = delegation.to.who.id
    return decider


@cached_on_value
def quorum_ready_at(question: Question) -> float:
    """Time at which the quorum is met by final replies: -inf if it is met already, +inf if more replies are needed.

    A complete reply is final at once: a click, or a message that is one clear answer and nothing else ("2"). Other words become
    final `settle_delay` seconds after their last part, because people send one thought in several messages and correct
    themselves. Before the delivery is known, replies of people wait: their times are by the platform's clock and cannot be
    compared with the question's.
    """
    if people_decide(question) and question.delivery is None and question.stage is None:
        return math.inf
    last = final_decider_reply(question)
    if last is not None:
        return _final_at(question, last)
    if awaits_final_decider(question):
        return math.inf
    replies = sorted(counted_replies(question), key=lambda reply: _final_at(question, reply))
    for number, reply in enumerate(replies, 1):
        if is_quorum_met(question, replies[:number]) and not _may_change_lead(question, replies[:number]):
            return _final_at(question, reply)
    return math.inf


def _final_at(question: Question, reply: Reply) -> float:
    """Time from which a reply is final: -inf for a complete one, for an agent, and for a person who is gone."""
    if reply.complete or reply.author.kind == "agent" or reply.author.id in question.gone:
        return -math.inf
    return reply.at + question.policy.settle_delay


def people_to_remind(question: Question) -> Sequence[Responder]:
    """People asked who have neither replied nor passed."""
    return [responder for responder in pending_deciders(question) if responder.kind == "human"]
