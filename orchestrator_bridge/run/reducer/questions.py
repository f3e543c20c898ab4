"""Reducers of events of questions. The state of a question itself changes in `question.transitions`."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.question import messages, transitions
from orchestrator_bridge.question.model import Question, Subscriber
from orchestrator_bridge.question.screening import similar_questions
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.reducer.run import resume_after_grant
from orchestrator_bridge.run.reducer.tools import approval_settled
from orchestrator_bridge.run.reducer.updates import (
    abandon_calls,
    complete_tool_use,
    notify_agent,
    update_agent,
    update_question,
)
from orchestrator_bridge.run.state import AgentMessage, AgentState, PendingAsk, RunState


def on_question_asked(state: RunState, event: e.QuestionAsked) -> RunState:
    """Add a question; an agent that does not wait for it gets the result of its tool use at once."""
    pending, state = _take_ask(state, event.action)
    if pending is None:
        return state
    state = update_question(state, event.question)
    state = update_agent(state, pending.agent, asked=state.agents[pending.agent].asked + 1, malformed=0)
    if event.question.ask.wait:
        return state
    result = f"Question {event.question.id} is asked; its outcome comes as a later message."
    return complete_tool_use(state, pending.agent, event.action, result)


def on_question_refused(state: RunState, event: e.QuestionRefused) -> RunState:
    """Tell the agent why its question was not asked; a response of which nothing was accepted counts as malformed."""
    pending, state = _take_ask(state, event.action)
    if pending is None:
        return state
    agent = state.agents[pending.agent]
    if _nothing_accepted(state, agent):
        state = update_agent(state, pending.agent, malformed=agent.malformed + 1)
    result = f"Not asked: {event.reason} Go by your assumption: {pending.ask.assumption}"
    return complete_tool_use(state, pending.agent, event.action, result)


def _nothing_accepted(state: RunState, agent: AgentState) -> bool:
    """True if an agent's last response brought no answer, no vote and no question, and has no further ask to look at."""
    uses = {use.id for use in agent.turns[-1].uses}
    more_asks = any(pending.agent == agent.spec.name for pending in state.asks.values())
    asked = {question.action for question in state.questions.values()}
    asked |= {subscriber.action for question in state.questions.values() for subscriber in question.joined}
    return not agent.idle and not more_asks and uses.isdisjoint(asked)


def on_question_joined(state: RunState, event: e.QuestionJoined) -> RunState:
    """Subscribe an agent to a question that was asked before: it gets the outcome now, or once there is one."""
    pending, state = _take_ask(state, event.action)
    if pending is None:
        return state
    question = state.questions[event.question]
    state = update_agent(state, pending.agent, malformed=0)
    if not question.open:
        return complete_tool_use(state, pending.agent, event.action, messages.shared_outcome_result(question))
    subscriber = Subscriber(agent=pending.agent, action=event.action, wait=event.wait)
    state = update_question(state, transitions.subscribed(question, subscriber))
    if event.wait:
        return state
    result = f"The same is asked already, as question {question.id}; its outcome comes as a later message."
    return complete_tool_use(state, pending.agent, event.action, result)


def on_decisions_offered(state: RunState, event: e.DecisionsOffered) -> RunState:
    """Show an agent earlier decisions as the result of its tool use: it goes by one, or asks in its next turn."""
    pending, state = _take_ask(state, event.action)
    if pending is None:
        return state
    offered = {(pending.agent, decision.decision): decision for decision in event.decisions}
    state = update_agent(replace(state, offered={**state.offered, **offered}), pending.agent, malformed=0)
    return complete_tool_use(state, pending.agent, event.action, messages.offer_result(event.decisions, event.at))


def on_decision_used(state: RunState, event: e.DecisionUsed) -> RunState:
    """Add a question that an earlier decision answers, and give the agent its outcome at once."""
    pending, state = _take_ask(state, event.action)
    if pending is None:
        return state
    state = update_agent(update_question(state, event.question), pending.agent, malformed=0)
    result = messages.memory_result(event.question, event.decision)
    state = complete_tool_use(state, pending.agent, event.action, result)
    return _inform_others(state, event.question, {pending.agent})


def _take_ask(state: RunState, action: str) -> tuple[PendingAsk | None, RunState]:
    asks = dict(state.asks)
    pending = asks.pop(action, None)
    return pending, replace(state, asks=asks)


def on_asked_again(state: RunState, event: e.AskedAgain) -> RunState:
    """Add the question that repeats one that has ended."""
    return update_question(state, event.question)


def on_question_posted(state: RunState, event: e.QuestionPosted) -> RunState:
    """Start the times of a question."""
    return update_question(state, transitions.posted(state.questions[event.question], event.delivery))


def on_card_lost(state: RunState, event: e.CardLost) -> RunState:
    """Record that a question's card was deleted."""
    return update_question(state, transitions.card_deleted(state.questions[event.question], event.message))


