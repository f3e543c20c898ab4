"""`decide(state)`: what is now outstanding in a run. A plain function: no clock, no I/O.

What follows at once from the state (a retirement, a bound, the end) is a `Record`: an event to append before deciding again. What
a clock does is a `Wait`. Deciding twice is harmless.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator_bridge.common.frozen import cached_on_value
from orchestrator_bridge.question import settlement
from orchestrator_bridge.question.model import Ask
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.events import Event, Purpose
from orchestrator_bridge.run.state import AgentState, Call, RunState, converged, last_change, leader, vote_counts
from orchestrator_bridge.run.termination import ending, used_up
from orchestrator_bridge.run.tool_policy import approval_of, approvals_more


@dataclass(frozen=True, kw_only=True, slots=True)
class CallModel:
    """Make this call; `is_under_way` says that it has been started. Attempts count from 1."""

    action: str
    agent: str
    purpose: Purpose
    attempt: int
    question: int | None = None
    is_under_way: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class AskQuestion:
    """Make a question of this, or refuse it."""

    action: str
    agent: str
    ask: Ask


@dataclass(frozen=True, kw_only=True, slots=True)
class UseTool:
    """Call the tool of this use."""

    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AskApproval:
    """Ask people whether this use of a tool may be."""

    action: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AppendEvent:
    """Append this event: it follows from the state."""

    event: Event


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitUntil:
    """Append this event (its `at` aside) when our clock reaches `until`, in seconds, if this is still outstanding then."""

    until: float
    event: Event


Action = CallModel | AskQuestion | UseTool | AskApproval | AppendEvent | WaitUntil


def calls(state: RunState) -> Iterator[CallModel]:
    """Calls under way, and as many new ones as the bound on calls leaves."""
    for call in state.calls.values():
        if call.phase == "out":
            yield _again(call)
    if state.bound is None and state.pause is None:
        left = state.team.bounds.calls - state.spent.calls
        yield from list(startable(state))[: max(0, left)]


def startable(state: RunState) -> Iterator[CallModel]:
    """Calls to be started now, bounds aside."""
    for call in state.calls.values():
        if call.phase in ("due", "held"):
            yield _again(call)
    yield from _peer_calls(state)
    yield from _judge_calls(state)
    if state.external_agent is not None:
        return
    final = _final_call(state)
    if final is not None:
        yield final
        return
    for agent in state.live if not state.unlisted else ():
        if _needs_call(state, agent):
            yield CallModel(
                action=f"work:{agent.spec.name}:{len(agent.turns) + 1}", agent=agent.spec.name, purpose="work", attempt=1
            )


def held_by(state: RunState, agent: AgentState) -> Iterator[Call]:
    """The calls that keep an agent, which would look again, from being called."""
    idle = agent.idle and not agent.is_waiting and _working(state, agent) is None and not vote_counts(state, agent)
    return _holds_up(state, agent) if idle else iter(())


def _again(call: Call) -> CallModel:
    return CallModel(
        action=call.action,
        agent=call.agent,
        purpose=call.purpose,
        attempt=call.attempt + 1 if call.phase == "due" else call.attempt,
        question=call.question,
        is_under_way=call.phase == "out",
    )


def _peer_calls(state: RunState) -> Iterator[CallModel]:
    """One side call for every agent that an open question asks and that has not replied."""
    for question in state.questions.values():
        heard = {reply.author.id for reply in question.replies} | question.passed
        for name in question.peers if question.open else ():
            action = f"peer:{question.id}:{name}"
            if f"agent:{name}" not in heard and action not in state.calls:
                yield CallModel(action=action, agent=name, purpose="peer", attempt=1, question=question.id)


def _judge_calls(state: RunState) -> Iterator[CallModel]:
    """The call of the judge whom a question has fallen to."""
    for question in state.questions.values():
        stage = question.stage if question.open else None
        action = f"judge:{question.id}"
        if stage and not stage.verdict and question.policy.fallback[stage.step].use == "judge" and action not in state.calls:
            yield CallModel(action=action, agent=question.agent, purpose="judge", attempt=1, question=question.id)


def _final_call(state: RunState) -> CallModel | None:
    """The winner writes the final text."""
    winner = leader(state) if converged(state) else None
    action = f"final:{state.finals + 1}"
    if winner is None or action in state.calls or state.agents[winner.agent].retired is not None:
        return None
    return CallModel(action=action, agent=winner.agent, purpose="final", attempt=1)


def _needs_call(state: RunState, agent: AgentState) -> bool:
    if agent.is_waiting or _working(state, agent) is not None:
        return False
    if not agent.idle:
        return True
    return not vote_counts(state, agent) and not any(_holds_up(state, agent))


def _working(state: RunState, agent: AgentState) -> Call | None:
    return next((call for call in state.calls.values() if call.agent == agent.spec.name and not call.is_side_call), None)


def _holds_up(state: RunState, agent: AgentState) -> Iterator[Call]:
    """The others' calls with an older view that an agent which has answered waits for."""
    newest = last_change(state)
    for call in state.calls.values():
        if not call.is_side_call and call.agent != agent.spec.name and call.seen_seq < newest and not call.timed_out_waiting:
            yield call


