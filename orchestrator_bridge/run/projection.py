"""The tables as a projection of the log: which rows an event changes. A plain function of the state before and after.

The log alone would do; the tables are there to find things (which question stands in this thread, what waits for me, what did
it cost) without folding every run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator_bridge.question import messages, model, schedule, transitions
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.system_questions import parse_grant
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import records
from orchestrator_bridge.run.state import Call, RunState
from orchestrator_bridge.team.budgets import EVERYWHERE, channel_key

Records = tuple[records.Record, ...]


def project_event(before: RunState | None, event: e.Event, after: RunState) -> Records:
    """The rows that one event changes."""
    change: Callable[[RunState | None, Any, RunState], Records] | None = _CHANGES.get(type(event))
    return change(before, event, after) if change else ()


def project_transaction(before: RunState | None, after: RunState) -> Records:
    """What a whole transaction changes: whether the run is busy, and when its open questions must be looked at next."""
    rows: list[records.Record] = []
    if before is not None and before.busy != after.busy and after.end is None:
        rows.append(records.RunBusy(run=after.run, busy=after.busy))
    for question in after.questions.values():
        earlier = before.questions.get(question.id) if before else None
        if question.open and earlier is not None and earlier is not question:
            rows.append(_moved(earlier, question))
    return tuple(rows)


def _moved(before: Question, question: Question) -> records.QuestionUpdated:
    """Of what people look up, only that which has changed is written again."""
    old, new = _glance(before), _glance(question)
    changed: dict[str, Any] = {key: value for key, value in new.items() if value != old[key]}
    return records.QuestionUpdated(question=question.id, fires_at=fires_at(question), **changed)


def _glance(question: Question) -> dict[str, Any]:
    """What people look up of a question: for whom it is, until when by our clock, and what happens then."""
    people = (one.id for one in question.humans if one.id not in question.passed)
    roles = (f"{group.platform}:{group.id}" for group in question.groups)
    return {
        "asked": messages.audience_line(question),
        "expires_at": our_time(question, model.waiting_end(question)),
        "silence": messages.expiry_line(question),
        "people": (*people, *roles),
    }


def fires_at(question: Question) -> float:
    """When, by our clock, a question must be looked at next."""
    return our_time(question, schedule.next_due(question))


def our_time(question: Question, at: float) -> float:
    """A time of the clock of the question's platform by ours."""
    delivery = question.delivery
    return at + (delivery.noted_at - delivery.posted_at if delivery else 0.0)


def _project_run_started(_: RunState | None, event: e.RunStarted, after: RunState) -> Records:
    by = event.by
    return (
        records.RunOpened(
            run=event.run,
            task=event.task,
            team=event.team.name,
            place=event.place,
            by=by.name,
            at=event.at,
            person=f"{by.platform}:{by.id}",
            outside=event.outside,
        ),
    )


def _project_run_ended(before: RunState | None, event: e.Event, after: RunState) -> Records:
    assert after.end is not None
    closed = records.RunClosed(run=after.run, status=after.end.status, result=after.end.text, at=event.at)
    return (*_project_calls_given_up(before, event, after), closed)


# Calls --------------------------------------------------------------------------------------------------------------------


def _project_call_started(_: RunState | None, event: e.CallStarted, after: RunState) -> Records:
    return (
        records.CallUsageRecorded(
            run=after.run,
            action=event.action,
            attempt=event.attempt,
            agent=event.agent,
            model=event.model,
            state="reserved",
            reserved=event.reserved,
            expected=event.tokens,
            at=event.at,
        ),
    )


def _project_responded(before: RunState | None, event: e.Responded, after: RunState) -> Records:
    call = before.calls.get(event.action) if before else None
    return (
        *_counted(event),
        records.CallUsageRecorded(
            run=after.run,
            action=event.action,
            attempt=call.attempt if call else 1,
            agent=event.agent,
            model=call.model if call else after.agents[event.agent].model,
            state="booked",
            reserved=call.reserved if call else None,
            cost=event.cost,
            served=event.served,
            usage=event.usage,
            at=event.at,
        ),
    )


def _counted(event: e.Responded) -> Records:
    """What the provider reports beside what we had counted, where it reports anything."""
    counted, reported = event.counted, 0 if event.usage.estimated else event.usage.input
    if counted is None or not (counted.tokens > 0 and reported > 0):
        return ()
    return (
        records.PromptTokensObserved(model=counted.model, by=counted.by, counted=counted.tokens, reported=reported, at=event.at),
    )