def on_replied(state: RunState, event: e.Replied) -> RunState:
    """Add a reply; one that comes after the end goes to the agent that asked, as a late reply."""
    question = state.questions[event.question]
    if question.open:
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
    if question.agent not in state.agents:
        return state
    return notify_agent(state, question.agent, "late", messages.late_note(question, event.author.name, event.text))


def on_unreplied(state: RunState, event: e.Unreplied) -> RunState:
    """Remove a reply whose message was deleted."""
    return update_question(state, transitions.reply_deleted(state.questions[event.question], event.message))


def on_passed(state: RunState, event: e.Passed) -> RunState:
    """Take a person off a question: declined, delegated, or no longer reachable."""
    question = state.questions[event.question]
    if event.gone:
        return update_question(state, transitions.became_unreachable(question, event.responder.id))
    return update_question(state, transitions.passed(question, event.responder, event.sent_at, event.to))


def on_extended(state: RunState, event: e.Extended) -> RunState:
    """Extend the time of a question."""
    question = state.questions[event.question]
    return update_question(state, transitions.extended(question, event.seconds, event.key, event.sent_at))


def on_reminded(state: RunState, event: e.Reminded) -> RunState:
    """Record that the people asked were reminded."""
    return update_question(state, transitions.reminded(state.questions[event.question]))


def on_escalated(state: RunState, event: e.Escalated) -> RunState:
    """Add the people of the next escalation step to those asked."""
    question = state.questions[event.question]
    return update_question(state, transitions.escalated(question, event.people, event.groups, event.asleep))


def on_rested(state: RunState, event: e.Rested) -> RunState:
    """Record the quiet hours of a person to whom the question is about to be handed over."""
    return update_question(state, transitions.quiet_hours_began(state.questions[event.question], event.asleep, event.starts_at))


def on_woken(state: RunState, event: e.Woken) -> RunState:
    """Record that quiet hours are over."""
    return update_question(state, transitions.quiet_hours_ended(state.questions[event.question], event.people))


def on_fallback_began(state: RunState, event: e.FallbackBegan) -> RunState:
    """Start the next fallback; a judge of the earlier one is no longer waited for. Peers still count as replies."""
    state = _abandon_side_calls(state, event.question, ("judge",))
    return update_question(state, transitions.fallback_began(state.questions[event.question], event.stage))


def on_question_settled(state: RunState, event: e.QuestionSettled) -> RunState:
    """End a question and hand its outcome to all agents that wait for it; later outcomes of it change nothing."""
    question = state.questions[event.question]
    if not question.open:
        return state
    question = transitions.settled(question, event.outcome)
    state = _abandon_side_calls(update_question(state, question), question.id, ("peer", "judge"))
    state = resume_after_grant(state, question.id, event.outcome)
    if question.ask.kind == "approval":
        return approval_settled(state, question)
    if question.agent not in state.agents:
        return state
    # A question that was asked again has answered its tool use already: its new outcome can only be a message.
    asker = Subscriber(agent=question.agent, action=question.action, wait=question.ask.wait and question.again is None)
    subscribers = (asker, *question.joined)
    similar = _similar_questions(state, event, question)
    for subscriber in subscribers:
        state = _deliver_outcome(state, question, subscriber, similar)
    return _inform_others(state, question, {subscriber.agent for subscriber in subscribers})


def _similar_questions(state: RunState, event: e.QuestionSettled, question: Question) -> Sequence[Question]:
    if event.similar is None:
        return similar_questions(question, state.questions.values())
    return [state.questions[number] for number in event.similar]


def _deliver_outcome(state: RunState, question: Question, to: Subscriber, similar: Sequence[Question]) -> RunState:
    """Give the outcome to one agent: as the result of its tool use if it waits, else as a message."""
    if not to.wait:
        return notify_agent(state, to.agent, "outcome", messages.outcome_note(question))
    result = messages.tool_result(question, similar)
    state = complete_tool_use(state, to.agent, to.action, result)
    return update_agent(state, to.agent, last_private_seq=state.seq)


def _inform_others(state: RunState, question: Question, informed: set[str]) -> RunState:
    """Let the other agents read the outcome in their next call, so that they do not ask the same; no vote is withdrawn."""
    if question.outcome is None or question.outcome.status == "cancelled":
        return state
    text = messages.shared_outcome_note(question)
    others = (agent.spec.name for agent in state.live if agent.spec.name not in informed)
    notes = (AgentMessage(seq=state.seq, kind="known", text=text, to=name) for name in others)
    return replace(state, messages=(*state.messages, *notes))


def _abandon_side_calls(state: RunState, question: int, purposes: tuple[str, ...]) -> RunState:
    """Stop waiting for calls about a question."""
    calls = state.calls.values()
    return abandon_calls(state, (call for call in calls if call.question == question and call.purpose in purposes))
