"""What the events of questions mean for a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.question import messages, transitions
from orchestrator_bridge.question.model import Question, Subscriber
from orchestrator_bridge.question.screening import similar_questions
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.reducer.helpers import (
    charge_unknown,
    complete_tool_use,
    notify_agent,
    remove_call,
    update_agent,
    update_question,
)
from orchestrator_bridge.run.reducer.run import decided
from orchestrator_bridge.run.reducer.tools import approval_settled
from orchestrator_bridge.run.state import AgentMessage, AgentState, PendingAsk, RunState


def _on_question_asked(state: RunState, event: e.QuestionAsked) -> RunState:
    pending, state = _take_ask(state, event.action)
    if pending is None:
        return state
    state = update_question(state, event.question)
    state = update_agent(state, pending.agent, asked=state.agents[pending.agent].asked + 1, malformed=0)
    if event.question.ask.wait:
        return state
    result = f"Question {event.question.id} is asked; its outcome comes as a later message."
    return complete_tool_use(state, pending.agent, event.action, result)


def _on_question_refused(state: RunState, event: e.QuestionRefused) -> RunState:
    pending, state = _take_ask(state, event.action)
    if pending is None:
        return state
    agent = state.agents[pending.agent]
    if _in_vain(state, agent):
        state = update_agent(state, pending.agent, malformed=agent.malformed + 1)
    result = f"Not asked: {event.reason} Go by your assumption: {pending.ask.assumption}"
    return complete_tool_use(state, pending.agent, event.action, result)


def _in_vain(state: RunState, agent: AgentState) -> bool:
    """An agent's whole last response came to nothing: no answer, no vote, and its last question is refused like the others."""
    uses = {use.id for use in agent.turns[-1].uses}
    more = any(pending.agent == agent.spec.name for pending in state.asks.values())
    actions = {one for question in state.questions.values() for one in (question.action, *(j.action for j in question.joined))}
    taken = not uses.isdisjoint(actions)
    return not (agent.idle or more or taken)


def _take_ask(state: RunState, action: str) -> tuple[PendingAsk | None, RunState]:
    asks = dict(state.asks)
    pending = asks.pop(action, None)
    return pending, replace(state, asks=asks)


def _on_question_joined(state: RunState, event: e.QuestionJoined) -> RunState:
    """An agent gets the outcome of a question that was asked before: now if there is one, else when there will be one."""
    pending, state = _take_ask(state, event.action)
    if pending is None:
        return state
    question = state.questions[event.question]
    state = update_agent(state, pending.agent, malformed=0)
    if not question.open:
        return complete_tool_use(state, pending.agent, event.action, messages.shared_outcome_result(question))
    joined = Subscriber(agent=pending.agent, action=event.action, wait=event.wait)
    state = update_question(state, transitions.subscribed(question, joined))
    if event.wait:
        return state
    result = f"The same is asked already, as question {question.id}; its outcome comes as a later message."
    return complete_tool_use(state, pending.agent, event.action, result)


def _on_asked_again(state: RunState, event: e.AskedAgain) -> RunState:
    return update_question(state, event.question)


def _on_question_posted(state: RunState, event: e.QuestionPosted) -> RunState:
    return update_question(state, transitions.posted(state.questions[event.question], event.delivery))


def _on_card_lost(state: RunState, event: e.CardLost) -> RunState:
    return update_question(state, transitions.card_deleted(state.questions[event.question], event.message))


def _on_replied(state: RunState, event: e.Replied) -> RunState:
    question = state.questions[event.question]
    if not question.open and question.agent not in state.agents:
        return state
    if not question.open:
        return notify_agent(state, question.agent, "late", messages.late_note(question, event.author.name, event.text))
    heard = transitions.reply_received(
        question,
        author=event.author,
        message=event.message,
        text=event.text,
        at=event.sent_at,
        choice=event.choice,
        edit=event.edit,
        mentions=event.mentions,
    )
    return update_question(state, heard)


def _on_unreplied(state: RunState, event: e.Unreplied) -> RunState:
    return update_question(state, transitions.reply_deleted(state.questions[event.question], event.message))


