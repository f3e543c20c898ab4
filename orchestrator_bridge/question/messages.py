"""Texts about a question, for the agent that asked and for people.

An agent gets JSON, in which it cannot mistake a fallback for the decision of a person. People get one line, for a phone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.chat.outbound import CardOption, QuestionCard
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.common.frozen import cached_on_value
from orchestrator_bridge.common.text import clean, listed, one_line, sentence, shorten
from orchestrator_bridge.question.decisions import Decision, date_text, deciders_text
from orchestrator_bridge.question.model import Option, Outcome, Question, Reply, deadline
from orchestrator_bridge.question.quorum import (
    counted_replies,
    final_decider_reply,
    is_audience_known,
    is_counted,
    is_quorum_met,
    people_decide,
    required_votes,
)
from orchestrator_bridge.question.settlement import UNDELIVERABLE, advice_given, immediate_fallback, next_fallback
from orchestrator_bridge.question.voices import clickable_options
from orchestrator_bridge.team.directory import Responder
from orchestrator_bridge.team.team import FallbackStep

MAX_LINE = 300
"""Characters of a quotation in a line for people."""


def name_of(name: str) -> str:
    """Sanitise a person's name to one line: some platforms let people choose any text."""
    return one_line(name, 80) or "somebody"


@cached_on_value
def audience_line(question: Question) -> str:
    """Name the people asked and the quorum: `Ana and Ben (all of them decide), with advice from skeptic`."""
    people = [name_of(person.name) for person in _still_asked(question)] + [f"the role {group.name}" for group in question.groups]
    agents = [agent.name for agent in question.asked if agent.kind == "agent"]
    others = _others_allowed(question)
    if not people:
        return listed([f"the agent {name}" for name in agents] or others) or "nobody who can be reached"
    advice = f", with advice from {listed(agents)}" if agents else ""
    last = [f"{name_of(question.decider.name)} has the last word"] if question.decider else []
    remarks = "".join(f"; {remark}" for remark in (*last, *question.notes))
    return f"{listed([*people, *others], 'or' if others else 'and')}{_quorum_text(question)}{advice}{remarks}"


def _still_asked(question: Question) -> Sequence[Responder]:
    """People asked who have not passed and can be reached; all of them if nobody is left."""
    out = question.passed | question.gone
    return [person for person in question.humans if person.id not in out] or question.humans


def _others_allowed(question: Question) -> list[str]:
    """Those who may answer without being asked."""
    responders = question.policy.responders
    if responders == "anyone":
        return ["anyone here"]
    return [f"anyone of the role {responders.removeprefix('role:')}"] if responders.startswith("role:") else []


def _quorum_text(question: Question) -> str:
    if not is_audience_known(question):
        policy = question.policy.quorum
        return "" if policy == "first" else " (one answer decides: the members of the role are unknown)"
    wanted = required_votes(question)
    # A decider who is not among the people asked has the last word, but is not one of those whose replies are counted here.
    people = sum(person in question.asked or person != question.decider for person in _still_asked(question))
    if people < 2:
        return ""
    if wanted == 1:
        return " (one answer decides)"
    return " (all of them decide)" if wanted >= people else f" ({wanted} answers decide)"


@cached_on_value
def expiry_line(question: Question) -> str:
    """Sentence on what happens at expiry."""
    few = "Without an answer" if required_votes(question) == 1 else "Without enough answers"
    return f"{few}, {', else '.join(_fallback_texts(question))}"


def _fallback_texts(question: Question) -> Iterator[str]:
    """The fallbacks to come: those that take time, and the first that decides at once."""
    for step in question.policy.fallback[next_fallback(question) :]:
        text = _fallback_text(question, step)
        if text:
            yield text
        if immediate_fallback(question, step.use):
            return


def _fallback_text(question: Question, step: FallbackStep) -> str:
    immediate = immediate_fallback(question, step.use)
    match step.use:
        case "agents":
            return f"the other agents decide (within {format_duration(step.seconds)})" if question.others else ""
        case "judge":
            return f"a model judges (within {format_duration(step.seconds)})"
        case "fail":
            return "the run ends without a result."
        case "default_option":
            return f"{question.agent} takes the recommended option: {sentence(immediate.decision)}" if immediate else ""
        case "assume" if question.ask.kind == "approval":
            return "the tool is not called."
        case "assume":
            return f"{question.agent} goes by its assumption: {clean(question.ask.assumption)}"
        case _:
            assert_never(step.use)


def reminder_line(question: Question) -> str:
    """Text of the reminder; the post mentions the people."""
    return f"Still open: {shorten(question.ask.question, MAX_LINE)} {expiry_line(question)}"


def escalation_line(question: Question, names: Sequence[str]) -> str:
    """Notice that others are asked too; the post mentions them."""
    return f"Not enough answers yet, so {listed(names)} {'is' if len(names) == 1 else 'are'} asked too: {question.ask.question}"


