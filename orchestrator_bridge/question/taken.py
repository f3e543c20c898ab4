"""What a reply was taken as and until when that can be changed, in words short enough for a phone.

2, PostgreSQL. Counts in 5 s; another reply before that replaces it.
your own words. Counts in 5 s; what you add before that goes along.
yes. Others are still to answer; another reply until then replaces it.
"""

from __future__ import annotations

from orchestrator_bridge.duration import say_duration
from orchestrator_bridge.question.quorum import counted_replies, is_quorum_met, people_decide
from orchestrator_bridge.question.values import Question, Reply
from orchestrator_bridge.question.voice import clickable_options
from orchestrator_bridge.text import one_line

_MAX_LABEL = 75
"""Characters of an option's label that are repeated: all that a label may have."""


def acknowledgement_text(question: Question, responder: str) -> str:
    """The newest reply of this responder (an id); empty if there is none."""
    reply = next((one for one in question.replies if one.author.id == responder), None)
    return f"{_reply_text(question, reply)}. {_changeable_until(question, reply)}".rstrip() if reply else ""


def _reply_text(question: Question, reply: Reply) -> str:
    if reply.number is not None:
        return f"{reply.number:.15g}"
    for place, option in enumerate(clickable_options(question.ask), 1):
        if option.id == reply.choice:
            return option.id if question.ask.kind == "confirm" else f"{place}, {one_line(option.label, _MAX_LABEL)}"
    return "your own words"


def _changeable_until(question: Question, reply: Reply) -> str:
    if not people_decide(question):
        return "Agents decide here; it goes along as advice."
    change = "another reply {} replaces it" if reply.choice or reply.number is not None else "what you add {} goes along"
    if not is_quorum_met(question, counted_replies(question)):
        return f"Others are still to answer; {change.format('until then')}."
    if reply.clicked or question.policy.settle_delay < 1:
        return ""
    return f"Counts in {say_duration(question.policy.settle_delay)}; {change.format('before that')}."