def _project_call_failed(before: RunState | None, event: e.CallFailed, after: RunState) -> Records:
    call = before.calls.get(event.action) if before else None
    if call is None or call.phase != "out":
        return ()
    return (_unbilled(after, call, "failed" if event.billed is False else "unknown", event.at),)


def _project_calls_given_up(before: RunState | None, event: e.Event, after: RunState) -> Records:
    """Nobody waits any more for calls that are out, so nobody will know whether they were billed."""
    calls = before.calls.values() if before else ()
    given_up = [call for call in calls if call.phase == "out" and call.action not in after.calls]
    return tuple(_unbilled(after, call, "unknown", event.at) for call in given_up)


def _project_resumed(before: RunState | None, event: e.Resumed, after: RunState) -> Records:
    lost = [call for call in before.calls.values() if call.phase == "out"] if before else []
    return tuple(_unbilled(after, call, "unknown", event.at) for call in lost)


def _unbilled(state: RunState, call: Call, how: Any, at: float) -> records.CallUsageRecorded:
    return records.CallUsageRecorded(
        run=state.run,
        action=call.action,
        attempt=call.attempt,
        agent=call.agent,
        model=call.model,
        state=how,
        reserved=call.reserved,
        at=at,
    )


# Questions ----------------------------------------------------------------------------------------------------------------


def _project_question_opened(
    _: RunState | None, event: e.QuestionAsked | e.MoreAsked | e.AskedAgain | e.ApprovalAsked, after: RunState
) -> Records:
    question = after.questions[event.question.id]
    return (
        records.QuestionOpened(
            question=question.id,
            run=after.run,
            agent=question.agent,
            text=question.ask.question,
            fires_at=fires_at(question),
            at=event.at,
            **_glance(question),
        ),
    )


def _project_question_posted(_: RunState | None, event: e.QuestionPosted, after: RunState) -> Records:
    delivery = event.delivery
    return (
        records.QuestionMessageLinked(
            question=event.question,
            place=delivery.place,
            message=delivery.message,
            thread=delivery.place.thread,
            posted_at=delivery.posted_at,
            noted_at=delivery.noted_at,
        ),
    )


def _project_replied(before: RunState | None, event: e.Replied, after: RunState) -> Records:
    late = before is not None and not before.questions[event.question].open
    if not transitions.may_answer(after.questions[event.question], event.author):
        return ()
    return (
        records.ReplyStored(
            question=event.question,
            key=event.message,
            author=event.author.id,
            name=event.author.name,
            text=event.text,
            choice=event.choice,
            late=late,
            at=event.sent_at,
        ),
    )


def _project_unreplied(_: RunState | None, event: e.Unreplied, after: RunState) -> Records:
    return (records.ReplyRemoved(question=event.question, key=event.message),)


def _project_question_settled(before: RunState | None, event: e.QuestionSettled, after: RunState) -> Records:
    question = after.questions[event.question]
    line = messages.closing_line(question)
    closed = records.QuestionClosed(question=event.question, status=event.outcome.status, line=line, at=event.at)
    return (*_project_calls_given_up(before, event, after), closed, *_granted(before, event, after))


def _granted(before: RunState | None, event: e.QuestionSettled, after: RunState) -> Records:
    """What was granted beyond a shared budget; beyond the run's own it stands in its log alone."""
    pause = before.pause if before else None
    more = parse_grant(event.outcome)
    if pause is None or pause.question != event.question or pause.budget == "money" or not more:
        return ()
    channel = channel_key(after.place) if pause.budget == "channel" else EVERYWHERE
    return (records.BudgetRaised(question=event.question, channel=channel, amount=more, at=event.at),)


_CHANGES: dict[type, Callable[[RunState | None, Any, RunState], Records]] = {
    e.RunStarted: _project_run_started,
    e.Resumed: _project_resumed,
    e.CallStarted: _project_call_started,
    e.Responded: _project_responded,
    e.CallFailed: _project_call_failed,
    e.AgentRetired: _project_calls_given_up,
    e.QuestionAsked: _project_question_opened,
    e.MoreAsked: _project_question_opened,
    e.ApprovalAsked: _project_question_opened,
    e.AskedAgain: _project_question_opened,
    e.QuestionPosted: _project_question_posted,
    e.Replied: _project_replied,
    e.Unreplied: _project_unreplied,
    e.QuestionSettled: _project_question_settled,
    e.RunFinished: _project_run_ended,
    e.RunFailed: _project_run_ended,
    e.RunCancelled: _project_run_ended,
}