def quiet_hours_ended_line(question: Question) -> str:
    """Notice of a question that came during quiet hours; the post mentions the people."""
    return f"This question came during your quiet hours: {shorten(question.ask.question, MAX_LINE)}"


def delegation_line(question: Question, by: str) -> str:
    """Notice of a delegation (`by` is a name); the post mentions the delegate."""
    return f"{name_of(by)} hands this question over to you: {shorten(question.ask.question, MAX_LINE)}"


def absence_line(question: Question, name: str, why: str) -> str:
    """Notice that a person is gone; `why` is a clause after their name."""
    person = name_of(name)
    return f"{person} {why}, so question {question.id} no longer waits for {person}."


def fallback_line(question: Question) -> str:
    """Notice that a fallback which takes time has begun; empty if none is in progress."""
    stage = question.stage
    if stage is None:
        return ""
    step = question.policy.fallback[stage.step]
    agents = f"{listed(stage.agents)} {'is' if len(stage.agents) == 1 else 'are'} asked"
    action = agents if step.use == "agents" else "a model judges"
    limit = format_duration(step.seconds)
    return f"{stage.why[:1].upper()}{stage.why[1:]}, so {action} now, for at most {limit}. An answer from people still decides."


def label_of(question: Question, choice: str) -> str | None:
    """Label of an option, None if there is no such option."""
    return next((option.label for option in clickable_options(question.ask) if option.id == choice), None)


def tool_result(question: Question, similar: Sequence[Question] = ()) -> str:
    """Result of the tool `ask_others` as JSON: the outcome, or the status `open`; and the outcomes of similar questions."""
    outcome = question.outcome
    result: dict[str, Any] = {"question": question.id, "status": "open"}
    if outcome is not None:
        result |= {"status": outcome.status, "decision": outcome.decision, "choice": outcome.choice, "number": outcome.number}
        result |= {"decided_by": outcome.decided_by, "why": outcome.why or None, "note": _caution(outcome)}
        result |= {"given": outcome.given or None, "replies": [_reply_object(reply) for reply in outcome.replies]}
    if similar:
        result["similar"] = [
            {"question": other.id, "asked": other.ask.question, "ended": closing_line(other)}
            for other in similar
            if other.outcome
        ]
    return json.dumps({key: value for key, value in result.items() if value is not None}, ensure_ascii=False)


def shared_outcome_note(question: Question) -> str:
    """Note to the other agents of the run on how a question has ended."""
    return (
        f"For your information, question {question.id} by {question.agent} (“{question.ask.question}”): {closing_line(question)}"
    )


def shared_outcome_result(question: Question) -> str:
    """Tool result for an agent that asks an answered question again."""
    return f"This was asked before, as question {question.id}, and people have answered it:\n{tool_result(question)}"


def offer_result(decisions: Sequence[Decision], now: float) -> str:
    """Tool result of an ask that is not asked yet: earlier decisions that resemble it, as JSON, and what to do now."""
    found = [
        {
            "decision": decision.decision,
            "asked": decision.question,
            "options": list(decision.options) or None,
            "outcome": decision.outcome,
            "decided_by": deciders_text(decision),
            "on": date_text(decision.at, now),
            "link": decision.link or None,
        }
        for decision in decisions
    ]
    shown = json.dumps(
        [{key: value for key, value in fields.items() if value is not None} for fields in found], ensure_ascii=False
    )
    return (
        "Not asked yet: this has been decided before.\n"
        f"{shown}\n"
        "If one of these answers your question here, call ask_others again with settled_by set to its number: nobody is asked, "
        "and people see which decision you go by. If none does, call ask_others again as you did; set refers_to to the number of "
        "a decision that the answer is to replace."
    )


def memory_result(question: Question, decision: Decision) -> str:
    """Tool result of an ask that an earlier decision answers."""
    return (
        f"Decision {decision.decision} answers this; nobody was asked. People can have it asked again.\n{tool_result(question)}"
    )


def outcome_note(question: Question) -> str:
    """Message to an agent with the outcome of a question for which it did not wait."""
    return f"The outcome of your question {question.id} (“{question.ask.question}”):\n{tool_result(question)}"


def late_note(question: Question, name: str, text: str) -> str:
    """Message to the agent that asked, with a reply that came after the end."""
    quote = f"question {question.id} (“{question.ask.question}”)"
    ended = f" It had already ended: {closing_line(question)}" if question.outcome else ""
    return f"A late reply from {name_of(name)} to your {quote}:\n\n{clean(text)}\n\n{ended.strip()}".rstrip()


def _caution(outcome: Outcome) -> str | None:
    if outcome.status == "fallen_back":
        return "No person decided this."
    return "Agents decided this, not a person." if outcome.decided_by == "agent" else None


def _reply_object(reply: Reply) -> dict[str, Any]:
    fields = {
        "by": name_of(reply.author.name),
        "kind": reply.author.kind,
        "text": reply.text,
        "choice": reply.choice,
        "number": reply.number,
    }
    fields |= {"at": _format_utc(reply.at), "late": reply.late or None}
    return {key: value for key, value in fields.items() if value is not None}