MALFORMED_TRIES = 3
"""Responses in a row without a usable tool use that retire an agent."""

APPROVED_FOR_RUN = "the tool was approved for the run"


@cached_on_value
def decide(state: RunState) -> tuple[Action, ...]:
    """The questions to be asked, else the records that follow at once, else all that goes on side by side."""
    if state.end is not None:
        return ()
    records = _retirements(state) or _needless(state)
    if state.asks and not records:
        return tuple(_asks(state))
    records = records or ending(state) or _exhausted(state)
    if records:
        return tuple(AppendEvent(event=event) for event in records)
    return (*calls(state), *_tools(state), *_waits(state))


def _asks(state: RunState) -> Iterator[AskQuestion]:
    for action, pending in state.asks.items():
        yield AskQuestion(action=action, agent=pending.agent, ask=pending.ask)


def _tools(state: RunState) -> Iterator[UseTool | AskApproval]:
    """Uses of tools to be called now, and those about which people have to be asked first: not more than they bear at a time."""
    room = approvals_more(state)
    for use in state.uses.values() if state.bound is None else ():
        if use.phase == "due" or (use.phase == "new" and approval_of(state, use.tool) == "allow"):
            yield UseTool(action=use.use)
        elif use.phase == "new" and room > 0:
            room -= 1
            yield AskApproval(action=use.use)


def _needless(state: RunState) -> tuple[Event, ...]:
    """Approvals about which nobody needs to be asked any more, since the tool was approved for the run."""
    return tuple(
        e.QuestionSettled(at=state.at, question=one.id, outcome=settlement.cancelled_outcome(one, state.at, APPROVED_FOR_RUN))
        for one in state.questions.values()
        if one.open and one.ask.kind == "approval" and one.action in state.uses and state.uses[one.action].phase != "asked"
    )


def _retirements(state: RunState) -> tuple[Event, ...]:
    """Agents that cannot go on as they are: with their backup, if they have one, or not at all."""
    own = (agent for agent in state.live if agent.spec.name != state.external_agent)
    return tuple(event for agent in own if (event := _relief(state, agent)) is not None)


def _relief(state: RunState, agent: AgentState) -> Event | None:
    name, failure = agent.spec.name, agent.failure
    if failure is not None and agent.has_backup:
        return e.BackupTaken(at=state.at, agent=name, model=agent.spec.backup or "", reason=failure.found)
    reason = _unfit(agent)
    return e.AgentRetired(at=state.at, agent=name, reason=reason) if reason else None


def _unfit(agent: AgentState) -> str:
    if agent.failure is not None:
        return f"{agent.failure.found} {agent.failure.advice}".strip()
    if agent.malformed >= MALFORMED_TRIES:
        return f"it used its tools wrongly {agent.malformed} times in a row."
    return ""


def _exhausted(state: RunState) -> tuple[Event, ...]:
    bound = used_up(state) if state.bound is None else None
    return (e.BoundReached(at=state.at, bound=bound),) if bound and any(startable(state)) else ()


def _waits(state: RunState) -> Iterator[WaitUntil]:
    for call in state.calls.values():
        if call.phase == "resting" and state.bound is None:
            yield WaitUntil(until=call.retry_at, event=e.RetryDue(at=call.retry_at, action=call.action))
    for call in {call.action: call for agent in state.live for call in held_by(state, agent)}.values():
        due = call.started_at + state.team.bounds.straggler_after
        yield WaitUntil(until=due, event=e.StragglerDue(at=due, action=call.action))
    if state.busy and state.bound is None:
        until = state.at + max(0.0, state.team.bounds.wall - state.spent.wall)
        yield WaitUntil(until=until, event=e.BoundReached(at=until, bound="wall"))
