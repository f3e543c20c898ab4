"""Whose voices decide a question, and whether there are enough of them.

Where people are asked, only people fill the quorum; where only agents are asked, they do. A quorum that cannot be filled becomes
what can: when everyone who was asked and has not passed has replied, that is enough. Who comes in by escalation, or because
others may answer too, fills it in place of somebody who is silent.
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
from orchestrator_bridge.question.voices import clickable_options, label_of
from orchestrator_bridge.team.directory import Responder


@dataclass(frozen=True, kw_only=True, slots=True)
class CombinedDecision:
    """The decision in words, and the option or number in it if there is one."""

    text: str
    choice: str | None = None
    number: float | None = None


ReplyGroup = Sequence[Reply]
"""Those who say the same."""


def combine_replies(ask: Ask, replies: Sequence[Reply]) -> CombinedDecision:
    """The decision of these voices, at least one.

    Where they agree, that; else what most of them say, with the others' names and words; in a tie no side is taken.
    """
    camps = _group_replies(replies)
    first = camps[0]
    if len(camps) == 1:
        return _group_decision(first, _position_text(ask, first))
    others = "; ".join(_attributed_text(ask, camp) for camp in camps[1:])
    if len(first) == len(camps[1]):
        return CombinedDecision(text=f"Replies differ: {_attributed_text(ask, first)}; {others}")
    return _group_decision(
        first, f"{_position_text(ask, first)}, by {len(first)} of {len(replies)}: {_attributed_text(ask, first)}; {others}"
    )


def _group_decision(camp: ReplyGroup, text: str) -> CombinedDecision:
    return CombinedDecision(text=text, choice=camp[0].choice, number=camp[0].number)


def _group_replies(replies: Sequence[Reply]) -> list[ReplyGroup]:
    """The replies by what they say, the largest camp first, else in order of time."""
    camps: dict[tuple[str | float | None, ...], list[Reply]] = {}
    for reply in replies:
        camps.setdefault(position_key(reply), []).append(reply)
    return sorted(camps.values(), key=len, reverse=True)


def position_key(reply: Reply) -> tuple[str | float | None, ...]:
    """What tells one camp from another: the option, the number, or the words."""
    if reply.choice is not None or reply.number is not None:
        return reply.choice, reply.number
    return None, None, fold_text(reply.text)


def _position_text(ask: Ask, camp: ReplyGroup) -> str:
    """What a camp says: the option with what was added to it, or the words."""
    choice = camp[0].choice
    if choice is None:
        return camp[0].text if len(camp) == 1 or camp[0].number is None else f"{camp[0].number:.15g}"
    added = [reply for reply in camp if _adds_words(ask, reply)]
    if not added:
        return label_of(ask, choice)
    words = (f"“{reply.text}”" if len(camp) == 1 else f"{reply.author.name}: “{reply.text}”" for reply in added)
    return f"{label_of(ask, choice)} ({'; '.join(words)})"


def _attributed_text(ask: Ask, camp: ReplyGroup) -> str:
    names = listed([reply.author.name for reply in camp])
    quoted = _position_text(ask, camp) if camp[0].choice is not None else f"“{_position_text(ask, camp)}”"
    return f"{names} {'says' if len(camp) == 1 else 'say'} {quoted}"


def _adds_words(ask: Ask, reply: Reply) -> bool:
    """Whether a reply says more than its option."""
    places = [str(number) for number, option in enumerate(clickable_options(ask), 1) if option.id == reply.choice]
    plain = {fold_text(reply.choice or ""), fold_text(label_of(ask, reply.choice)), *places}
    return fold_text(reply.text).strip(EDGES + "#") not in plain


@cached_on_value
def people_decide(question: Question) -> bool:
    """Whether people fill the quorum: they are asked, or nobody is."""
    return bool(question.humans or question.groups) or not question.asked


@cached_on_value
def eligible_deciders(question: Question) -> tuple[Responder, ...]:
    """Those asked whose replies fill the quorum, with those to whom it was handed; whoever came in later only stands in."""
    if not people_decide(question):
        return question.asked
    handed = (one.to.who for one in question.handed)
    later = {one.id for one in question.added}
    own = [one for one in (*question.asked, *handed) if one.kind == "human" and one.id not in later]
    return tuple({one.id: one for one in own}.values())


@cached_on_value
def counted_replies(question: Question) -> tuple[Reply, ...]:
    """The replies that count, of those who decide."""
    kind = "human" if people_decide(question) else "agent"
    return tuple(reply for reply in question.replies if reply.author.kind == kind and is_counted(question, reply))


def is_counted(question: Question, reply: Reply) -> bool:
    """Whether a reply is an answer: it was in time, and a person's can be taken by the kind of the question."""
    return not reply.late and (reply.author.kind == "agent" or reply.taken)


def is_audience_known(question: Question) -> bool:
    """Whether it is known how many are asked: of some roles nobody knows the members."""
    return not question.groups


@cached_on_value
def required_votes(question: Question) -> int:
    """How many voices it takes: what the policy wants of those asked who have not passed."""
    quorum, base = _quorum(question), len(active_deciders(question))
    if quorum == "first" or (people_decide(question) and not is_audience_known(question)):
        return 1
    if quorum == "majority":
        return base // 2 + 1
    return max(1, base) if quorum == "all" else quorum


