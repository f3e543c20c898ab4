"""Carrying a run on as far as it goes without anybody: settle, record what follows, ask, start calls. No I/O."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from orchestrator_bridge.model.limits.road import Hold
from orchestrator_bridge.model.port import Request
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.actions import AskPeople, CallModel, Record, Wait
from orchestrator_bridge.run.admission import Admission
from orchestrator_bridge.run.batch import Batch
from orchestrator_bridge.run.bounds import committed
from orchestrator_bridge.run.cut import fitted
from orchestrator_bridge.run.decide import decide
from orchestrator_bridge.run.desk import Desk
from orchestrator_bridge.run.request import consumed
from orchestrator_bridge.run.state import RunState


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """A call to be made as soon as its start is stored. `consumed`: positions of the news that its prompt shows."""

    action: str
    request: Request
    consumed: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Advanced:
    """What is to be done once it is stored. `held`: the calls that wait until they are let in."""

    starts: tuple[Start, ...]
    held: frozenset[str]


def conclude(batch: Batch) -> None:
    """Record what follows at once from what has happened so far."""
    while records := [action for action in batch.outstanding if isinstance(action, Record)]:
        for record in records:
            batch.add(replace(record.event, at=batch.now))


def advance(batch: Batch, desk: Desk, admission: Admission, read_to_end: Collection[int]) -> Advanced:
    """Go on until nothing but calls, people and the clock is outstanding.

    Questions that have expired wait in `batch.unread` until their threads are among `read_to_end`.
    """
    starts: dict[str, Start] = {}
    held: set[str] = set()
    while batch.state.end is None:
        batch.unread = desk.look(batch, read_to_end)
        conclude(batch)
        actions = batch.outstanding
        asks = [action for action in actions if isinstance(action, AskPeople)]
        calls = [one for one in actions if isinstance(one, CallModel) and not one.out and one.action not in held]
        for ask in asks:
            desk.ask(batch, ask)
        for start in _start(batch, calls, admission):
            starts[start.action] = start
        held |= {call.action for call in calls} - starts.keys()
        if not asks and not calls:
            break
    live = batch.state.calls
    return Advanced(
        starts=tuple(start for start in starts.values() if start.action in live),
        held=frozenset(action for action in held if action in live and live[action].phase == "held"),
    )


def rung(state: RunState, now: float) -> Sequence[e.Event]:
    """What the clock has done to a run by now."""
    return [replace(action.event, at=now) for action in decide(state) if isinstance(action, Wait) and action.until <= now]


def next_ring(state: RunState) -> float | None:
    """When, by our clock, it does something next."""
    return min((action.until for action in decide(state) if isinstance(action, Wait)), default=None)


def _start(batch: Batch, calls: Sequence[CallModel], admission: Admission) -> Sequence[Start]:
    """Log the start of calls that may go now, as long as what they may cost is within the bound."""
    starts = []
    seen = batch.state.seq
    for call in calls:
        request, left_out = fitted(batch.state, call, seen, admission.excess)
        reserved = admission.reserve(request)
        if committed(batch.state) + (reserved or Decimal(0)) > batch.state.team.bounds.money:
            batch.add(e.BoundReached(at=batch.now, bound="money"))
            break
        hold = admission.enter(batch.state.run, call.action, request)
        if hold is not None:
            _hold(batch, call, request, hold)
            continue
        starts.append(Start(action=call.action, request=request, consumed=consumed(batch.state, call, seen)))
        batch.add(_started(call, request, seen, reserved, batch.now, left_out))
    return starts


def _hold(batch: Batch, call: CallModel, request: Request, hold: Hold) -> None:
    """Log that a call waits, once for each reason."""
    known = batch.state.calls.get(call.action)
    if known is None or known.phase != "held" or known.why != hold.why:
        batch.add(_held(call, request, hold, batch.now))


def _held(call: CallModel, request: Request, hold: Hold, now: float) -> e.CallHeld:
    return e.CallHeld(
        at=now,
        action=call.action,
        attempt=call.attempt,
        agent=call.agent,
        purpose=call.purpose,
        model=request.model,
        why=hold.why,
        until=hold.until,
        question=call.question,
    )


def _started(call: CallModel, request: Request, seen: int, reserved: Decimal | None, now: float, left_out: int) -> e.CallStarted:
    return e.CallStarted(
        at=now,
        action=call.action,
        attempt=call.attempt,
        agent=call.agent,
        purpose=call.purpose,
        model=request.model,
        seen=seen,
        reserved=reserved,
        left_out=left_out,
        question=call.question,
    )
