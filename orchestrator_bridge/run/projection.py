"""Projection of the log onto the store's tables: the rows that an event changes, from the state before and after it.

The log alone would do. The tables are there to find things without folding every run: which question belongs to this thread, what
waits for this person, what did it cost.
"""

from __future__ import annotations

from typing import Any, Literal, assert_never

from orchestrator_bridge.question import messages, model, schedule, transitions
from orchestrator_bridge.question.decisions import decision_of
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.system_questions import parse_grant
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import records
from orchestrator_bridge.run.state import Call, RunState
from orchestrator_bridge.team.budgets import EVERYWHERE, channel_key

Records = tuple[records.Record, ...]


def project_event(before: RunState | None, event: e.Event, after: RunState) -> Records:  # noqa: C901  (one case an event)
    """The rows that one event changes; `before` is None for the first event of a run."""
    match event.event:
        case "call_started":
            return _call_started(event, after)
        case "responded":
            return _responded(before, event, after)
        case "replied":
            return _replied(before, event, after)
        case "question_asked" | "more_asked" | "approval_asked" | "asked_again":
            return _question_opened(event, after)
        case "decision_used":
            return _decision_used(event, after)
        case "question_posted":
            return _question_posted(event)
        case "question_settled":
            return _question_settled(before, event, after)
        case "unreplied":
            return (records.ReplyRemoved(question=event.question, key=event.message),)
        case "call_failed":
            return _call_failed(before, event, after)
        case "agent_retired":
            return _abandoned_calls(before, event.at, after)
        case "resumed":
            return _calls_under_way(before, event.at, after)
        case "run_started":
            return _run_started(event)
        case "run_finished" | "run_failed" | "run_cancelled":
            return _run_ended(before, event, after)
        # These change nothing that is looked up, or only what `project_transaction` writes once for the whole transaction.
        case "tool_started" | "tool_returned" | "tools_listed" | "call_held" | "retry_due" | "straggler_due":
            return ()
        case "bound_reached" | "budget_neared" | "backup_taken" | "guided" | "guest_asked" | "thread_read":
            return ()
        case "question_refused" | "question_joined" | "decisions_offered" | "card_lost" | "passed" | "extended" | "reminded":
            return ()
        case "escalated" | "rested" | "woken" | "fallback_began" | "finish_asked":
            return ()
        case _:
            assert_never(event)


def project_transaction(before: RunState | None, after: RunState) -> Records:
    """The rows that a whole transaction changes: if the run is busy, and what has changed of its open questions."""
    rows: list[records.Record] = []
    if before is not None and before.busy != after.busy and after.end is None:
        rows.append(records.RunBusy(run=after.run, busy=after.busy))
    for question in after.questions.values():
        earlier = before.questions.get(question.id) if before else None
        # States are values: a question that no event has changed is the same object as before.
        if question.open and earlier is not None and earlier is not question:
            old, new = _question_columns(earlier), _question_columns(question)
            changed: dict[str, Any] = {key: value for key, value in new.items() if value != old[key]}
            rows.append(records.QuestionUpdated(question=question.id, fires_at=fires_at(question), **changed))
    return tuple(rows)


def _question_columns(question: Question) -> dict[str, Any]:
    """Columns by which people look a question up: the people asked, its deadline by our clock, the effect of its expiry."""
    people = (person.id for person in question.humans if person.id not in question.passed)
    roles = (f"{group.platform}:{group.id}" for group in question.groups)
    return {
        "asked": messages.audience_line(question),
        "expires_at": our_time(question, model.waiting_end(question)),
        "silence": messages.expiry_line(question),
        "people": (*people, *roles),
    }


def fires_at(question: Question) -> float:
    """The time, by our clock, at which a question must be looked at next."""
    return our_time(question, schedule.next_due(question))


def our_time(question: Question, at: float) -> float:
    """Convert a time of the clock of the question's platform to our clock."""
    # The clocks of a platform and of this machine differ. A posted card has its time by both, and their difference converts.
    delivery = question.delivery
    return at + (delivery.noted_at - delivery.posted_at if delivery else 0.0)


def _run_started(event: e.RunStarted) -> Records:
    """The row of the run. The thread of a conversation belongs to its newest run at once, before that has posted anything."""
    by, earlier = event.by, event.continues
    linked = (
        (records.RunMessageLinked(run=event.run, place=event.place, message=f"turn:{event.run}", thread=earlier.thread),)
        if earlier is not None and earlier.thread is not None
        else ()
    )
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
        *linked,
    )


def _run_ended(before: RunState | None, event: e.RunFinished | e.RunFailed | e.RunCancelled, after: RunState) -> Records:
    assert after.end is not None
    closed = records.RunClosed(run=after.run, status=after.end.status, result=after.end.text, at=event.at)
    return (*_abandoned_calls(before, event.at, after), closed)


