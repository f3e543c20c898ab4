"""What people see of a run: its card, and what each event posts. Plain functions of the state before and after.

Keys of posts are derived from what they show, so that the same event never posts twice. Lower priorities go first.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from orchestrator_bridge.chat import CardAgent, FinalAnswer, Note, Post, QuestionCard, Receipt, RunCard
from orchestrator_bridge.duration import say_duration
from orchestrator_bridge.file import left_out
from orchestrator_bridge.money.standing import say_budget, say_dollars
from orchestrator_bridge.question import tell
from orchestrator_bridge.question.quorum import silent
from orchestrator_bridge.question.values import Question
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.state import AgentState, Call, RunState, counts
from orchestrator_bridge.store.rows import Outgoing
from orchestrator_bridge.text import shorten

FIRST, CLOSING, RECEIPT, NOTE, CARD = 0, 1, 2, 5, 9
"""Priorities: questions and final answers, closing what is open, receipts, what agents do, the card's progress."""

TEASER = 700
"""Characters of an answer that the run's thread shows while the run goes on."""


def run_key(run: int) -> str:
    """The post that opens a run's thread."""
    return f"run:{run}:card"


def question_key(question: int) -> str:
    """The post that opens a question's thread."""
    return f"question:{question}:card"


def closing_key(card_key: str) -> str:
    """The edit that closes a question's card."""
    return f"{card_key}:closed"


Shown = Outgoing


def posts(before: RunState | None, event: e.Event, after: RunState) -> tuple[Shown, ...]:
    """What one event makes people see."""
    show: Callable[[RunState | None, Any, RunState], tuple[Shown, ...]] | None = _SHOWS.get(type(event))
    return show(before, event, after) if show else ()


# Cards --------------------------------------------------------------------------------------------------------------------


def card(state: RunState) -> RunCard:
    """A run at a glance."""
    return RunCard(
        run=state.run,
        task=state.task,
        team=state.team.name,
        agents=tuple(CardAgent(name=one.spec.name, model=one.model, state=_doing(state, one)) for one in state.agents.values()),
        status=_status(state),
        cost=say_cost(state.spent.cost + state.spent.unknown, state.spent.priced),
        tokens=state.spent.tokens,
        scripted=any(one.model.startswith("scripted/") for one in state.agents.values()),
        ended=state.end is not None,
    )


def card_update(state: RunState) -> Outgoing:
    """The card as it now stands, to replace the first one."""
    key = run_key(state.run)
    return Outgoing(
        key=f"{key}:now",
        run=state.run,
        place=state.place,
        post=card(state),
        at=state.at,
        replaces=key,
        priority=CARD,
        version=state.seq,
    )


def say_cost(cost: Decimal, priced: bool) -> str:
    """US dollars for people: `$0.0021`, or that a part is not known: without a price no limit in dollars can hold."""
    amount = f"${cost:.4f}" if cost < 1 else f"${cost:.2f}"
    if priced:
        return amount
    return f"{amount} + unknown, which no budget holds" if cost else "unknown, so no budget holds"


def _status(state: RunState) -> str:
    if state.end is not None:
        return state.end.status
    waiting = [str(question.id) for question in state.questions.values() if question.open]
    if waiting and not state.busy:
        return f"waiting for people: question {', '.join(waiting)}"
    return f"working, question {', '.join(waiting)} open" if waiting else "working"


def _doing(state: RunState, agent: AgentState) -> str:
    if agent.retired is not None:
        return "retired"
    call = next((one for one in state.calls.values() if one.agent == agent.spec.name and one.purpose != "peer"), None)
    if call is not None:
        return _calling(call)
    if agent.waits:
        return "waits for a reply"
    if agent.vote is not None and counts(state, agent):
        return f"voted for {author_of(state, agent.vote.label)}"
    return "answered" if agent.answers else "ready"


def _calling(call: Call) -> str:
    match call.phase:
        case "held":
            left = "" if call.left is None else f", {say_duration(max(1.0, call.left))}"
            return f"waiting for {call.why}{left}"
        case "resting":
            return "tries again soon"
        case _:
            return "writing the final text" if call.purpose == "final" else "thinking"


