"""The driver of one run: takes inputs, stores what follows from them, starts what is new, and ends when only people are awaited.

One pass is one transaction: every input that has come in becomes events, `step` adds what follows, and all of it is stored
before anything of it is done. So a crash at any moment leaves a log from which the same code goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from orchestrator_bridge.chat.inbound import InboundEvent
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.common.clock import Alarm, Clock, sleep_until
from orchestrator_bridge.engine.answer_stream import AnswerStreams
from orchestrator_bridge.engine.background import retry_until_writable
from orchestrator_bridge.engine.model_gateway import ModelGateway
from orchestrator_bridge.engine.tool_executor import ToolExecutor
from orchestrator_bridge.model.errors import CircuitOpen
from orchestrator_bridge.model.interface import Response
from orchestrator_bridge.question.model import Question, waiting_end
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.handlers import handle_input
from orchestrator_bridge.run.projection import fires_at
from orchestrator_bridge.run.questions.service import QuestionService
from orchestrator_bridge.run.records import Record
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import RunState, ToolUse
from orchestrator_bridge.run.step import CallToStart, StepResult, next_timer, settle_immediate, step, timer_events
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.store.interface import Conflict, Store, StoreError

_LOG = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds before a thread that could not be read is read again."""

RECHECK_AFTER = 1.0
"""Seconds before a question is looked at again whose time has come without anything to do: the clock may have been set back."""


@dataclass(frozen=True, kw_only=True)
class DriverContext:
    """What a driver works with. `on_committed` is told every transaction's rows; `schedule_check` is when to look at a question
    again; `sync_thread` hears a question's thread to its end; `report_trouble` tells people of a run what the store cannot."""

    store: Store
    gateway: ModelGateway
    streams: AnswerStreams
    tools: ToolExecutor
    clock: Clock
    questions: QuestionService
    on_committed: Callable[[RunState, Sequence[Record]], None]
    schedule_check: Callable[[int, int, float], None]
    reply_privately: Callable[[InboundEvent, PrivateReply], None]
    sync_thread: Callable[[Question], Awaitable[None]]
    report_trouble: Callable[[RunState, str], None]