def _quorum(question: Question) -> Literal["first", "majority", "all"] | int:
    return question.policy.quorum if people_decide(question) else question.policy.peer_quorum


@cached_on_value
def active_deciders(question: Question) -> tuple[Responder, ...]:
    """Those who decide, without those who have passed or cannot be reached any more."""
    out = _withdrawn_deciders(question)
    return tuple(one for one in eligible_deciders(question) if one.id not in out)


@cached_on_value
def _withdrawn_deciders(question: Question) -> frozenset[str]:
    """Those who have passed, or who cannot be reached any more and have not replied."""
    return (question.passed | question.gone) - {reply.author.id for reply in counted_replies(question)}


@cached_on_value
def pending_deciders(question: Question) -> tuple[Responder, ...]:
    """All who decide, may still answer, and have not."""
    silent_ones = _withdrawn_deciders(question) | {reply.author.id for reply in counted_replies(question)}
    all_of_them = question.humans if people_decide(question) else question.asked
    return tuple(one for one in all_of_them if one.id not in silent_ones)


def group_id(name: str) -> str:
    """How a role whose members are not known stands among those who cannot be reached any more."""
    return f"role:{name}"


def is_quorum_met(question: Question, voices: Collection[Reply]) -> bool:
    """Whether these of the counting voices fill the quorum, or are all that there can be."""
    heard = {reply.author.id for reply in voices}
    missing = {reply.author.id for reply in counted_replies(question)} - heard
    waiting = {one.id for one in active_deciders(question)} - heard
    complete = not waiting and not missing and (is_audience_known(question) or required_votes(question) <= len(heard))
    return bool(heard) and (complete or _quorum_votes(question, heard) >= required_votes(question))


def _quorum_votes(question: Question, heard: Collection[str]) -> int:
    """A majority, or all, are of those who were asked; else every voice counts that may."""
    if people_decide(question) and question.policy.quorum in ("majority", "all"):
        asked = {one.id for one in question.all_asked}
        return sum(one in asked for one in heard) if is_audience_known(question) else len(heard)
    return len(heard)


def _may_change_lead(question: Question, voices: Sequence[Reply]) -> bool:
    """Whether those of a majority who have not spoken could still change which option leads; of how many, must be known."""
    options = question.ask.kind in ("choice", "confirm", "approval")
    if not options or _quorum(question) != "majority" or not is_audience_known(question):
        return False
    heard = {reply.author.id for reply in voices}
    left = sum(one.id not in heard for one in active_deciders(question))
    first, second = [*sorted(Counter(map(position_key, voices)).values(), reverse=True), 0, 0][:2]
    return left > 0 and first <= second + left


def nobody_can_answer(question: Question) -> bool:
    """Nobody has answered and nobody can: all have passed or are gone, or there was nobody to ask."""
    groups = any(group_id(group.name) not in question.gone for group in question.groups)
    return not groups and not pending_deciders(question) and not counted_replies(question)


@cached_on_value
def final_decider_reply(question: Question) -> Reply | None:
    """What the one says who has the last word."""
    if question.decider is None:
        return None
    whose = final_decider_id(question)
    return next((reply for reply in counted_replies(question) if reply.author.id == whose), None)


@cached_on_value
def awaits_final_decider(question: Question) -> bool:
    """Whether somebody has the last word, can still say it and has not."""
    if question.decider is None or final_decider_reply(question) is not None:
        return False
    return final_decider_id(question) not in question.passed | question.gone


def final_decider_id(question: Question) -> str:
    """The id of whoever has the last word now: it goes with the question that is handed over. Empty: nobody has it."""
    whose = question.decider.id if question.decider else ""
    for handed in question.handed:
        if handed.by == whose:
            whose = handed.to.who.id
    return whose


@cached_on_value
def quorum_ready_at(question: Question) -> float:
    """When the quorum is filled by clicks and by words that are old enough; -inf if it is, +inf if it cannot be yet.

    People's times can be compared only once the question's own is known, so before the delivery their voices wait.
    """
    if people_decide(question) and question.delivery is None and question.stage is None:
        return math.inf
    last = final_decider_reply(question)
    if last is not None:
        return _final_at(question, last)
    if awaits_final_decider(question):
        return math.inf
    return _filled_at(question)


def _filled_at(question: Question) -> float:
    voices = sorted(counted_replies(question), key=lambda reply: _final_at(question, reply))
    for number, reply in enumerate(voices, 1):
        if is_quorum_met(question, voices[:number]) and not _may_change_lead(question, voices[:number]):
            return _final_at(question, reply)
    return math.inf


def _final_at(question: Question, reply: Reply) -> float:
    """From when on nothing more is expected of a reply: a click is complete, and so is an agent's or what somebody gone said."""
    if reply.clicked or reply.author.kind == "agent" or reply.author.id in question.gone:
        return -math.inf
    return reply.at + question.policy.settle_delay


def people_to_remind(question: Question) -> Sequence[Responder]:
    """The people to remind: asked, and neither replied nor passed."""
    return [one for one in pending_deciders(question) if one.kind == "human"]
