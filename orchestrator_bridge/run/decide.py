"""`decide(state)`: what is now outstanding in a run. A plain function: no clock, no I/O.

What follows at once from the state (a retirement, a bound, the end) is a `Record`: an event to append before deciding again. What
a clock does is a `Wait`. Deciding twice is harmless.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator_bridge.frozen import once
from orchestrator_bridge.question import settle
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.actions import Action, AppendEvent, AskApproval, AskQuestion, UseTool, WaitUntil
from orchestrator_bridge.run.bounds import used_up
from orchestrator_bridge.run.calls import calls, held_by, startable
from orchestrator_bridge.run.ending import ending
from orchestrator_bridge.run.events import Event
from orchestrator_bridge.run.state import AgentState, RunState
from orchestrator_bridge.run.tooling import approval_of, approvals_more

MALFORMED_TRIES = 3
"""Responses in a row without a usable tool use that retire an agent."""

APPROVED_FOR_RUN = "the tool was approved for the run"


@once
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
        e.QuestionSettled(at=state.at, question=one.id, outcome=settle.cancelled_outcome(one, state.at, APPROVED_FOR_RUN))
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