def _call_started(event: e.CallStarted, after: RunState) -> Records:
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


def _responded(before: RunState | None, event: e.Responded, after: RunState) -> Records:
    # The run may have abandoned the call meanwhile; its response is paid all the same, and is booked on its first attempt.
    call = before.calls.get(event.action) if before else None
    return (
        *_token_observation(event),
        records.CallUsageRecorded(
            run=after.run,
            action=event.action,
            attempt=call.attempt if call else 1,
            agent=event.agent,
            model=call.model if call else after.agents[event.agent].model,
            state="booked",
            reserved=call.reserved if call else None,
            cost=event.cost,
            cost_source=event.cost_source,
            served=event.served,
            usage=event.usage,
            at=event.at,
        ),
    )


def _token_observation(event: e.Responded) -> Records:
    """Our count of a prompt beside the provider's, which corrects later estimates; nothing where the provider reports none."""
    counted, reported = event.counted, 0 if event.usage.estimated else event.usage.input
    if counted is None or not (counted.tokens > 0 and reported > 0):
        return ()
    return (
        records.PromptTokensObserved(model=counted.model, by=counted.by, counted=counted.tokens, reported=reported, at=event.at),
    )


def _call_failed(before: RunState | None, event: e.CallFailed, after: RunState) -> Records:
    call = before.calls.get(event.action) if before else None
    if call is None or call.phase != "out":
        return ()
    return (_without_usage(after, call, "failed" if event.billed is False else "unknown", event.at),)


def _abandoned_calls(before: RunState | None, at: float, after: RunState) -> Records:
    """The calls under way that the run has just stopped waiting for: nobody will know if they were billed."""
    calls = before.calls.values() if before else ()
    abandoned = (call for call in calls if call.phase == "out" and call.action not in after.calls)
    return tuple(_without_usage(after, call, "unknown", at) for call in abandoned)


def _calls_under_way(before: RunState | None, at: float, after: RunState) -> Records:
    """The calls that a restart has lost: their providers may have billed them, so what was reserved stays booked."""
    lost = (call for call in before.calls.values() if call.phase == "out") if before else ()
    return tuple(_without_usage(after, call, "unknown", at) for call in lost)


def _without_usage(state: RunState, call: Call, outcome: Literal["failed", "unknown"], at: float) -> records.CallUsageRecorded:
    return records.CallUsageRecorded(
        run=state.run,
        action=call.action,
        attempt=call.attempt,
        agent=call.agent,
        model=call.model,
        state=outcome,
        reserved=call.reserved,
        at=at,
    )


def _decision_used(event: e.DecisionUsed, after: RunState) -> Records:
    line = messages.closing_line(event.question)
    return (
        *_question_opened(event, after),
        records.QuestionClosed(question=event.question.id, status="answered", line=line, at=event.at),
    )


def _question_opened(
    event: e.QuestionAsked | e.MoreAsked | e.AskedAgain | e.ApprovalAsked | e.DecisionUsed, after: RunState
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
            **_question_columns(question),
        ),
    )


def _question_posted(event: e.QuestionPosted) -> Records:
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


def _replied(before: RunState | None, event: e.Replied, after: RunState) -> Records:
    """The reply of a person who may answer; words of others stay in the log only, in case the question is handed to them."""
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
            late=before is not None and not before.questions[event.question].open,
            at=event.sent_at,
        ),
    )


def _question_settled(before: RunState | None, event: e.QuestionSettled, after: RunState) -> Records:
    line = messages.closing_line(after.questions[event.question])
    closed = records.QuestionClosed(question=event.question, status=event.outcome.status, line=line, at=event.at)
    return (*_abandoned_calls(before, event.at, after), closed, *_decided(event, after), *_budget_raised(before, event, after))


def _decided(event: e.QuestionSettled, after: RunState) -> Records:
    """The decision, unless the team keeps none."""
    if after.team.memory == "off":
        return ()
    question = after.questions[event.question]
    decision = decision_of(question, team=after.team.name, place=after.place, at=event.at)
    if decision is None:
        return ()
    stored = records.DecisionStored(decision=decision)
    if question.supersedes is None or decision.decided_by not in ("human", "agent"):
        return (stored,)
    by_people = decision.decided_by == "human"
    return stored, records.DecisionSuperseded(decision=question.supersedes, by=decision.decision, by_people=by_people)


def _budget_raised(before: RunState | None, event: e.QuestionSettled, after: RunState) -> Records:
    """The grant beyond a budget that runs share; one beyond the run's own budget is in its log alone."""
    pause = before.pause if before else None
    grant = parse_grant(event.outcome)
    if pause is None or pause.question != event.question or pause.budget == "money" or not grant:
        return ()
    channel = channel_key(after.place) if pause.budget == "channel" else EVERYWHERE
    return (records.BudgetRaised(question=event.question, channel=channel, amount=grant, at=event.at),)
