"""Authority: one function decides who may do what where, from facts that the callers supply.

Every command, control, typed reply and tool call of an external agent asks `decide`. What a person may not know of is `HIDDEN`,
and answered as if it did not exist. What could not be found out is `UNKNOWN`, and refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from orchestrator_bridge.chat.adapter import Membership, Standing


class Act(StrEnum):
    """Things that a person can do. The values complete the sentence "You may not ..."."""

    START_RUN = "start runs here"
    SELECT_MODEL = "select models here"
    SEE_TEAM = "see teams and models here"
    SEE_RUN = "see this run"
    RECALL = "see decisions here"
    SEE_DECISION = "see this decision"
    REPLACE_DECISION = "replace this decision"
    SEE_ALL_COSTS = "see the costs of all channels"
    CANCEL_RUN = "cancel this run"
    FINISH_RUN = "finish this run"
    SEE_QUESTION = "see this question"
    ANSWER = "answer this question"
    EXTEND = "extend this question"
    CANCEL_QUESTION = "close this question"


class Verdict(StrEnum):
    """The decision, and why it is not `ALLOWED`."""

    ALLOWED = "allowed"
    HIDDEN = "hidden"
    """The person cannot see the place: to them, what they name does not exist."""
    NOT_PERMITTED = "not permitted"
    """The team file, or the question, does not allow it to this person."""
    NOT_SERVED = "not served"
    """The bot is not set up for this server."""
    GUEST = "guest"
    EXTERNAL = "external"
    """The person belongs to another organisation or server."""
    ELSEWHERE = "elsewhere"
    """In direct messages people act on their own runs only."""
    UNKNOWN = "unknown"
    """The platform could not say who the person is, or what they can see."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Facts about a person and the place of a run or question, or the place in which they want to do something new."""

    standing: Standing
    own: bool = False
    """The person requested the run."""
    asked: bool = False
    """The question asks the person, by name or through a role."""
    named: bool = False
    """The team file lists the person, or a role that they hold."""
    permitted: bool = False
    """The team file, or the question's own rule, allows the act to people such as this one."""
    in_direct_messages: bool = False
    """The person acts in direct messages with the bot."""


def decide(act: Act, facts: Facts) -> Verdict:  # noqa: C901  (one case an act)
    """Decide if a person may do something."""
    match act:
        case Act.START_RUN | Act.SELECT_MODEL | Act.SEE_TEAM | Act.RECALL:
            served = Verdict.ALLOWED if facts.standing.served else Verdict.NOT_SERVED
            return _join(served, _membership(facts), _visibility(facts), _permission(facts))
        case Act.SEE_ALL_COSTS:
            return _permission(facts)
        case Act.SEE_DECISION:
            return _question_visibility(facts)
        case Act.SEE_RUN:
            return Verdict.ALLOWED if facts.own else _run_visibility(facts)
        case Act.CANCEL_RUN | Act.FINISH_RUN | Act.REPLACE_DECISION:
            return Verdict.ALLOWED if facts.own else _join(_run_visibility(facts), _permission(facts))
        case Act.SEE_QUESTION:
            return Verdict.ALLOWED if facts.own or facts.asked else _question_visibility(facts)
        case Act.ANSWER | Act.EXTEND:
            return Verdict.ALLOWED if facts.asked else _join(decide(Act.SEE_QUESTION, facts), _permission(facts))
        case Act.CANCEL_QUESTION:
            return Verdict.ALLOWED if facts.own else _join(decide(Act.SEE_QUESTION, facts), _permission(facts))
        case _:
            assert_never(act)


def refusal_text(act: Act, verdict: Verdict, subject: str) -> str:  # noqa: C901  (one case a verdict)
    """The reason for a refusal, to the person; `subject` is such as `run 3`."""
    match verdict:
        case Verdict.ALLOWED:
            return ""
        case Verdict.HIDDEN:
            return f"There is no {subject}."
        case Verdict.NOT_PERMITTED:
            return f"You are not allowed to {act}. The bot's administrator can allow it."
        case Verdict.GUEST:
            return f"Guests are not allowed to {act}. The bot's administrator can allow it."
        case Verdict.EXTERNAL:
            return "Only members of this server or workspace can take part. The bot's administrator can allow other people."
        case Verdict.NOT_SERVED:
            return "Townhall is not set up for this server. The bot's administrator can add it."
        case Verdict.ELSEWHERE:
            return "In direct messages you can only see and stop your own runs. Use the command in the run's channel."
        case Verdict.UNKNOWN:
            return (
                "Nothing was done: it could not be checked who you are and what you can see here. "
                "Try again in a minute. If it fails again, tell the bot's administrator."
            )
        case _:
            assert_never(verdict)


def effective_membership(standing: Standing, *, named: bool) -> Membership:
    """The membership by which permissions are judged: who is listed in the team file counts as a member, unless a guest."""
    return "member" if named and standing.membership != "guest" else standing.membership


def _join(*verdicts: Verdict) -> Verdict:
    """The first reason against an act; allowed if there is none."""
    return next((verdict for verdict in verdicts if verdict is not Verdict.ALLOWED), Verdict.ALLOWED)


def _membership(facts: Facts) -> Verdict:
    """Check that a person may take part at all. The team file can list people of other organisations."""
    if facts.named:
        return Verdict.ALLOWED
    match facts.standing.membership:
        case "member" | "guest":
            return Verdict.ALLOWED
        case "external":
            return Verdict.EXTERNAL
        case "unknown":
            return Verdict.UNKNOWN
        case _:
            assert_never(facts.standing.membership)


def _visibility(facts: Facts) -> Verdict:
    match facts.standing.sees:
        case True:
            return Verdict.ALLOWED
        case False:
            return Verdict.HIDDEN
        case None:
            return Verdict.UNKNOWN


def _run_visibility(facts: Facts) -> Verdict:
    visible = _question_visibility(facts)
    return Verdict.ELSEWHERE if visible is Verdict.ALLOWED and facts.in_direct_messages else visible


def _question_visibility(facts: Facts) -> Verdict:
    """Check that a person may know of a run or question. A server that is not served any more does not hide its old ones."""
    return _join(_visibility(facts), _membership(facts))


def _permission(facts: Facts) -> Verdict:
    """Check that the team file, or the question, allows the act."""
    if facts.permitted:
        return Verdict.ALLOWED
    return Verdict.GUEST if facts.standing.membership == "guest" else Verdict.NOT_PERMITTED
