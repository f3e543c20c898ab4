"""The driver of one run: turns inputs into a transaction, stores it, and starts the calls that follow from it.

One cycle is one transaction: all inputs that have arrived become events, `step` adds what follows, and everything is stored
before any of it is acted on. So a crash at any moment leaves a log from which the same code continues.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Alarm, Clock, sleep_until
from orchestrator_bridge.engine.answer_stream import AnswerStreams
from orchestrator_bridge.engine.call_progress import ProgressUpdates
from orchestrator_bridge.engine.commit_listener import CommitListener
from orchestrator_bridge.engine.memory import DecisionMemory
from orchestrator_bridge.engine.model_gateway import ModelGateway
from orchestrator_bridge.engine.outbox import Outbox
from orchestrator_bridge.engine.platforms import Platforms
from orchestrator_bridge.engine.presence import PresenceCheck
from orchestrator_bridge.engine.recovery import HistorySync
from orchestrator_bridge.engine.retry import FOR_OPERATOR, retry_until_writable
from orchestrator_bridge.engine.scheduler import DeadlineScheduler
from orchestrator_bridge.engine.thread_reader import ThreadReader
from orchestrator_bridge.engine.tool_executor import ToolExecutor
from orchestrator_bridge.model.errors import CircuitOpen
from orchestrator_bridge.model.interface import Response
from orchestrator_bridge.question.decisions import Recollection
from orchestrator_bridge.question.model import Question, waiting_end
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.decide import AskQuestion
from orchestrator_bridge.run.handlers import handle_input
from orchestrator_bridge.run.projection import fires_at
from orchestrator_bridge.run.questions.service import QuestionService
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import RunState, ToolUse
from orchestrator_bridge.run.step import CallToStart, StepResult, next_timer, settle_immediate, step, timer_events
from orchestrator_bridge.run.tool_policy import READ_THREAD
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.store.interface import Conflict, Store, StoreError

_LOG = logging.getLogger(__name__)

READ_RETRY_DELAY = 1.0
"""Seconds before a thread that could not be read is read again."""

RECHECK_DELAY = 1.0
"""Seconds before a question is checked again whose deadline fired with nothing due: the clock may have been set back."""


@dataclass(frozen=True, kw_only=True)
class DriverContext:
    """The parts of the engine that every driver works with."""

    store: Store
    gateway: ModelGateway
    streams: AnswerStreams
    updates: ProgressUpdates
    tools: ToolExecutor
    threads: ThreadReader
    clock: Clock
    questions: QuestionService
    commits: CommitListener
    deadlines: DeadlineScheduler
    platforms: Platforms
    history: HistorySync
    presence: PresenceCheck
    outbox: Outbox
    memory: DecisionMemory


class RunDriver:
    """Drives one run until it ends, or until nothing but a person's reply can change it.

    Keys of its tasks: the action of a model call; `wait:ACTION` for a call that waits for admission; `use:ACTION` for a tool
    call; `read:QUESTION` for a thread that is being read, `read:context` for that of the task; `list:SERVER` for the tools of a
    server; `recall:ACTION` for a look-up of earlier decisions before a question is asked.
    """

    def __init__(self, state: RunState, context: DriverContext) -> None:
        self.state = state
        self._context = context
        self._inputs: list[inputs.RunInput] = []
        self._wakeup = asyncio.Event()
        self._tasks = BackgroundTasks(on_done=self._wakeup.set)
        self._held: frozenset[str] = frozenset()
        self._read_until: dict[int, float] = {}
        self._recalled: dict[str, Recollection] = {}
        self._alarm: Alarm | None = None

    def deliver(self, run_input: inputs.RunInput) -> None:
        """Add an input to the next cycle."""
        self._inputs.append(run_input)
        self._wakeup.set()

    async def run(self) -> None:
        """Repeat cycles while there are inputs, tasks, or work that a timer will start."""
        # Every tool server is asked for its tools when the run wakes up: they may have changed meanwhile.
        for server in self.state.team.tool_servers if self.state.end is None else ():
            self._tasks.start(self._list(server), f"list:{server}")
        if self.state.awaits_context:
            self._tasks.start(self._read_context(), "read:context")
        try:
            while self._inputs or self._tasks or self.state.busy:
                await self._wakeup.wait()
                self._wakeup.clear()
                await self._cycle()
                self._set_alarm()
        finally:
            if self._alarm is not None:
                self._alarm.cancel()
            self._release(self._held)
            self._tasks.cancel_all()

    async def _cycle(self) -> None:
        run_inputs, self._inputs = self._inputs, []
        try:
            await self._commit_cycle(run_inputs)
        except Conflict:
            _LOG.warning("the log of run %s has moved on; it is read again", self.state.run)
            self.state = fold(await self._context.store.log(self.state.run))
            await self._commit_cycle(run_inputs)
        self._recheck(run_inputs)

    async def _commit_cycle(self, run_inputs: Sequence[inputs.RunInput]) -> None:
        """Make one transaction of these inputs and what follows from them, store it, then act on it."""
        context = self._context
        transaction = Transaction(self.state, context.clock.now())
        for run_input in run_inputs:
            self._handle(transaction, run_input)
        read = self._synced_questions(transaction.state)
        result = step(transaction, context.questions, context.gateway, read, self._recalled)
        try:
            await self._commit(transaction)
        except BaseException:
            # Admission was granted in memory only: calls that are not in the log will not be made by this driver.
            self._release(result.held)
            for start in result.starts:
                context.gateway.cancel(self.state.run, start.action, start.attempt)
            raise
        _log_failed_calls(transaction)
        self._act(transaction, result)
        context.commits.committed(transaction.state, transaction.rows)
        context.presence.follow(transaction.state, transaction.events)
        for event, reply in transaction.replies:
            context.platforms.reply_privately(event, reply)

    def _handle(self, transaction: Transaction, run_input: inputs.RunInput) -> None:
        """Add one input, and what follows from it at once: the next input meets the run in the state that it expects."""
        match run_input:
            case inputs.TimerFired():
                for event in timer_events(transaction.state, transaction.now):
                    transaction.add(event)
            case inputs.ToolsChanged():
                self._tasks.start(self._list(run_input.server), f"list:{run_input.server}")
            case inputs.CheckPeople():
                self._context.presence.start(transaction.state, run_input.question)
            case inputs.ThreadSynced():
                self._read_until[run_input.question] = run_input.deadline
            case inputs.DecisionsRecalled():
                self._recalled[run_input.action] = run_input.recalled
            case _:
                handle_input(transaction, run_input, self._context.questions)
        settle_immediate(transaction)

    def _synced_questions(self, state: RunState) -> frozenset[int]:
        """The questions whose threads were read for their present deadline. An extended deadline needs another reading."""
        read = self._read_until.items()
        return frozenset(number for number, until in read if until == waiting_end(state.questions[number]))

    async def _commit(self, transaction: Transaction) -> None:
        """Store the transaction; retry until the disk is writable, so that paid responses are not lost."""
        transaction.finish()
        if transaction.events or transaction.rows:
            run = transaction.state.run if transaction.events else 0
            append = partial(
                self._context.store.append, run=run, after=transaction.after, events=transaction.events, rows=transaction.rows
            )
            await retry_until_writable(self._context.clock, append, self._report_delay)
        self.state = transaction.state

    def _report_delay(self, error: StoreError) -> None:
        _LOG.error("run %s waits until the store can be written: %s", self.state.run, error)
        self._context.outbox.warn(
            self.state, f"This run waits until its store can be written again: {error.found}. {FOR_OPERATOR}"
        )

    def _act(self, transaction: Transaction, result: StepResult) -> None:
        """Start what is new. Calls come before posts: an agent waits for a call, and people hardly notice a later post."""
        self._release(self._held - result.held - {start.action for start in result.starts})
        self._held = result.held
        self._cancel_unwanted()
        for start in result.starts:
            self._tasks.start(self._call(start), start.action)
        for action in result.held:
            if f"wait:{action}" not in self._tasks:
                self._tasks.start(self._wait(action), f"wait:{action}")
        for use in result.uses:
            self._tasks.start(self._use(use), f"use:{use.use}")
        self._look_up(transaction, result)

    def _look_up(self, transaction: Transaction, result: StepResult) -> None:
        """Start to read what must be known before questions are asked, or before they fall back."""
        self._recalled = {action: found for action, found in self._recalled.items() if action in self.state.asks}
        for ask in result.recalls:
            if f"recall:{ask.action}" not in self._tasks:
                self._tasks.start(self._recall(ask), f"recall:{ask.action}")
        for number in transaction.questions_to_sync:
            if f"read:{number}" not in self._tasks:
                self._tasks.start(self._read(self.state.questions[number]), f"read:{number}")

    def _cancel_unwanted(self) -> None:
        """Cancel calls whose result nobody waits for any more, and waits for calls that will not be made."""
        wanted = {*self.state.calls, *(f"wait:{action}" for action in self._held), *(f"use:{use}" for use in self.state.uses)}
        for key in self._tasks.keys:
            if not key.startswith(("read:", "list:", "recall:")) and key not in wanted:
                self._tasks.cancel(key)

    async def _list(self, server: str) -> None:
        self.deliver(await self._context.tools.list_tools(server))

    async def _read_context(self) -> None:
        self.deliver(await self._context.threads.read_context(self.state))

    async def _recall(self, ask: AskQuestion) -> None:
        recalled = await self._context.memory.before_asking(self.state, ask)
        self.deliver(inputs.DecisionsRecalled(action=ask.action, recalled=recalled))

    async def _use(self, use: ToolUse) -> None:
        if use.tool == READ_THREAD:
            self.deliver(await self._context.threads.use(self.state, use))
            return
        blind = () if self._context.gateway.supports_images(self.state.agents[use.agent].model) else (use.agent,)
        self.deliver(await self._context.tools.call(self.state.run, use, blind))

    async def _call(self, start: CallToStart) -> None:
        final = self.state.calls[start.action].purpose == "final"
        on_delta = self._context.streams.open(self.state, start.action) if final else None
        on_progress = self._context.updates.call_begun(self.state, start.action)
        try:
            result = await self._context.gateway.call(self.state.run, start.action, start.request, on_delta, on_progress)
        finally:
            self._context.updates.progress.end(self.state.run, start.action)
        self._context.streams.call_finished(start.action, self.state, arrived=isinstance(result, Response))
        self.deliver(inputs.CallFinished(action=start.action, consumed=start.consumed, result=result))

    async def _wait(self, action: str) -> None:
        """Wait until a held call may be made, or has failed because its provider is down."""
        try:
            await self._context.gateway.wait_for_slot(self.state.run, action)
        except CircuitOpen as error:
            self.deliver(inputs.CallFinished(action=action, consumed=(), result=error))
        else:
            self.deliver(inputs.SlotGranted(action=action))

    def _release(self, actions: Iterable[str]) -> None:
        for action in actions:
            self._context.gateway.release(self.state.run, action)

    async def _read(self, question: Question) -> None:
        """Read a question's thread to its end. If that fails, the question is checked after a while, which reads it again."""
        try:
            await self._context.history.sync_question(question)
        except Exception:
            _LOG.exception("the thread of question %s could not be read", question.id)
            await sleep_until(self._context.clock, self._context.clock.now() + READ_RETRY_DELAY)
            self.deliver(inputs.CheckQuestion(question=question.id))
        else:
            self.deliver(inputs.ThreadSynced(question=question.id, deadline=waiting_end(question)))

    def _recheck(self, run_inputs: Sequence[inputs.RunInput]) -> None:
        """Schedule another check of questions that were checked and are still open."""
        for run_input in run_inputs:
            question = self.state.questions.get(run_input.question) if isinstance(run_input, inputs.CheckQuestion) else None
            if question is not None and question.open:
                soon = self._context.clock.now() + RECHECK_DELAY
                self._context.deadlines.schedule(self.state.run, question.id, max(fires_at(question), soon))

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        at = next_timer(self.state)
        self._alarm = None if at is None else self._context.clock.call_at(at, lambda: self.deliver(inputs.TimerFired()))


def _log_failed_calls(transaction: Transaction) -> None:
    """Log one line a failed call, for the operator; people read it in the run's thread."""
    for event in transaction.events:
        if isinstance(event, e.CallFailed):
            level, course = (logging.WARNING, "given up") if event.retry_at is None else (logging.INFO, "tried again")
            _LOG.log(
                level,
                "run %s: a call of %s to %s is %s: %s: %s",
                transaction.state.run,
                event.agent,
                transaction.state.agents[event.agent].spec.model,
                course,
                event.kind,
                " ".join(event.found.split()),
            )
