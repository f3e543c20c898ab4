"""A question in words: for the agent that asked, and for people.

The agent gets structure, so that it cannot take a fallback for a person's word; people get one line, short enough for a phone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.chat.outbound import CardOption, QuestionCard
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.common.frozen import cached_on_value
from orchestrator_bridge.common.text import clean, listed, one_line, sentence, shorten
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
"""Characters of somebody's words in one line for people."""


def name_of(name: str) -> str:
    """Somebody's name on one line: names are chosen freely on some platforms."""
    return one_line(name, 80) or "somebody"


# Whom it asks -------------------------------------------------------------------------------------------------------------


@cached_on_value
def audience_line(question: Question) -> str:
    """Whom the question asks, and whose replies decide: `Ana and Ben (all of them decide), with advice from skeptic`."""
    people = [name_of(one.name) for one in _still_asked(question)] + [f"the role {group.name}" for group in question.groups]
    agents = [one.name for one in question.asked if one.kind == "agent"]
    others = _others_allowed(question)
    if not people:
        return listed([f"the agent {name}" for name in agents] or others) or "nobody who can be reached"
    advice = f", with advice from {listed(agents)}" if agents else ""
    return f"{listed([*people, *others], 'or' if others else 'and')}{_quorum(question)}{advice}{_remarks(question)}"


def _still_asked(question: Question) -> Sequence[Responder]:
    """The people who are asked and have not passed; all of them if everybody has."""
    return [one for one in question.humans if one.id not in question.passed] or question.humans


def _others_allowed(question: Question) -> list[str]:
    """Who may answer beside those asked."""
    responders = question.policy.responders
    if responders == "anyone":
        return ["anyone here"]
    return [f"anyone of the role {responders.removeprefix('role:')}"] if responders.startswith("role:") else []


def _quorum(question: Question) -> str:
    if not is_audience_known(question):
        policy = question.policy.quorum
        return "" if policy == "first" else " (one answer decides, since it is not known who is in the role)"
    wanted, people = (
        required_votes(question),
        sum(one in question.asked or one != question.decider for one in _still_asked(question)),
    )
    if people < 2:
        return ""
    if wanted == 1:
        return " (one answer decides)"
    return " (all of them decide)" if wanted >= people else f" ({wanted} answers decide)"


def _remarks(question: Question) -> str:
    last = [f"{name_of(question.decider.name)} has the last word"] if question.decider else []
    return "".join(f"; {remark}" for remark in (*last, *question.notes))


# What silence means -------------------------------------------------------------------------------------------------------


@cached_on_value
def expiry_line(question: Question) -> str:
    """What happens at expiry, in one sentence."""
    few = "Without an answer" if required_votes(question) == 1 else "Without enough answers"
    return f"{few}, {', else '.join(_fallback_texts(question))}"


def _fallback_texts(question: Question) -> Iterator[str]:
    """The fallbacks to come: those that take time, and the first that decides at once."""
    for step in question.policy.fallback[next_fallback(question) :]:
        course = _fallback_text(question, step)
        if course:
            yield course
        if immediate_fallback(question, step.use):
            return


def _fallback_text(question: Question, step: FallbackStep) -> str:
    done = immediate_fallback(question, step.use)
    match step.use:
        case "agents":
            return f"the other agents decide (within {format_duration(step.seconds)})" if question.others else ""
        case "judge":
            return f"a model judges (within {format_duration(step.seconds)})"
        case "fail":
            return "the run ends without a result."
        case "default_option" if done:
            return f"{question.agent} takes the recommended option: {sentence(done.decision)}"
        case "assume" if question.ask.kind == "approval":
            return "it is not called: silence is no."
        case "assume" if done:
            return f"{question.agent} goes by its assumption: {clean(done.decision)}"
        case _:
            return ""


def reminder_line(question: Question) -> str:
    """The one reminder; those it is for are mentioned beside it."""
    return f"Still open: {shorten(question.ask.question, MAX_LINE)} {expiry_line(question)}"


def escalation_line(question: Question, names: Sequence[str]) -> str:
    """That others are asked too, who are mentioned beside it."""
    return f"Not enough answers yet, so {listed(names)} {'is' if len(names) == 1 else 'are'} asked too: {question.ask.question}"


def quiet_hours_ended_line(question: Question) -> str:
    """That a question has come while somebody slept, who is mentioned beside it."""
    return f"This came while you were not to be disturbed: {shorten(question.ask.question, MAX_LINE)}"


def delegation_line(question: Question, by: str) -> str:
    """That somebody is asked in another's place; they are mentioned beside it."""
    return f"{name_of(by)} hands this question over to you: {shorten(question.ask.question, MAX_LINE)}"


def fallback_line(question: Question) -> str:
    """That a fallback which takes time is at work now."""
    stage = question.stage
    if stage is None:
        return ""
    step = question.policy.fallback[stage.step]
    agents = f"{listed(stage.agents)} {'is' if len(stage.agents) == 1 else 'are'} asked"
    course = agents if step.use == "agents" else "a model judges"
    time = format_duration(step.seconds)
    return f"{stage.why[:1].upper()}{stage.why[1:]}, so {course} now, for at most {time}. An answer by people still wins."


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
        return f"It could not be posted in {format_duration(question.policy.expire_after)}"
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


_MAX_LABEL = 75
"""Characters of a label that are shown: all that one may have."""


def options_summary(options: Sequence[Option | CardOption]) -> str:
    """`1 PostgreSQL (recommended) · 2 SQLite`; empty where there is nothing to choose from."""
    marks = {True: " (recommended)", False: ""}
    return " · ".join(
        f"{place} {one_line(one.label, _MAX_LABEL)}{marks[one.recommended]}" for place, one in enumerate(options, 1)
    )


def remaining_summary(question: Question, now: float) -> str:
    """What can be chosen and how long there is to choose, at `now` by the clock of the question's platform."""
    left = f"Expires in {format_duration(deadline(question) - now)}."
    return "\n".join(line for line in (options_summary(question.ask.options), left) if line)


# What a reply was taken as and until when that can be changed, in words short enough for a phone.
#
# 2, PostgreSQL. Counts in 5 s; another reply before that replaces it.
# your own words. Counts in 5 s; what you add before that goes along.
# yes. Others are still to answer; another reply until then replaces it.

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
    return f"Counts in {format_duration(question.policy.settle_delay)}; {change.format('before that')}."