class RunDriver:
    """Drives one run from inputs to events to actions, until it ends or sleeps."""

    def __init__(self, state: RunState, context: DriverContext) -> None:
        self.state = state
        self._context = context
        self._inputs: list[inputs.RunInput] = []
        self._wakeup = asyncio.Event()
        self._tasks: dict[str, asyncio.Future[None]] = {}
        self._held: frozenset[str] = frozenset()
        self._read_until: dict[int, float] = {}
        self._alarm: Alarm | None = None

    def deliver(self, run_input: inputs.RunInput) -> None:
        """Hand over an input; it is taken in the next pass."""
        self._inputs.append(run_input)
        self._wakeup.set()

    async def run(self) -> None:
        """Go on until the run ends or only people are awaited, and every input is handled."""
        self._list_tools()
        try:
            while self._inputs or self._tasks or self.state.busy:
                await self._wakeup.wait()
                self._wakeup.clear()
                await self._cycle()
                self._set_alarm()
        finally:
            self._stop()

    async def _cycle(self) -> None:
        run_inputs, self._inputs = self._inputs, []
        try:
            await self._commit_cycle(run_inputs)
        except Conflict:
            _LOG.warning("run %s is read again: its log is not where it was left", self.state.run)
            self.state = fold(await self._context.store.log(self.state.run))
            await self._commit_cycle(run_inputs)
        self._recheck(run_inputs)

    async def _commit_cycle(self, run_inputs: Sequence[inputs.RunInput]) -> None:
        """Make one transaction of these inputs and all that follows from them, store it, and do what it says."""
        transaction = Transaction(self.state, self._context.clock.now())
        for run_input in run_inputs:
            self._handle(transaction, run_input)
        advanced = step(transaction, self._context.questions, self._context.gateway, self._read_to_end(transaction.state))
        try:
            await self._commit(transaction)
        except BaseException:
            self._release(advanced.held)
            for start in advanced.starts:
                self._context.gateway.cancel(self.state.run, start.action, start.attempt)
            raise
        _log_failures(transaction)
        self._act(transaction, advanced)
        self._context.on_committed(transaction.state, transaction.rows)
        for event, reply in transaction.replies:
            self._context.reply_privately(event, reply)

    def _handle(self, transaction: Transaction, run_input: inputs.RunInput) -> None:
        """Take one input and what follows from it at once, so that the next one finds a run that is where it would be."""
        if isinstance(run_input, inputs.TimerFired):
            for event in timer_events(transaction.state, transaction.now):
                transaction.add(event)
        elif isinstance(run_input, inputs.ToolsChanged):
            self._spawn(f"list:{run_input.server}", self._list(run_input.server))
        elif isinstance(run_input, inputs.ThreadSynced):
            self._read_until[run_input.question] = run_input.deadline
        else:
            handle_input(transaction, run_input, self._context.questions)
        settle_immediate(transaction)

    def _read_to_end(self, state: RunState) -> frozenset[int]:
        """The questions whose threads were read since their present deadline: more time wants another reading."""
        read = self._read_until.items()
        return frozenset(number for number, until in read if until == waiting_end(state.questions[number]))

    # Storing --------------------------------------------------------------------------------------------------------------

    async def _commit(self, transaction: Transaction) -> None:
        transaction.finish()
        if transaction.events or transaction.rows:
            await self._append(transaction)
        self.state = transaction.state

    async def _append(self, transaction: Transaction) -> None:
        """Store the transaction, however long the disk takes no more: nothing that was paid for is let go."""
        run = transaction.state.run if transaction.events else 0
        append = partial(
            self._context.store.append, run=run, after=transaction.after, events=transaction.events, rows=transaction.rows
        )
        await retry_until_writable(self._context.clock, append, self._report_trouble)

    def _report_trouble(self, error: StoreError) -> None:
        _LOG.error("run %s waits for the store: %s", self.state.run, error)
        self._context.report_trouble(self.state, f"This run waits until its store can be written again. {error}")

    # Acting ---------------------------------------------------------------------------------------------------------------

    def _act(self, transaction: Transaction, result: StepResult) -> None:
        """Start what is new. Calls come before posts: an agent waits for the one, people hardly notice the other."""
        started = {start.action for start in result.starts}
        self._release(self._held - result.held - started)
        self._held = result.held
        self._drop_tasks()
        for start in result.starts:
            self._spawn(start.action, self._call(start))
        for action in result.held:
            if f"wait:{action}" not in self._tasks:
                self._spawn(f"wait:{action}", self._wait(action))
        for use in result.uses:
            self._spawn(f"use:{use.use}", self._use(use))
        for number in transaction.questions_to_sync:
            if f"read:{number}" not in self._tasks:
                self._spawn(f"read:{number}", self._read(self.state.questions[number]))

    def _list_tools(self) -> None:
        """Ask every tool server once, when the run wakes: what it offers may be something else by now."""
        for server in self.state.team.tool_servers if self.state.end is None else ():
            self._spawn(f"list:{server}", self._list(server))

    async def _list(self, server: str) -> None:
        self.deliver(await self._context.tools.list_tools(server))

    async def _use(self, use: ToolUse) -> None:
        blind = () if self._context.gateway.supports_images(self.state.agents[use.agent].model) else (use.agent,)
        self.deliver(await self._context.tools.call(self.state.run, use, blind))

    async def _call(self, start: CallToStart) -> None:
        final = self.state.calls[start.action].purpose == "final"
        on_delta = self._context.streams.open(self.state, start.action) if final else None
        result = await self._context.gateway.call(self.state.run, start.action, start.request, on_delta)
        self._context.streams.call_finished(start.action, self.state, arrived=isinstance(result, Response))
        self.deliver(inputs.CallFinished(action=start.action, consumed=start.consumed, result=result))

    async def _wait(self, action: str) -> None:
        """Wait until a call that is held may go, or has failed without having been made."""
        try:
            await self._context.gateway.wait_for_slot(self.state.run, action)
        except CircuitOpen as error:
            self.deliver(inputs.CallFinished(action=action, consumed=(), result=error))
        else:
            self.deliver(inputs.SlotGranted(action=action))

    def _release(self, actions: Iterable[str]) -> None:
        """These calls will not be made, or not now."""
        for action in actions:
            self._context.gateway.release(self.state.run, action)

    async def _read(self, question: Question) -> None:
        """Read a thread to its end; where that fails, the question is looked at again after a while, and then read again."""
        try:
            await self._context.sync_thread(question)
        except Exception:
            _LOG.exception("the thread of question %s could not be read", question.id)
            await sleep_until(self._context.clock, self._context.clock.now() + PAUSE)
            self.deliver(inputs.CheckQuestion(question=question.id))
        else:
            self.deliver(inputs.ThreadSynced(question=question.id, deadline=waiting_end(question)))

    def _spawn(self, name: str, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._finished(name, task))

    def _finished(self, name: str, task: asyncio.Future[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]
        self._wakeup.set()

    def _drop_tasks(self) -> None:
        """Calls that nobody waits for any more are cut short, and so is waiting for what will not be made."""
        wanted = {*self.state.calls, *(f"wait:{action}" for action in self._held), *(f"use:{use}" for use in self.state.uses)}
        for name, task in list(self._tasks.items()):
            if not name.startswith(("read:", "list:")) and name not in wanted:
                task.cancel()
                del self._tasks[name]

    def _recheck(self, run_inputs: Sequence[inputs.RunInput]) -> None:
        """A look that came before anything was due is repeated."""
        for run_input in run_inputs:
            question = self.state.questions.get(run_input.question) if isinstance(run_input, inputs.CheckQuestion) else None
            if question is not None and question.open:
                soon = self._context.clock.now() + RECHECK_AFTER
                self._context.schedule_check(self.state.run, question.id, max(fires_at(question), soon))

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        ring = next_timer(self.state)
        self._alarm = None if ring is None else self._context.clock.call_at(ring, lambda: self.deliver(inputs.TimerFired()))

    def _stop(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._release(self._held)
        for task in self._tasks.values():
            task.cancel()


def _log_failures(transaction: Transaction) -> None:
    """One line for each call that brought nothing: people read it in the run's thread, and who looks after the bot here."""
    for event in transaction.events:
        if isinstance(event, e.CallFailed):
            model, found = transaction.state.agents[event.agent].spec.model, " ".join(event.found.split())
            level, course = (logging.WARNING, "given up") if event.retry_at is None else (logging.INFO, "tried again")
            _LOG.log(
                level,
                "run %s: a call of %s to %s is %s: %s: %s",
                transaction.state.run,
                event.agent,
                model,
                course,
                event.kind,
                found,
            )
