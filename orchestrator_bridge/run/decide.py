"""`decide(state)`: the outstanding actions of a run. A plain function without clock or I/O.

An event that follows at once from the state (a retirement, a bound, the end) is an `AppendEvent`: the caller appends it and
decides again. An event that a time brings is a `WaitUntil`. Deciding twice on the same state gives the same actions, so an action
is never lost or repeated by a crash: what was started has an event in the log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator_bridge.common.frozen import cached_on_value
from orchestrator_bridge.question import settlement
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.agent_tools import CUT_TRIES
from orchestrator_bridge.run.events import Event, Purpose
from orchestrator_bridge.run.state import AgentState, Call, RunState, converged, last_change, leader, vote_counts
from orchestrator_bridge.run.termination import ending, interruptions, may_answer_last, used_up
from orchestrator_bridge.run.tool_policy import approval_of, approvals_left

MALFORMED_TRIES = 3
"""Responses in a row without a valid tool use after which an agent is retired."""

APPROVED_FOR_RUN = "the tool was approved for the run"


@dataclass(frozen=True, kw_only=True, slots=True)
class CallModel:
    """Make a model call. `attempt` counts from 1; `is_under_way`: it has been started."""

    action: str
    agent: str
    purpose: Purpose
    attempt: int
    question: int | None = None
    is_under_way: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AskQuestion:
    """Ask this as a question, or refuse it."""

    action: str
    agent: str
    ask: Ask


@dataclass(frozen=True, kw_only=True, slots=True)
class UseTool:
    """Call the tool of this use."""

    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AskApproval:
    """Ask people to approve this use of a tool."""

    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AppendEvent:
    """Append this event: it follows from the state."""

    event: Event


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitUntil:
    """Append this event, with the time of then as its `at`, once our clock reaches `until` if this is still outstanding."""

    until: float
    event: Event


Action = CallModel | AskQuestion | UseTool | AskApproval | AppendEvent | WaitUntil


@cached_on_value
def decide(state: RunState) -> tuple[Action, ...]:
    """The questions to ask; else the events that follow at once; else everything that goes on side by side.

    Asks come first, since an agent that waits for a question has no call under way and so delays no other agent.
    """
    if state.end is not None:
        return ()
    own = (agent for agent in state.live if agent.spec.name != state.external_agent)
    events = tuple(event for agent in own if (event := _retirement(state, agent)) is not None)
    events = events or _needless_approvals(state) or interruptions(state)
    if state.asks and not events:
        return tuple(AskQuestion(action=action, agent=pending.agent, ask=pending.ask) for action, pending in state.asks.items())
    events = events or ending(state) or _exhausted_bound(state)
    if events:
        return tuple(AppendEvent(event=event) for event in events)
    return (*_calls(state), *_tool_uses(state), *_waits(state))


def _retirement(state: RunState, agent: AgentState) -> Event | None:
    """The switch to the backup model, or the retirement, of an agent that cannot go on."""
    name, failure = agent.spec.name, agent.failure
    if failure is not None and agent.has_backup:
        return e.BackupTaken(at=state.at, agent=name, model=agent.spec.backup or "", reason=failure.found)
    if failure is not None:
        return e.AgentRetired(at=state.at, agent=name, reason=f"{failure.found} {failure.advice}".strip())
    if agent.malformed >= MALFORMED_TRIES:
        used = any(turn.uses for turn in agent.turns[-agent.malformed :])
        found = f"its last {agent.malformed} responses had no usable tool call." if used else "the model made no tool calls."
        reason = f"{found} Choose a model that supports tools."
        return e.AgentRetired(at=state.at, agent=name, reason=reason)
    if agent.cuts >= CUT_TRIES:
        reason = f"its last {agent.cuts} responses were cut off at the output limit. Allow longer ones, or choose another model."
        return e.AgentRetired(at=state.at, agent=name, reason=reason)
    return None


def _needless_approvals(state: RunState) -> tuple[Event, ...]:
    """Ends of open approval questions whose tool has been approved for the run meanwhile."""
    return tuple(
        e.QuestionSettled(
            at=state.at,
            question=question.id,
            outcome=settlement.cancelled_outcome(question, state.at, APPROVED_FOR_RUN),
            similar=(),
        )
        for question in state.questions.values()
        if question.open
        and question.ask.kind == "approval"
        and question.action in state.uses
        and state.uses[question.action].phase != "asked"
    )


def _exhausted_bound(state: RunState) -> tuple[Event, ...]:
    """The bound that forbids the next call, if there is one to be made."""
    bound = used_up(state) if state.bound is None else None
    return (e.BoundReached(at=state.at, bound=bound),) if bound and any(_startable_calls(state)) else ()


def _calls(state: RunState) -> Iterator[CallModel]:
    """The calls under way, and as many new ones as the bound on calls allows."""
    for call in state.calls.values():
        if call.phase == "out":
            yield _restarted(call)
    # A bound or a pause stops new calls only: those under way are paid already.
    if state.bound is None and state.pause is None:
        left = state.team.bounds.calls - state.spent.calls
        yield from list(_startable_calls(state))[: max(0, left)]


def _startable_calls(state: RunState) -> Iterator[CallModel]:
    """The calls to start now, bounds aside."""
    for call in state.calls.values():
        if call.phase in ("due", "held"):
            yield _restarted(call)
    yield from _peer_calls(state)
    yield from _judge_calls(state)
    if state.external_agent is not None:
        return
    if state.finish is not None:
        yield from _last_calls(state)
    elif final := _final_call(state):
        yield final
    # Agents start once the thread is read and all tools are known, or the first call would lack some.
    elif not (state.unlisted or state.awaits_context):
        yield from _work_calls(state)


def _work_calls(state: RunState) -> Iterator[CallModel]:
    for agent in state.live:
        if _needs_call(state, agent):
            action = f"work:{agent.spec.name}:{len(agent.turns) + 1}"
            yield CallModel(action=action, agent=agent.spec.name, purpose="work", attempt=1)


def _last_calls(state: RunState) -> Iterator[CallModel]:
    """One call for each agent that has not read yet that the answer is wanted now; only while there is no answer."""
    for agent in () if state.answers or state.unlisted or state.awaits_context else state.live:
        if not agent.is_waiting and _own_call(state, agent) is None and may_answer_last(state, agent):
            action = f"work:{agent.spec.name}:{len(agent.turns) + 1}"
            yield CallModel(action=action, agent=agent.spec.name, purpose="work", attempt=1)


def _restarted(call: Call) -> CallModel:
    return CallModel(
        action=call.action,
        agent=call.agent,
        purpose=call.purpose,
        attempt=call.attempt + 1 if call.phase == "due" else call.attempt,
        question=call.question,
        is_under_way=call.phase == "out",
    )


def _peer_calls(state: RunState) -> Iterator[CallModel]:
    """One side call for each agent that an open question asks and that has not replied."""
    for question in state.questions.values():
        replied = {reply.author.id for reply in question.replies} | question.passed
        for name in question.peers if question.open else ():
            action = f"peer:{question.id}:{name}"
            if f"agent:{name}" not in replied and action not in state.calls:
                yield CallModel(action=action, agent=name, purpose="peer", attempt=1, question=question.id)


def _judge_calls(state: RunState) -> Iterator[CallModel]:
    """The call of the judge for each open question whose fallback it is."""
    for question in state.questions.values():
        stage = question.stage if question.open else None
        action = f"judge:{question.id}"
        if stage and not stage.verdict and question.policy.fallback[stage.step].use == "judge" and action not in state.calls:
            yield CallModel(action=action, agent=question.agent, purpose="judge", attempt=1, question=question.id)


def _final_call(state: RunState) -> CallModel | None:
    """The call in which the winner of the vote writes the final text."""
    winner = leader(state) if converged(state) else None
    action = f"final:{state.finals + 1}"
    if winner is None or action in state.calls or state.agents[winner.agent].retired is not None:
        return None
    return CallModel(action=action, agent=winner.agent, purpose="final", attempt=1)


def _needs_call(state: RunState, agent: AgentState) -> bool:
    """True if an agent is to be called for its own work now.

    An agent that has answered must not vote eagerly. If it were called as soon as one other answer is there, the next answer
    would void its vote (`vote_counts`) and it would have to be called again: with N agents up to N calls each, N² in all. So it
    waits until every call with an older view has landed (or has become a straggler). Then nobody is left who could still answer
    without having seen all answers, and one call each is enough for all votes: N answers, N votes and the final text are 2N + 1
    calls.
    """
    if agent.is_waiting or _own_call(state, agent) is not None:
        return False
    if not agent.idle:
        return True
    return not vote_counts(state, agent) and not any(_older_calls(state, agent))


def _own_call(state: RunState, agent: AgentState) -> Call | None:
    return next((call for call in state.calls.values() if call.agent == agent.spec.name and not call.is_side_call), None)


def _older_calls(state: RunState, agent: AgentState) -> Iterator[Call]:
    """The calls of other agents that started before the last change: those for which an agent that has answered waits.

    An agent that waits for people has no call under way, so it delays nobody.
    """
    newest = last_change(state)
    for call in state.calls.values():
        if not call.is_side_call and call.agent != agent.spec.name and call.seen_seq < newest and not call.timed_out_waiting:
            yield call


def _tool_uses(state: RunState) -> Iterator[UseTool | AskApproval]:
    """The tool uses to start now, and those for which people are asked first, as many at a time as the limits allow."""
    if state.bound is not None:
        return
    approvals = approvals_left(state)
    for use in state.uses.values():
        if use.phase == "due" or (use.phase == "new" and approval_of(state, use.tool) == "allow"):
            yield UseTool(action=use.use)
        elif use.phase == "new" and approvals > 0:
            approvals -= 1
            yield AskApproval(action=use.use)


def _waits(state: RunState) -> Iterator[WaitUntil]:
    """The times for which the run waits: retries, stragglers and the end of its wall time."""
    for call in state.calls.values():
        if call.phase == "resting" and state.bound is None:
            yield WaitUntil(until=call.retry_at, event=e.RetryDue(at=call.retry_at, action=call.action))
    delaying = {call.action: call for agent in state.live for call in _delaying_calls(state, agent)}
    for call in delaying.values():
        due = call.started_at + state.team.bounds.straggler_after
        yield WaitUntil(until=due, event=e.StragglerDue(at=due, action=call.action))
    if state.busy and state.bound is None:
        until = state.at + max(0.0, state.team.bounds.wall - state.spent.wall)
        yield WaitUntil(until=until, event=e.BoundReached(at=until, bound="wall"))


def _delaying_calls(state: RunState, agent: AgentState) -> Iterator[Call]:
    """The calls of others that keep an agent, which would vote again, from being called."""
    votes_next = agent.idle and not agent.is_waiting and _own_call(state, agent) is None and not vote_counts(state, agent)
    return _older_calls(state, agent) if votes_next else iter(())
