"""A question in words: for the agent that asked, and for people.

The agent gets structure, so that it cannot take a fallback for a person's word; people get one line, short enough for a phone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator_bridge.chat import Author, CardOption, QuestionCard
from orchestrator_bridge.duration import say_duration
from orchestrator_bridge.question.chain import advice_given
from orchestrator_bridge.question.lines import MAX_LINE, audience_line, expiry_line, name_of
from orchestrator_bridge.question.quorum import final_decider_reply, is_counted, people_decide
from orchestrator_bridge.question.settle import UNDELIVERABLE
from orchestrator_bridge.question.times import deadline
from orchestrator_bridge.question.values import Outcome, Question, Reply
from orchestrator_bridge.question.voice import clickable_options
from orchestrator_bridge.text import clean, listed, shorten


def label_of(question: Question, choice: str) -> str | None:
    """What people see of an option, or None if there is no such option."""
    return next((option.label for option in clickable_options(question.ask) if option.id == choice), None)


# For the agent ------------------------------------------------------------------------------------------------------------


def tool_result(question: Question, similar: Sequence[Question] = ()) -> str:
    """The outcome as JSON, as the agent gets it, with those of similar questions; while the question is open, that it is."""
    outcome = question.outcome
    told: dict[str, Any] = {"question": question.id, "status": "open"}
    if outcome is not None:
        told |= {"status": outcome.status, "decision": outcome.decision, "choice": outcome.choice, "number": outcome.number}
        told |= {"decided_by": outcome.decided_by, "why": outcome.why or None, "note": _caution(outcome)}
        told |= {"given": outcome.given or None, "replies": [_reply_object(reply) for reply in outcome.replies]}
    if similar:
        told["similar"] = [
            {"question": one.id, "asked": one.ask.question, "ended": closing_line(one)} for one in similar if one.outcome
        ]
    return json.dumps({key: value for key, value in told.items() if value is not None}, ensure_ascii=False)


def shared_outcome_note(question: Question) -> str:
    """How a question of another agent has ended, and who decided it."""
    return (
        f"For your information, question {question.id} by {question.agent} (“{question.ask.question}”): {closing_line(question)}"
    )


def shared_outcome_result(question: Question) -> str:
    """The outcome of a question that was asked before, for an agent that asks the same."""
    return f"This was asked before, as question {question.id}, and people have answered it:\n{tool_result(question)}"


def outcome_note(question: Question) -> str:
    """The outcome of a question that the agent did not wait for, quoting the question."""
    return f"The outcome of your question {question.id} (“{question.ask.question}”):\n{tool_result(question)}"


def late_note(question: Question, name: str, text: str) -> str:
    """A reply that came after the end, as a message to the agent that asked."""
    quote = f"question {question.id} (“{question.ask.question}”)"
    ended = f" It had ended already: {closing_line(question)}" if question.outcome else ""
    return f"A late reply by {name_of(name)} to your {quote}:\n\n{clean(text)}\n\n{ended.strip()}".rstrip()


def _caution(outcome: Outcome) -> str | None:
    if outcome.status == "fallen_back":
        return "No person decided this."
    return "Agents decided this, no person did." if outcome.decided_by == "agent" else None


def _reply_object(reply: Reply) -> dict[str, Any]:
    told = {
        "by": name_of(reply.author.name),
        "kind": reply.author.kind,
        "text": reply.text,
        "choice": reply.choice,
        "number": reply.number,
    }
    told |= {"at": _clock(reply.at), "late": reply.late or None}
    return {key: value for key, value in told.items() if value is not None}


def _clock(seconds: float) -> str:
    """A time in UTC; what no calendar has stays a number."""
    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=round(seconds)):%Y-%m-%dT%H:%M:%SZ}"
    except (OverflowError, ValueError):
        return str(seconds)


# For people ---------------------------------------------------------------------------------------------------------------


def build_question_card(question: Question, task: str, mentions: Sequence[Author]) -> QuestionCard:
    """The question as an adapter shows it; closed once it has its outcome."""
    ask = question.ask
    options = (
        CardOption(id=one.id, label=one.label, description=one.description, recommended=one.recommended)
        for one in clickable_options(ask)
    )
    return QuestionCard(
        question=question.id,
        run=question.run,
        agent=question.agent,
        text=ask.question,
        context=ask.context,
        answer_kind=ask.kind,
        options=tuple(options),
        mentions=tuple(mentions),
        groups=question.groups,
        asked=audience_line(question),
        expires_at=deadline(question),
        silence=expiry_line(question),
        task=task,
        closed=closing_line(question) if question.outcome else None,
    )


def closing_line(question: Question) -> str:
    """How the question ended, in one line: who answered what, or which fallback was taken and why."""
    outcome = question.outcome
    if outcome is None:
        return ""
    if outcome.status == "cancelled":
        return f"Cancelled: {outcome.why}"
    decision = shorten(" ".join(outcome.decision.split()), MAX_LINE)
    if outcome.status == "answered":
        return f"Answered by {_deciders(question, outcome)}: {decision}"
    if question.ask.kind == "approval":
        return f"{_reason(question, outcome)}: not approved"
    return f"{_reason(question, outcome)}; fallback: {_fallback_line(question, outcome, decision)}"


def _deciders(question: Question, outcome: Outcome) -> str:
    last = final_decider_reply(question)
    if last is not None:
        return f"{name_of(last.author.name)}, who has the last word"
    kind = "human" if people_decide(question) else "agent"
    answers = [reply for reply in outcome.replies if reply.author.kind == kind and is_counted(question, reply)]
    names = [name_of(reply.author.name) for reply in answers]
    return listed(_shortened_names(names)) if kind == "human" else _agents(names)


def _shortened_names(names: Sequence[str]) -> Sequence[str]:
    return names if len(names) < 6 else [*names[:4], f"{len(names) - 4} others"]


def _agents(names: Sequence[str]) -> str:
    return f"the agent{'s' if len(names) > 1 else ''} {listed(_shortened_names(names))}"


def _reason(question: Question, outcome: Outcome) -> str:
    if outcome.why == UNDELIVERABLE:
        return f"It could not be posted in {say_duration(question.policy.expire_after)}"
    return outcome.why[:1].upper() + outcome.why[1:]


def _fallback_line(question: Question, outcome: Outcome, decision: str) -> str:
    match outcome.decided_by:
        case "fallback:default_option":
            return f"the recommended option, {decision}"
        case "fallback:assume":
            return f"the agent's assumption, {decision}"
        case "fallback:agents":
            return f"{_agents([name_of(reply.author.name) for reply in advice_given(question)])}, {decision}"
        case "fallback:judge":
            verdict = question.stage.verdict if question.stage else None
            because = f" ({shorten(' '.join(verdict.reason.split()), MAX_LINE)})" if verdict and verdict.reason else ""
            return f"a model as the judge, {decision}{because}"
        case _:
            return "the run ends without a result"
