"""What the events of model calls mean for a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator_bridge.frozen import replace
from orchestrator_bridge.question import hear
from orchestrator_bridge.question.judge import parse_verdict
from orchestrator_bridge.question.times import to_platform_time
from orchestrator_bridge.question.values import JudgeVerdict
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import on_tool
from orchestrator_bridge.run.change import (
    agent_responder,
    charge_unknown,
    remove_call,
    update_agent,
    update_call,
    update_question,
)
from orchestrator_bridge.run.respond import apply_turn
from orchestrator_bridge.run.state import Answer, Call, Failure, RunState, converged, leader

FINAL_TRIES = 3
"""How often a winner may hand in an empty final text before its answer is taken as it stands."""


def _on_resumed(state: RunState, _: e.Resumed) -> RunState:
    """Calls that were out are lost and have to be started again."""
    lost = [call for call in state.calls.values() if call.phase == "out"]
    state = charge_unknown(state, lost)
    state = replace(state, calls={**state.calls, **{call.action: replace(call, phase="due", reserved=None) for call in lost}})
    return on_tool.mark_lost(state)


def _on_call_held(state: RunState, event: e.CallHeld) -> RunState:
    """It is waited for like a call under way, but nothing of it was spent, and it will show what is new when it starts."""
    earlier = state.calls.get(event.action)
    waits = earlier if earlier and earlier.phase == "held" else None
    call = Call(
        action=event.action,
        agent=event.agent,
        purpose=event.purpose,
        attempt=event.attempt,
        model=event.model,
        seen_seq=waits.seen_seq if waits else state.seq,
        started_at=waits.started_at if waits else event.at,
        question=event.question,
        phase="held",
        why=event.why,
        seconds_left=None if event.until is None else max(0.0, event.until - event.at),
        failures=earlier.failures if earlier else 0,
        timed_out_waiting=waits.timed_out_waiting if waits else False,
    )
    return update_call(state, call)


def _on_call_started(state: RunState, event: e.CallStarted) -> RunState:
    earlier = state.calls.get(event.action)
    known = earlier if earlier and earlier.phase != "held" else None
    call = Call(
        action=event.action,
        agent=event.agent,
        purpose=event.purpose,
        attempt=event.attempt,
        model=event.model,
        seen_seq=event.seen,
        started_at=known.started_at if known else event.at,
        reserved=event.reserved,
        question=event.question,
        failures=earlier.failures if earlier else 0,
        timed_out_waiting=known.timed_out_waiting if known else False,
    )
    spent = replace(state.spent, calls=state.spent.calls + 1, priced=state.spent.priced and event.reserved is not None)
    return update_call(replace(state, spent=spent), call)


def _on_call_failed(state: RunState, event: e.CallFailed) -> RunState:
    call = state.calls.get(event.action)
    if call is None:
        return state
    state = charge_unknown(state, [call] if event.billed is None else [])
    state = replace(state, reported=state.reported | {event.found})
    if event.retry_at is not None:
        resting = replace(call, phase="resting", retry_at=event.retry_at, failures=call.failures + 1, reserved=None)
        return update_call(state, resting)
    if call.purpose == "judge":
        return _given_up(remove_call(state, event.action), call, event)
    agent = state.agents[call.agent]
    if agent.has_backup:
        state = update_agent(state, call.agent, failure=Failure(found=event.found, advice=event.advice))
    if agent.has_backup or call.model != agent.model:
        return update_call(state, replace(call, phase="due", failures=0, reserved=None))
    return _given_up(remove_call(state, event.action), call, event)


def _given_up(state: RunState, call: Call, event: e.CallFailed) -> RunState:
    if call.purpose == "final":
        return replace(state, final_failure=event.found) if _still_wins(state, call) else state
    if call.purpose == "peer":
        return _peer_out(state, call)
    if call.purpose == "judge":
        return _judged(state, call, JudgeVerdict(reason=event.found))
    return update_agent(state, call.agent, failure=Failure(found=event.found, advice=event.advice))


def _peer_out(state: RunState, call: Call) -> RunState:
    question = state.questions[call.question or 0]
    return update_question(state, hear.passed(question, agent_responder(call.agent)))


def _on_retry_due(state: RunState, event: e.RetryDue) -> RunState:
    call = state.calls.get(event.action)
    return update_call(state, replace(call, phase="due")) if call and call.phase == "resting" else state


def _on_straggler_due(state: RunState, event: e.StragglerDue) -> RunState:
    call = state.calls.get(event.action)
    return update_call(state, replace(call, timed_out_waiting=True)) if call else state


def _on_responded(state: RunState, event: e.Responded) -> RunState:
    call = state.calls.get(event.action)
    state = _noticed(_book(state, event, call), event)
    if call is None:
        return state
    state = remove_call(state, event.action)
    if call.purpose == "peer":
        return _peer_replied(state, event, call)
    if call.purpose == "judge":
        return _judged(state, call, parse_verdict(state.questions[call.question or 0].ask, event.tool_calls, event.text))
    if call.purpose == "final":
        return _final_written(state, event, call)
    return apply_turn(state, event, call)


def _book(state: RunState, event: e.Responded, call: Call | None) -> RunState:
    """What it cost; where nobody knows that, what was reserved for it."""
    reserved = call.reserved if call and event.cost is None else None
    spent = replace(
        state.spent,
        tokens=state.spent.tokens + event.usage.total,
        cost=state.spent.cost + (event.cost or 0),
        unknown=state.spent.unknown + (reserved or 0),
        priced=state.spent.priced and event.cost is not None,
    )
    return replace(state, spent=spent)


def _noticed(state: RunState, event: e.Responded) -> RunState:
    news = bool(event.notice) and event.notice not in state.notices
    return replace(state, notices=(*state.notices, event.notice)) if news else state


def _peer_replied(state: RunState, event: e.Responded, call: Call) -> RunState:
    question = state.questions[call.question or 0]
    if not event.text.strip():
        return _peer_out(state, call)
    at = to_platform_time(question, event.at)
    return update_question(
        state, hear.reply_received(question, author=agent_responder(call.agent), message=event.action, text=event.text, at=at)
    )


def _judged(state: RunState, call: Call, verdict: JudgeVerdict) -> RunState:
    return update_question(state, hear.judged(state.questions[call.question or 0], verdict))


def _final_written(state: RunState, event: e.Responded, call: Call) -> RunState:
    """The final text ends the run if the vote still stands; else it is taken for what it saw, as its author's new answer."""
    text = event.text.strip()
    state = replace(state, finals=state.finals + 1)
    if _still_wins(state, call):
        return _finals(state, call, text)
    if not text:
        return state
    author = state.agents[call.agent]
    answer = Answer(label=author.label, agent=call.agent, text=text, seq=state.seq, seen_seq=call.seen_seq)
    return replace(state, answers=(*state.answers, answer))


def _still_wins(state: RunState, call: Call) -> bool:
    winner = leader(state)
    return winner is not None and winner.agent == call.agent and converged(state)


def _finals(state: RunState, call: Call, text: str) -> RunState:
    if text:
        return replace(state, final_text=text)
    if state.finals < FINAL_TRIES:
        return state
    return replace(state, final_failure=f"{call.agent} handed in an empty final text {FINAL_TRIES} times")


MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {
    e.Resumed: _on_resumed,
    e.CallHeld: _on_call_held,
    e.CallStarted: _on_call_started,
    e.Responded: _on_responded,
    e.CallFailed: _on_call_failed,
    e.RetryDue: _on_retry_due,
    e.StragglerDue: _on_straggler_due,
}
