"""What the events of questions mean for a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from orchestrator_bridge.question import hear, tell
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.change import book_unknown, finish_use, tell_agent, with_agent, with_question, without_call
from orchestrator_bridge.run.on_money import decided
from orchestrator_bridge.run.state import AgentState, PendingAsk, RunState


def _asked(state: RunState, event: e.QuestionAsked) -> RunState:
    pending, state = _take_ask(state, event.action)
    if pending is None:
        return state
    state = with_question(state, event.question)
    state = with_agent(state, pending.agent, asked=state.agents[pending.agent].asked + 1, malformed=0)
    if event.question.ask.wait:
        return state
    result = f"Question {event.question.id} is asked; its outcome comes as a later message."
    return finish_use(state, pending.agent, event.action, result)


def _refused(state: RunState, event: e.QuestionRefused) -> RunState:
    pending, state = _take_ask(state, event.action)
    if pending is None:
        return state
    agent = state.agents[pending.agent]
    if _in_vain(state, agent):
        state = with_agent(state, pending.agent, malformed=agent.malformed + 1)
    result = f"Not asked: {event.reason} Go by your assumption: {pending.ask.assumption}"
    return finish_use(state, pending.agent, event.action, result)


def _in_vain(state: RunState, agent: AgentState) -> bool:
    """An agent's whole last response came to nothing: no answer, no vote, and its last question is refused like the others."""
    uses = {use.id for use in agent.turns[-1].uses}
    more = any(pending.agent == agent.spec.name for pending in state.asks.values())
    taken = any(question.action in uses for question in state.questions.values())
    return not (agent.rests or more or taken)


def _take_ask(state: RunState, action: str) -> tuple[PendingAsk | None, RunState]:
    asks = dict(state.asks)
    pending = asks.pop(action, None)
    return pending, replace(state, asks=asks)


def _posted(state: RunState, event: e.QuestionPosted) -> RunState:
    return with_question(state, hear.posted(state.questions[event.question], event.delivery))


def _replied(state: RunState, event: e.Replied) -> RunState:
    question = state.questions[event.question]
    if not question.open and question.agent not in state.agents:
        return state
    if not question.open:
        return tell_agent(state, question.agent, "late", tell.late_note(question, event.author.name, event.text))
    heard = hear.replied(
        question,
        author=event.author,
        message=event.message,
        text=event.text,
        at=event.sent_at,
        choice=event.choice,
        edit=event.edit,
    )
    return with_question(state, heard)


def _unreplied(state: RunState, event: e.Unreplied) -> RunState:
    return with_question(state, hear.unreplied(state.questions[event.question], event.message))


def _passed(state: RunState, event: e.Passed) -> RunState:
    question = state.questions[event.question]
    heard = hear.left(question, event.responder) if event.gone else hear.passed(question, event.responder, event.sent_at)
    return with_question(state, heard)


def _extended(state: RunState, event: e.Extended) -> RunState:
    return with_question(state, hear.extended(state.questions[event.question], event.seconds))


def _reminded(state: RunState, event: e.Reminded) -> RunState:
    return with_question(state, hear.reminded(state.questions[event.question]))


def _settled(state: RunState, event: e.QuestionSettled) -> RunState:
    question = state.questions[event.question]
    if not question.open:
        return state
    question = hear.settled(question, event.outcome)
    state = decided(_drop_peers(with_question(state, question), question.id), question.id, event.outcome)
    if question.agent not in state.agents:
        return state
    if not question.ask.wait:
        return tell_agent(state, question.agent, "outcome", tell.outcome_note(question))
    state = finish_use(state, question.agent, question.action, tell.tool_result(question))
    return with_agent(state, question.agent, fresh=state.seq)


def _drop_peers(state: RunState, question: int) -> RunState:
    """Peers that still think about a settled question are not waited for."""
    dropped = [call for call in state.calls.values() if call.purpose == "peer" and call.question == question]
    state = book_unknown(state, dropped)
    for call in dropped:
        state = without_call(state, call.action)
    return state


MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {
    e.QuestionAsked: _asked,
    e.QuestionRefused: _refused,
    e.QuestionPosted: _posted,
    e.Replied: _replied,
    e.Unreplied: _unreplied,
    e.Passed: _passed,
    e.Extended: _extended,
    e.Reminded: _reminded,
    e.QuestionSettled: _settled,
}
