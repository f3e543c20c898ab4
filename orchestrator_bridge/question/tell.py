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
from orchestrator_bridge.question.due import deadline
from orchestrator_bridge.question.quorum import counts, needed, people_decide
from orchestrator_bridge.question.settle import UNDELIVERABLE, Step, fallback
from orchestrator_bridge.question.values import Outcome, Question, Reply
from orchestrator_bridge.question.voice import choices
from orchestrator_bridge.text import clean, listed, one_line, sentence, shorten

LINE = 300
"""Characters of somebody's words in one line for people."""


def label_of(question: Question, choice: str) -> str | None:
    """What people see of an option, or None if there is no such option."""
    return next((option.label for option in choices(question.ask) if option.id == choice), None)


# For the agent ------------------------------------------------------------------------------------------------------------


def tool_result(question: Question) -> str:
    """The outcome as JSON, as the agent gets it; while the question is open, that it is."""
    outcome = question.outcome
    told: dict[str, Any] = {"question": question.id, "status": "open"}
    if outcome is not None:
        told |= {"status": outcome.status, "decision": outcome.decision, "choice": outcome.choice, "number": outcome.number}
        told |= {"decided_by": outcome.decided_by, "why": outcome.why or None, "note": _caution(outcome)}
        told["replies"] = [_told(reply) for reply in outcome.replies]
    return json.dumps({key: value for key, value in told.items() if value is not None}, ensure_ascii=False)


def outcome_note(question: Question) -> str:
    """The outcome of a question that the agent did not wait for, quoting the question."""
    return f"The outcome of your question {question.id} (“{question.ask.question}”):\n{tool_result(question)}"


def late_note(question: Question, name: str, text: str) -> str:
    """A reply that came after the end, as a message to the agent that asked."""
    quote = f"question {question.id} (“{question.ask.question}”)"
    ended = f" It had ended already: {closing_line(question)}" if question.outcome else ""
    return f"A late reply by {_name(name)} to your {quote}:\n\n{clean(text)}\n\n{ended.strip()}".rstrip()


def _caution(outcome: Outcome) -> str | None:
    if outcome.status == "fallen_back":
        return "No person decided this."
    return "Agents decided this, no person did." if outcome.decided_by == "agent" else None


def _told(reply: Reply) -> dict[str, Any]:
    told = {
        "by": _name(reply.author.name),
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


def card(question: Question, task: str, mentions: Sequence[Author]) -> QuestionCard:
    """The question as an adapter shows it; closed once it has its outcome."""
    ask = question.ask
    options = (
        CardOption(id=one.id, label=one.label, description=one.description, recommended=one.recommended) for one in choices(ask)
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
        asked=asked_line(question),
        expires_at=deadline(question),
        silence=silence_line(question),
        task=task,
        closed=closing_line(question) if question.outcome else None,
    )


def asked_line(question: Question) -> str:
    """Whom the question asks, and whose replies decide: `Ana and Ben (both decide), advice from skeptic`."""
    people = [_name(one.name) for one in question.humans]
    agents = list(question.peers)
    anyone = ["anyone here"] if question.policy.responders == "anyone" else []
    if not people:
        return listed([f"the agent {name}" for name in agents] or anyone) or "nobody who can be reached"
    advice = f", with advice from {listed(agents)}" if agents else ""
    return f"{listed([*people, *anyone], 'or' if anyone else 'and')}{_quorum(question)}{advice}"


def _quorum(question: Question) -> str:
    people, wanted = len(question.humans), needed(question)
    if wanted == 1:
        return " (one answer decides)" if people > 1 else ""
    if wanted >= people:
        return " (all of them decide)" if people > 1 else ""
    return f" ({wanted:g} answers decide)"


def silence_line(question: Question) -> str:
    """What happens at expiry, in one sentence."""
    step = fallback(question)
    few = "Without an answer" if needed(question) == 1 else "Without enough answers"
    return f"{few}, {_course(question, step)}"


def _course(question: Question, step: Step) -> str:
    match step.name:
        case "default_option":
            return f"{question.agent} takes the recommended option: {sentence(step.decision)}"
        case "assume":
            return f"{question.agent} goes by its assumption: {clean(step.decision)}"
        case "fail":
            return "the run ends without a result."


def reminder_line(question: Question) -> str:
    """The one reminder; those it is for are mentioned beside it."""
    return f"Still open: {shorten(question.ask.question, LINE)} {silence_line(question)}"


def closing_line(question: Question) -> str:
    """How the question ended, in one line: who answered what, or which fallback was taken and why."""
    outcome = question.outcome
    if outcome is None:
        return ""
    if outcome.status == "cancelled":
        return f"Cancelled: {outcome.why}"
    decision = shorten(" ".join(outcome.decision.split()), LINE)
    if outcome.status == "answered":
        return f"Answered by {_deciders(question, outcome)}: {decision}"
    return f"{_reason(question, outcome)}; fallback: {_taken(outcome, decision)}"


def _deciders(question: Question, outcome: Outcome) -> str:
    kind = "human" if people_decide(question) else "agent"
    answers = [reply for reply in outcome.replies if reply.author.kind == kind and counts(question, reply)]
    names = [_name(reply.author.name) for reply in answers]
    crowd = names if len(names) < 6 else [*names[:4], f"{len(names) - 4} others"]
    if kind == "human":
        return listed(crowd)
    return f"the agent{'s' if len(names) > 1 else ''} {listed(crowd)}"


def _reason(question: Question, outcome: Outcome) -> str:
    if outcome.why == UNDELIVERABLE:
        return f"It could not be posted in {say_duration(question.policy.expire_after)}"
    return outcome.why[:1].upper() + outcome.why[1:]


def _taken(outcome: Outcome, decision: str) -> str:
    match outcome.decided_by:
        case "fallback:default_option":
            return f"the recommended option, {decision}"
        case "fallback:assume":
            return f"the agent's assumption, {decision}"
        case _:
            return "the run ends without a result"


def _name(name: str) -> str:
    """Somebody's name on one line: names are chosen freely on some platforms."""
    return one_line(name, 80) or "somebody"