def author_of(state: RunState, label: str) -> str:
    """The name of the agent whose answers stand under a label."""
    return next((agent.spec.name for agent in state.agents.values() if agent.label == label), label)


# Events -------------------------------------------------------------------------------------------------------------------


def _post(state: RunState, post: Post, name: str, priority: int = NOTE, question: int | None = None) -> Outgoing:
    """Something in the run's thread, or in a question's."""
    anchor = run_key(state.run) if question is None else question_key(question)
    key = f"run:{state.run}:{state.seq}:{name}"
    return Outgoing(
        key=key, run=state.run, place=state.place, post=post, at=state.at, question=question, anchor=anchor, priority=priority
    )


def _started(_: RunState | None, event: e.RunStarted, after: RunState) -> tuple[Shown, ...]:
    key = run_key(after.run)
    opening = Outgoing(key=key, run=after.run, place=after.place, post=card(after), at=after.at, priority=FIRST)
    missing = left_out(event.files)
    warnings = [(f"notice{index}", text) for index, text in enumerate(event.notices)] + [("files", missing)]
    return (opening, *(_post(after, Note(text=text, tone="warning"), name) for name, text in warnings if text))


def _responded(before: RunState | None, event: e.Responded, after: RunState) -> tuple[Shown, ...]:
    return (*_noticed(before, after), *_said(before, event, after))


def _noticed(before: RunState | None, after: RunState) -> tuple[Shown, ...]:
    """What is to be known of who answered, once in a run."""
    new = after.notices[len(before.notices) :] if before else ()
    return tuple(_post(after, Note(text=text, tone="warning"), "notice") for text in new)


def _said(before: RunState | None, event: e.Responded, after: RunState) -> tuple[Shown, ...]:
    call = before.calls.get(event.action) if before else None
    if call is None:
        return ()
    if call.purpose == "peer" and call.question is not None and event.text.strip():
        note = Note(text=event.text.strip(), speaker=event.agent)
        return (_post(after, note, "peer", question=call.question),)
    return _answer(after, event) or (_vote(after, event) if call.purpose == "work" else ())


def _answer(after: RunState, event: e.Responded) -> tuple[Shown, ...]:
    if not after.answers or after.answers[-1].seq != after.seq:
        return ()
    note = Note(text=f"Answer: {shorten(after.answers[-1].text, TEASER)}", speaker=event.agent)
    return (_post(after, note, "answer"),)


def _vote(after: RunState, event: e.Responded) -> tuple[Shown, ...]:
    agent = after.agents[event.agent]
    if agent.vote is None or not agent.rests:
        return ()
    text = f"Votes for {author_of(after, agent.vote.label)}'s answer. {shorten(agent.vote.reason, 300)}".strip()
    return (_post(after, Note(text=text, speaker=event.agent), "vote"),)


def _call_failed(before: RunState | None, event: e.CallFailed, after: RunState) -> tuple[Shown, ...]:
    """The first failure of a call, and the last where its agent is not retired for it, which says the same."""
    call = before.calls.get(event.action) if before else None
    again = event.retry_at is not None
    if call is None or (again and call.failures):
        return ()
    if not again and (call.purpose == "work" or event.action in after.calls):
        return ()
    course = "I try again." if again else "I give up on this call."
    note = Note(text=f"{event.found} {course} {event.advice}".strip(), speaker=event.agent, tone="warning")
    return (_post(after, note, "failed"),)


def _neared(_: RunState | None, event: e.BudgetNeared, after: RunState) -> tuple[Shown, ...]:
    part = round(event.used / event.limit * 100)
    text = f"{say_dollars(event.used)} is booked, reserved or unknown: {part} % of {say_budget(event.budget, event.limit)}."
    return (_post(after, Note(text=text, tone="warning"), f"budget:{event.budget}"),)


def _backup_taken(_: RunState | None, event: e.BackupTaken, after: RunState) -> tuple[Shown, ...]:
    text = f"{event.agent} goes on with {event.model}: {event.reason}"
    return (_post(after, Note(text=text, tone="warning"), "backup"),)


