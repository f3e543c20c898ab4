"""Carrying a run on as far as it goes without anybody: settle, record what follows, ask, start calls. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from orchestrator_bridge.model.port import Request
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.actions import AskPeople, CallModel, Record, Wait
from orchestrator_bridge.run.batch import Batch
from orchestrator_bridge.run.bounds import committed
from orchestrator_bridge.run.decide import decide
from orchestrator_bridge.run.desk import Desk
from orchestrator_bridge.run.request import consumed, make_request
from orchestrator_bridge.run.state import RunState

Reserve = Callable[[Request], Decimal | None]
"""What a call may cost at most, in US dollars; None if nobody knows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """A call to be made as soon as its start is stored. `consumed`: positions of the news that its prompt shows."""

    action: str
    request: Request
    consumed: tuple[int, ...]


def conclude(batch: Batch) -> None:
    """Record what follows at once from what has happened so far."""
    while records := [action for action in batch.outstanding if isinstance(action, Record)]:
        for record in records:
            batch.add(replace(record.event, at=batch.now))


def advance(batch: Batch, desk: Desk, reserve: Reserve, read_to_end: Collection[int]) -> tuple[Start, ...]:
    """Go on until nothing but calls, people and the clock is outstanding; returns the calls to start.

    Questions that have expired wait in `batch.unread` until their threads are among `read_to_end`.
    """
    starts: dict[str, Start] = {}
    while batch.state.end is None:
        batch.unread = desk.look(batch, read_to_end)
        conclude(batch)
        actions = batch.outstanding
        asks = [action for action in actions if isinstance(action, AskPeople)]
        calls = [action for action in actions if isinstance(action, CallModel) and not action.out]
        for ask in asks:
            desk.ask(batch, ask)
        for start in _start(batch, calls, reserve):
            starts[start.action] = start
        if not asks and not calls:
            break
    return tuple(start for start in starts.values() if start.action in batch.state.calls)


def rung(state: RunState, now: float) -> Sequence[e.Event]:
    """What the clock has done to a run by now."""
    return [replace(action.event, at=now) for action in decide(state) if isinstance(action, Wait) and action.until <= now]


def next_ring(state: RunState) -> float | None:
    """When, by our clock, it does something next."""
    return min((action.until for action in decide(state) if isinstance(action, Wait)), default=None)


def _start(batch: Batch, calls: Sequence[CallModel], reserve: Reserve) -> Sequence[Start]:
    """Log the start of calls, as long as what they may cost is within the bound."""
    starts = []
    seen = batch.state.seq
    for call in calls:
        request = make_request(batch.state, call, seen)
        reserved = reserve(request)
        if committed(batch.state) + (reserved or Decimal(0)) > batch.state.team.bounds.money:
            batch.add(e.BoundReached(at=batch.now, bound="money"))
            break
        starts.append(Start(action=call.action, request=request, consumed=consumed(batch.state, call, seen)))
        batch.add(_started(call, request, seen, reserved, batch.now))
    return starts


def _started(call: CallModel, request: Request, seen: int, reserved: Decimal | None, now: float) -> e.CallStarted:
    return e.CallStarted(
        at=now,
        action=call.action,
        attempt=call.attempt,
        agent=call.agent,
        purpose=call.purpose,
        model=request.model,
        seen=seen,
        reserved=reserved,
        question=call.question,
    )