def _format_utc(seconds: float) -> str:
    """Format a time as ISO 8601 in UTC; a time outside of the calendar stays a number."""
    try:
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=round(seconds)):%Y-%m-%dT%H:%M:%SZ}"
    except (OverflowError, ValueError):
        return str(seconds)


def build_question_card(question: Question, task: str, mentions: Sequence[Author]) -> QuestionCard:
    """Build the card of a question; closed once the question has its outcome."""
    ask = question.ask
    options = (
        CardOption(id=option.id, label=option.label, description=option.description, recommended=option.recommended)
        for option in clickable_options(ask)
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
        progress=_progress_line(question),
    )


def _progress_line(question: Question) -> str:
    """The replies so far, where more than one is needed: `1 of 2 answers: Ana.`"""
    wanted = required_votes(question)
    names = [name_of(reply.author.name) for reply in counted_replies(question)]
    return f"{len(names)} of {wanted} answers: {listed(names)}." if wanted > 1 and names and not question.outcome else ""


def closing_line(question: Question) -> str:
    """One line on how the question ended: who answered what, or which fallback decided and why. Empty while it is open."""
    outcome = question.outcome
    if outcome is None:
        return ""
    if outcome.status == "cancelled":
        return f"Cancelled: {outcome.why}"
    decision = shorten(" ".join(outcome.decision.split()), MAX_LINE)
    if outcome.decided_by == "memory":
        return f"{outcome.why[:1].upper()}{outcome.why[1:]}: {decision}"
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
    return listed(_shortened_names(names)) if kind == "human" else _agent_names(names)


def _shortened_names(names: Sequence[str]) -> Sequence[str]:
    return names if len(names) < 6 else [*names[:4], f"{len(names) - 4} others"]


def _agent_names(names: Sequence[str]) -> str:
    return f"the agent{'s' if len(names) > 1 else ''} {listed(_shortened_names(names))}"


def _reason(question: Question, outcome: Outcome) -> str:
    if outcome.why == UNDELIVERABLE:
        return f"It could not be posted in {format_duration(question.policy.expire_after)}"
    return outcome.why[:1].upper() + outcome.why[1:]


def _fallback_line(question: Question, outcome: Outcome, decision: str) -> str:
    match outcome.decided_by:
        case "fallback:default_option":
            return f"the recommended option, {decision}"
        case "fallback:assume":
            return f"the agent's assumption, {decision}"
        case "fallback:agents":
            return f"{_agent_names([name_of(reply.author.name) for reply in advice_given(question)])}, {decision}"
        case "fallback:judge":
            verdict = question.stage.verdict if question.stage else None
            because = f" ({shorten(' '.join(verdict.reason.split()), MAX_LINE)})" if verdict and verdict.reason else ""
            return f"the judge model, {decision}{because}"
        case _:
            return "the run ends without a result"


_MAX_LABEL = 75
"""Characters of an option's label that are shown: as many as `Option.label` may have."""


def options_summary(options: Sequence[Option | CardOption]) -> str:
    """List options in one line: `1. PostgreSQL (recommended) · 2. SQLite`; empty without options."""
    return " · ".join(
        f"{number}. {one_line(option.label, _MAX_LABEL)}{' (recommended)' if option.recommended else ''}"
        for number, option in enumerate(options, 1)
    )


def remaining_summary(question: Question, now: float) -> str:
    """Options and remaining time, at `now` by the platform's clock."""
    left = f"Expires in {format_duration(deadline(question) - now)}."
    return "\n".join(line for line in (options_summary(question.ask.options), left) if line)


def acknowledgement_text(question: Question, responder: str) -> str:
    """Describe how the current reply of a responder (an id) was understood, and until when it can be changed.

    Empty if there is no reply. `2. PostgreSQL. Counts in 5 s; until then, another reply replaces it.`
    """
    reply = next((reply for reply in question.replies if reply.author.id == responder), None)
    return f"{_reply_text(question, reply)}. {_changeable_until(question, reply)}".rstrip() if reply else ""


def _reply_text(question: Question, reply: Reply) -> str:
    if reply.number is not None:
        return f"{reply.number:.15g}"
    for number, option in enumerate(clickable_options(question.ask), 1):
        if option.id == reply.choice:
            return option.id if question.ask.kind == "confirm" else f"{number}. {one_line(option.label, _MAX_LABEL)}"
    return "your own words"


def _changeable_until(question: Question, reply: Reply) -> str:
    if not people_decide(question):
        return "Agents decide; your reply is passed on to them as advice."
    change = "another reply replaces it" if reply.choice or reply.number is not None else "you can add to it"
    if not is_quorum_met(question, counted_replies(question)):
        return f"Waiting for others; until then, {change}."
    if reply.complete or question.policy.settle_delay < 1:
        return ""
    return f"Counts in {format_duration(question.policy.settle_delay)}; until then, {change}."