def _on_passed(state: RunState, event: e.Passed) -> RunState:
    question = state.questions[event.question]
    if event.gone:
        return update_question(state, transitions.became_unreachable(question, event.responder.id))
    return update_question(state, transitions.passed(question, event.responder, event.sent_at, event.to))


def _on_extended(state: RunState, event: e.Extended) -> RunState:
    question = state.questions[event.question]
    return update_question(state, transitions.extended(question, event.seconds, event.key, event.sent_at))


def _on_reminded(state: RunState, event: e.Reminded) -> RunState:
    return update_question(state, transitions.reminded(state.questions[event.question]))


def _on_escalated(state: RunState, event: e.Escalated) -> RunState:
    return update_question(
        state, transitions.escalated(state.questions[event.question], event.people, event.groups, event.asleep)
    )


def _on_rested(state: RunState, event: e.Rested) -> RunState:
    return update_question(state, transitions.quiet_hours_began(state.questions[event.question], event.asleep, event.starts_at))


def _on_woken(state: RunState, event: e.Woken) -> RunState:
    return update_question(state, transitions.quiet_hours_ended(state.questions[event.question], event.people))


def _on_fallback_began(state: RunState, event: e.FallbackBegan) -> RunState:
    """One fallback's calls are over when the next one begins."""
    state = _drop_calls(state, event.question, ("judge",))
    return update_question(state, transitions.fallback_began(state.questions[event.question], event.stage))


def _on_question_settled(state: RunState, event: e.QuestionSettled) -> RunState:
    question = state.questions[event.question]
    if not question.open:
        return state
    question = transitions.settled(question, event.outcome)
    state = _drop_calls(update_question(state, question), question.id, ("peer", "judge"))
    state = decided(state, question.id, event.outcome)
    if question.ask.kind == "approval":
        return approval_settled(state, question)
    if question.agent not in state.agents:
        return state
    asker = Subscriber(agent=question.agent, action=question.action, wait=question.ask.wait and question.again is None)
    for one in (asker, *question.joined):
        state = _tell_outcome(state, question, one)
    return _tell_others(state, question, {asker.agent, *(one.agent for one in question.joined)})


def _tell_others(state: RunState, question: Question, told: set[str]) -> RunState:
    """The others read how it ended when they are called next, so that they do not ask what is known; it withdraws no vote."""
    if question.outcome is None or question.outcome.status == "cancelled":
        return state
    text = messages.shared_outcome_note(question)
    others = (agent.spec.name for agent in state.live if agent.spec.name not in told)
    return replace(
        state, messages=(*state.messages, *(AgentMessage(seq=state.seq, kind="known", text=text, to=name) for name in others))
    )


def _tell_outcome(state: RunState, question: Question, to: Subscriber) -> RunState:
    """Who waits gets it as the result of the tool, who does not as a message."""
    if not to.wait:
        return notify_agent(state, to.agent, "outcome", messages.outcome_note(question))
    state = complete_tool_use(
        state, to.agent, to.action, messages.tool_result(question, similar_questions(question, state.questions.values()))
    )
    return update_agent(state, to.agent, last_private_seq=state.seq)


def _drop_calls(state: RunState, question: int, purposes: tuple[str, ...]) -> RunState:
    """Those who still think about a question are not waited for."""
    dropped = [call for call in state.calls.values() if call.question == question and call.purpose in purposes]
    state = charge_unknown(state, dropped)
    for call in dropped:
        state = remove_call(state, call.action)
    return state


MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {
    e.QuestionAsked: _on_question_asked,
    e.QuestionRefused: _on_question_refused,
    e.QuestionJoined: _on_question_joined,
    e.AskedAgain: _on_asked_again,
    e.QuestionPosted: _on_question_posted,
    e.CardLost: _on_card_lost,
    e.Replied: _on_replied,
    e.Unreplied: _on_unreplied,
    e.Passed: _on_passed,
    e.Extended: _on_extended,
    e.Reminded: _on_reminded,
    e.Escalated: _on_escalated,
    e.Rested: _on_rested,
    e.Woken: _on_woken,
    e.FallbackBegan: _on_fallback_began,
    e.QuestionSettled: _on_question_settled,
}
