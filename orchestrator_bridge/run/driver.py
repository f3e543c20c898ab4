"""The driver of one run: takes facts, stores what follows from them, starts what is new, and ends when only people are awaited.

One pass is one transaction: every fact that has come in becomes events, `decide` adds what follows, and all of it is stored
before anything of it is done. So a crash at any moment leaves a log from which the same code goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from orchestrator_bridge.chat import Inbound, Word
from orchestrator_bridge.clock import Alarm, Clock, sleep_until
from orchestrator_bridge.duration import say_duration
from orchestrator_bridge.model.port import Message, Model, ModelError, Request, Response, TimedOut
from orchestrator_bridge.question.desk import Desk
from orchestrator_bridge.question.values import Question
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.actions import AskPeople, CallModel, Record, Wait
from orchestrator_bridge.run.batch import Batch
from orchestrator_bridge.run.bounds import committed
from orchestrator_bridge.run.decide import decide
from orchestrator_bridge.run.facts import Fact, Landed, LookAt, Rang
from orchestrator_bridge.run.prompts import final_messages, peer_messages, work_messages
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.run.take import take
from orchestrator_bridge.run.tools import offered
from orchestrator_bridge.store.port import Store, Unwritable
from orchestrator_bridge.store.rows import Row

_LOG = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before a disk that took nothing is tried again, doubled each time."""