def _retired(_: RunState | None, event: e.AgentRetired, after: RunState) -> tuple[Shown, ...]:
    left = len(after.live)
    text = f"{event.agent} is out of this run: {event.reason} {left} of {len(after.agents)} agents go on."
    return (_post(after, Note(text=text, tone="warning"), "retired"),)


def _asked(_: RunState | None, event: e.QuestionAsked | e.MoreAsked, after: RunState) -> tuple[Shown, ...]:
    question = event.question
    return (
        Outgoing(
            key=question_key(question.id),
            run=after.run,
            place=after.place,
            post=question_card(after, question),
            at=after.at,
            question=question.id,
            priority=FIRST,
        ),
    )


def question_card(state: RunState, question: Question) -> QuestionCard:
    """A question as people see it."""
    return tell.card(question, task=state.task, mentions=question.authors)


def _extended(before: RunState | None, event: e.Extended, after: RunState) -> tuple[Shown, ...]:
    """The card says until when the question now waits."""
    question = after.questions[event.question]
    if not question.open or question.delivery is None:
        return ()
    key = question_key(question.id)
    post = question_card(after, question)
    return (
        Outgoing(
            key=f"{key}:now",
            run=after.run,
            place=after.place,
            post=post,
            at=after.at,
            question=question.id,
            replaces=key,
            priority=CLOSING,
            version=after.seq,
        ),
    )


def _settled(before: RunState | None, event: e.QuestionSettled, after: RunState) -> tuple[Shown, ...]:
    question = after.questions[event.question]
    if before is None or not before.questions[event.question].open:
        return ()
    if question.delivery is not None:
        return (_closing(after, question.id),)
    text = f"Question {question.id} by {question.agent}: {question.ask.question}\n{tell.closing_line(question)}"
    return (_closing(after, question.id), _post(after, Note(text=text), "settled"))


def _closing(state: RunState, question: int) -> Outgoing:
    key = question_key(question)
    return Outgoing(
        key=closing_key(key),
        run=state.run,
        place=state.place,
        post=question_card(state, state.questions[question]),
        at=state.at,
        question=question,
        replaces=key,
        priority=CLOSING,
    )


def _reminded(_: RunState | None, event: e.Reminded, after: RunState) -> tuple[Shown, ...]:
    question = after.questions[event.question]
    waiting = {one.id for one in silent(question)}
    awaited = tuple(author for one, author in zip(question.humans, question.authors, strict=True) if one.id in waiting)
    note = Note(text=tell.reminder_line(question), mentions=awaited)
    return (_post(after, note, "reminder", priority=FIRST, question=question.id),)


def _finished(_: RunState | None, event: e.RunFinished, after: RunState) -> tuple[Shown, ...]:
    answer = FinalAnswer(run=after.run, text=event.text, how=event.how, by=event.by)
    return (_post(after, answer, "final", priority=FIRST), card_update(after))


def _failed(_: RunState | None, event: e.RunFailed, after: RunState) -> tuple[Shown, ...]:
    note = Note(text=f"This run ended without an answer. {event.reason}", tone="warning")
    return (_post(after, note, "failed", priority=FIRST), card_update(after))


def _cancelled(_: RunState | None, event: e.RunCancelled, after: RunState) -> tuple[Shown, ...]:
    note = Note(text=f"Run {after.run} was cancelled by {event.by.name}.", tone="warning")
    return (_post(after, note, "cancelled", priority=FIRST), card_update(after))


_SHOWS: dict[type, Callable[[RunState | None, Any, RunState], tuple[Shown, ...]]] = {
    e.RunStarted: _started,
    e.Responded: _responded,
    e.CallFailed: _call_failed,
    e.BudgetNeared: _neared,
    e.BackupTaken: _backup_taken,
    e.AgentRetired: _retired,
    e.QuestionAsked: _asked,
    e.MoreAsked: _asked,
    e.Extended: _extended,
    e.QuestionSettled: _settled,
    e.Reminded: _reminded,
    e.RunFinished: _finished,
    e.RunFailed: _failed,
    e.RunCancelled: _cancelled,
}


def receipt(state: RunState, name: str, given: Receipt, question: int | None) -> Outgoing:
    """What a person is told about a message of hers."""
    return _post(state, given, f"receipt:{name}", priority=RECEIPT, question=question)
