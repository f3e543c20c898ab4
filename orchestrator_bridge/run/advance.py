"""Carrying a run on as far as it goes without anybody: settle, record what follows, ask, start calls. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.actions import Action, AskApproval, AskPeople, CallModel, Record, UseTool, Wait
from orchestrator_bridge.run.admission import Admission
from orchestrator_bridge.run.batch import Batch
from orchestrator_bridge.run.decide import decide
from orchestrator_bridge.run.desk import Desk
from orchestrator_bridge.run.start import Start, Starts, start
from orchestrator_bridge.run.state import RunState, ToolUse


@dataclass(frozen=True, kw_only=True, slots=True)
class Advanced:
    """What is to be done once it is stored. `held`: the calls that wait until they are let in; `uses`: tools to be called."""

    starts: tuple[Start, ...]
    held: frozenset[str]
    uses: tuple[ToolUse, ...] = ()


def conclude(batch: Batch) -> None:
    """Record what follows at once from what has happened so far."""
    while records := [action for action in batch.outstanding if isinstance(action, Record)]:
        for record in records:
            batch.add(replace(record.event, at=batch.now))


def advance(batch: Batch, desk: Desk, admission: Admission, read_to_end: Collection[int]) -> Advanced:
    """Go on until nothing but calls, people and the clock is outstanding.

    Questions that have expired wait in `batch.unread` until their threads are among `read_to_end`.
    """
    starts = Starts()
    uses: dict[str, ToolUse] = {}
    while batch.state.end is None:
        batch.unread = desk.look(batch, read_to_end)
        conclude(batch)
        actions = batch.outstanding
        asks = [action for action in actions if isinstance(action, AskPeople)]
        calls = [one for one in actions if isinstance(one, CallModel) and not one.out and one.action not in starts.held]
        for ask in asks:
            desk.ask(batch, ask)
        start(batch, calls, admission, desk, starts)
        tools = _use_tools(batch, desk, actions)
        uses |= {use.use: use for use in tools}
        if not (asks or calls or tools or any(isinstance(action, AskApproval) for action in actions)):
            break
    return _advanced(batch.state, starts, uses, admission)


def _advanced(state: RunState, starts: Starts, uses: Mapping[str, ToolUse], admission: Admission) -> Advanced:
    for action in starts.go.keys() - state.calls.keys():
        admission.withdraw(state.run, action, starts.go.pop(action).attempt)
    held = (action for action in starts.held if action in state.calls and state.calls[action].phase == "held")
    live = tuple(use for action, use in uses.items() if action in state.uses)
    return Advanced(starts=tuple(starts.go.values()), held=frozenset(held), uses=live)


def _use_tools(batch: Batch, desk: Desk, actions: Sequence[Action]) -> list[ToolUse]:
    """Ask people where they have to be asked, and log the start of what may be called."""
    started = []
    for action in actions:
        use = batch.state.uses.get(action.action) if isinstance(action, UseTool | AskApproval) else None
        if use is None:
            continue
        if isinstance(action, AskApproval):
            desk.approve(batch, use)
        else:
            started.append(use)
            batch.add(_starting(batch, use))
    return started


def _starting(batch: Batch, use: ToolUse) -> e.ToolStarted:
    tool = use.tool
    who = use.approved_by or batch.state.approved.get((tool.called, tool.digest), "")
    return e.ToolStarted(
        at=batch.now,
        action=use.use,
        agent=use.agent,
        server=tool.server,
        tool=tool.name,
        arguments=use.arguments,
        approved_by=who,
    )


def rung(state: RunState, now: float) -> Sequence[e.Event]:
    """What the clock has done to a run by now."""
    return [replace(action.event, at=now) for action in decide(state) if isinstance(action, Wait) and action.until <= now]


def next_ring(state: RunState) -> float | None:
    """When, by our clock, it does something next."""
    return min((action.until for action in decide(state) if isinstance(action, Wait)), default=None)