LAST_RESORT = 5.0
"""Seconds that a client gets beyond its own time limit before it is given up."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a driver works with. `stored` is told every transaction's rows; `read_thread` hears a question's thread to its end."""

    store: Store
    models: Model
    clock: Clock
    desk: Desk
    stored: Callable[[RunState, Sequence[Row]], None]
    tell: Callable[[Inbound, Word], None]
    read_thread: Callable[[Question], Awaitable[None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Start:
    """A call to be made as soon as its start is stored."""

    action: str
    request: Request
    consumed: tuple[int, ...]


class Driver:
    """Drives one run from facts to events to actions, until it ends or sleeps."""

    def __init__(self, state: RunState, around: Surroundings) -> None:
        self.state = state
        self._around = around
        self._facts: list[Fact] = []
        self._bell = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._read_to_end: set[int] = set()
        self._alarm: Alarm | None = None

    def deliver(self, fact: Fact) -> None:
        """Hand over a fact; it is taken in the next pass."""
        self._facts.append(fact)
        self._bell.set()

    async def drive(self) -> None:
        """Go on until the run ends or only people are awaited, and every fact is taken."""
        try:
            while self._facts or self._tasks or self.state.busy:
                await self._bell.wait()
                self._bell.clear()
                await self._pass()
                self._set_alarm()
        finally:
            self._stop()

    async def _pass(self) -> None:
        facts, self._facts = self._facts, []
        batch = Batch(self.state, self._around.clock.now())
        for fact in facts:
            self._take(batch, fact)
        starts = self._go_on(batch)
        await self._store(batch)
        self._drop_tasks()
        for start in starts:
            self._run(start.action, self._call(start))

    def _take(self, batch: Batch, fact: Fact) -> None:
        if isinstance(fact, Rang):
            for event in _rung(batch.state, batch.now):
                batch.add(event)
        else:
            if isinstance(fact, LookAt) and fact.read:
                self._read_to_end.add(fact.question)
            take(batch, fact, self._around.desk)

    # Deciding -------------------------------------------------------------------------------------------------------------

    def _go_on(self, batch: Batch) -> list[_Start]:
        """Add all that follows until nothing but calls, people and the clock is outstanding; returns the calls to start."""
        starts: dict[str, _Start] = {}
        while batch.state.end is None:
            self._settle(batch)
            actions = decide(batch.state)
            records = [action for action in actions if isinstance(action, Record)]
            asks = [action for action in actions if isinstance(action, AskPeople)]
            calls = [action for action in actions if isinstance(action, CallModel) and not action.out]
            if records:
                for record in records:
                    batch.add(replace(record.event, at=batch.now))
            elif asks:
                for ask in asks:
                    self._around.desk.ask(batch, ask)
            elif calls:
                starts |= self._start(batch, calls)
            else:
                break
        return [start for start in starts.values() if start.action in batch.state.calls]

    def _settle(self, batch: Batch) -> None:
        for number in self._around.desk.look(batch, self._read_to_end):
            name = f"read:{number}"
            if name not in self._tasks:
                self._run(name, self._read(batch.state.questions[number]))

    def _start(self, batch: Batch, calls: list[CallModel]) -> dict[str, _Start]:
        """Log the start of calls, as long as what they may cost is within the bound."""
        starts: dict[str, _Start] = {}
        seen = batch.state.seq
        for call in calls:
            request = make_request(batch.state, call, seen)
            reserved = self._around.models.reserve(request)
            if committed(batch.state) + (reserved or Decimal(0)) > batch.state.team.bounds.money:
                batch.add(e.BoundReached(at=batch.now, bound="money"))
                break
            batch.add(_started(call, request, seen, reserved, batch.now))
            starts[call.action] = _Start(action=call.action, request=request, consumed=_consumed(batch.state, call, seen))
        return starts

    # Storing --------------------------------------------------------------------------------------------------------------

    async def _store(self, batch: Batch) -> None:
        batch.close()
        if batch.events or batch.rows:
            await self._append(batch)
        self.state = batch.state
        self._around.stored(batch.state, batch.rows)
        for heard, word in batch.words:
            self._around.tell(heard, word)

    async def _append(self, batch: Batch) -> None:
        """Store the batch, however long the disk takes no more: nothing that was paid for is let go."""
        pause = FIRST_PAUSE
        run = batch.state.run if batch.events else 0
        while True:
            try:
                return await self._around.store.append(run=run, after=batch.after, events=batch.events, rows=batch.rows)
            except Unwritable as error:
                _LOG.error("run %s waits for the store: %s", batch.state.run, error)
            await sleep_until(self._around.clock, self._around.clock.now() + pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    # Acting ---------------------------------------------------------------------------------------------------------------

    async def _call(self, start: _Start) -> None:
        result = await _respond(self._around.models, start.request)
        self.deliver(Landed(action=start.action, consumed=start.consumed, result=result))

    async def _read(self, question: Question) -> None:
        await self._around.read_thread(question)
        self.deliver(LookAt(question=question.id, read=True))

    def _run(self, name: str, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._finished(name, task))

    def _finished(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
        self._bell.set()

    def _drop_tasks(self) -> None:
        """Calls that nobody waits for any more are cut short."""
        for name, task in list(self._tasks.items()):
            if not name.startswith("read:") and name not in self.state.calls:
                task.cancel()
                del self._tasks[name]

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        waits = [action.until for action in decide(self.state) if isinstance(action, Wait)]
        self._alarm = self._around.clock.call_at(min(waits), self._ring) if waits else None

    def _ring(self) -> None:
        self.deliver(Rang())

    def _stop(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        for task in self._tasks.values():
            task.cancel()


def _rung(state: RunState, now: float) -> list[e.Event]:
    return [replace(action.event, at=now) for action in decide(state) if isinstance(action, Wait) and action.until <= now]


async def _respond(models: Model, request: Request) -> Response | ModelError:
    """One call; a client that hangs or breaks harms its own agent only."""
    try:
        async with asyncio.timeout(request.timeout + LAST_RESORT):
            return await models.respond(request)
    except ModelError as error:
        return error
    except TimeoutError:
        return TimedOut(f"{request.model} gave no answer within {say_duration(request.timeout)}.")
    except Exception as error:
        _LOG.exception("the client of %s broke", request.model)
        return ModelError(f"The client of {request.model} broke ({type(error).__name__}).", "The log has the details.")


def _messages(state: RunState, call: CallModel, seen: int) -> tuple[Message, ...]:
    agent = state.agents[call.agent]
    match call.purpose:
        case "work":
            return work_messages(state, agent, seen)
        case "final":
            return final_messages(state, agent, seen)
        case "peer":
            return peer_messages(state, agent, state.questions[call.question or 0])


def make_request(state: RunState, call: CallModel, seen: int) -> Request:
    """The request of a call, showing the log up to `seen`."""
    agent = state.agents[call.agent]
    return Request(
        agent=call.agent,
        model=agent.spec.model,
        messages=_messages(state, call, seen),
        tools=offered(state, agent, seen) if call.purpose == "work" else (),
        timeout=state.team.bounds.call_timeout,
    )


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


def _consumed(state: RunState, call: CallModel, seen: int) -> tuple[int, ...]:
    agent = state.agents[call.agent]
    return tuple(news.seq for news in state.news if agent.seen < news.seq <= seen and news.to in (None, call.agent))
