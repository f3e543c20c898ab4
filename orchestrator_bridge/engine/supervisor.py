"""The supervisor: starts runs, keeps a driver for each run with something to do, and isolates the failures of runs.

A run has a driver only while something other than people is awaited. A reply, a click or a deadline wakes an idle run: its log is
folded, or its state is taken from the cache.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.chat.inbound import Author, ExternalAgent, Place, ThreadPosition
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import sleep_until
from orchestrator_bridge.common.log_fields import log_fields
from orchestrator_bridge.engine.driver import DriverContext, RunDriver
from orchestrator_bridge.engine.mailbox import InputReceiver, Mailbox
from orchestrator_bridge.engine.run_states import LocalRuns, NumberSequence, RunStates
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.conversation import Continuation
from orchestrator_bridge.run.decide import AskQuestion
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.store.interface import Corrupted, SchemaTooNew, StoreError
from orchestrator_bridge.team.team import Team

_LOG = logging.getLogger(__name__)

RETRY_BROKEN_AFTER = 30.0
"""Seconds before a run that failed, and could not be ended, takes another input: what broke it is likely to break it again."""


class RunSupervisor(InputReceiver):
    """Starts runs and drives them. It attaches itself to the mailbox.

    `askable` are the names that agents can ask, as written into the log of each new run.
    """

    def __init__(
        self,
        context: DriverContext,
        *,
        mailbox: Mailbox,
        states: RunStates,
        local_runs: LocalRuns,
        numbers: NumberSequence,
        askable: tuple[str, ...],
    ) -> None:
        self._context = context
        self._states = states
        self._local_runs = local_runs
        self._numbers = numbers
        self._askable = askable
        self._stopped = False
        self._stuck: set[int] = set()
        self._drivers: dict[int, RunDriver] = {}
        self._tasks = BackgroundTasks()
        self._pending_inputs: dict[int, list[inputs.RunInput]] = {}
        mailbox.attach(self)

    async def start_run(
        self,
        *,
        task: str,
        team: Team,
        place: Place,
        by: Author,
        command: str = "",
        files: tuple[AttachmentContent, ...] = (),
        notices: tuple[str, ...] = (),
        outside: ExternalAgent | None = None,
        thread: ThreadPosition | None = None,
        model: str = "",
        continues: Continuation | None = None,
    ) -> int:
        """Start a run and return its number. All of it is stored in one transaction.

        `command`: key of the inbound command that is handled by this. `notices`: lines that people see at the start of the run.
        `outside`: the external agent that started it. `thread`: the thread in which the task was given, to be read. `model`: the
        model that was named for this run alone. `continues`: the conversation of which it is the next turn.

        Raises:
            StoreError: the run could not be stored, and was not started.
        """
        transaction = self._new_run(
            task=task,
            team=team,
            place=place,
            by=by,
            files=files,
            notices=notices,
            outside=outside,
            model=model,
            continues=continues,
            thread=thread,
        )
        if command:
            transaction.mark_handled(command)
        return await self._begin(transaction)

    async def start_external_run(
        self, *, task: str, team: Team, place: Place, by: Author, outside: ExternalAgent, first: inputs.ExternalQuestion
    ) -> RunState:
        """Start a run with the first question of an external agent. If that is refused, nothing is stored; the state has the
        reason.

        Raises:
            StoreError: the run could not be stored, and was not started.
        """
        transaction = self._new_run(task=task, team=team, place=place, by=by, outside=outside)
        transaction.add(e.GuestAsked(at=transaction.now, action=first.action, ask=first.ask))
        for action in transaction.pending_actions:
            if isinstance(action, AskQuestion):
                self._context.questions.ask(transaction, action)
        if transaction.state.questions:
            await self._begin(transaction)
        else:
            self._numbers.give_back(transaction.state.run)
        return transaction.state

    def _new_run(
        self,
        *,
        task: str,
        team: Team,
        place: Place,
        by: Author,
        files: tuple[AttachmentContent, ...] = (),
        notices: tuple[str, ...] = (),
        outside: ExternalAgent | None = None,
        thread: ThreadPosition | None = None,
        model: str = "",
        continues: Continuation | None = None,
    ) -> Transaction:
        return Transaction.of_new_run(
            e.RunStarted(
                at=self._context.clock.now(),
                run=self._numbers.next(),
                task=task,
                team=team,
                place=place,
                by=by,
                askable=self._askable,
                files=files,
                notices=notices,
                outside=outside,
                thread=thread,
                model=model,
                continues=continues,
            )
        )

    async def _begin(self, transaction: Transaction) -> int:
        """Store a new run and drive it."""
        run = transaction.state.run
        try:
            await self._append(transaction)
        except StoreError:
            self._numbers.give_back(run)  # a command that waits for a full disk uses one number, not one a try
            raise
        self._local_runs.started.add(run)
        self._states.cache(transaction.state)
        self.receive(run, inputs.TimerFired())
        return run

    def receive(self, run: int, run_input: inputs.RunInput) -> None:
        """Pass an input to the driver of its run; without a driver, start one."""
        driver = self._drivers.get(run)
        if self._stopped:
            return
        if self._states.is_quarantined(run):
            self._refuse(run, [run_input])
        elif driver is not None:
            driver.deliver(run_input)
        elif run in self._pending_inputs:
            self._pending_inputs[run].append(run_input)
        else:
            restarted = [inputs.ProcessRestarted()] if run in self._stuck else []
            self._stuck.discard(run)
            self._pending_inputs[run] = [*restarted, run_input]
            self._tasks.start(self._supervise(run), run)

    def tools_changed(self, server: str) -> None:
        """Tell the active runs that the tools of a server have changed. Idle runs list the tools when they wake up."""
        for run in self.active:
            self.receive(run, inputs.ToolsChanged(server=server))

    @property
    def active(self) -> tuple[int, ...]:
        """The runs with a driver."""
        return self._tasks.keys

    async def wait_any_idle(self) -> None:
        """Wait until one of the active runs has ended or become idle."""
        await self._tasks.wait_any()

    async def stop(self) -> None:
        """Stop every driver at once; the next start continues from the logs."""
        self._stopped = True
        await self._tasks.stop()

    async def _supervise(self, run: int) -> None:
        """Drive one run. A failure ends this run, is reported in its thread, and affects no other run."""
        try:
            await self._drive(run)
        except Exception as error:
            if self._states.is_quarantined(run):
                return self._refuse(run, self._pending_inputs.pop(run, []))
            _LOG.error("run %s failed: %s", run, error, exc_info=not isinstance(error, StoreError))
            self._drivers.pop(run, None)
            self._pending_inputs[run] = []
            if not await self._fail_run(run, error):
                await sleep_until(self._context.clock, self._context.clock.now() + RETRY_BROKEN_AFTER)
        finally:
            self._drivers.pop(run, None)
            # This task still runs; its key is freed first, so that an input that is left can start the next driver.
            self._tasks.forget(run)
            for run_input in self._pending_inputs.pop(run, []):
                self.receive(run, run_input)

    def _refuse(self, run: int, run_inputs: Sequence[inputs.RunInput]) -> None:
        """Reply to people who address a quarantined run. Their events stay in the inbox and are routed again at the next
        start."""
        reply = PrivateReply(
            text=f"Run {run} is on hold: its log cannot be read. Please ask the operator of this bot to fix it.",
            tone="warning",
        )
        for run_input in run_inputs:
            if isinstance(run_input, inputs.MessageInThread):
                self._context.platforms.reply_privately(run_input.message, reply)
            elif isinstance(run_input, inputs.QuestionControlUsed):
                self._context.platforms.reply_privately(run_input.used, reply)

    async def _drive(self, run: int) -> None:
        with log_fields(run=run):
            driver = await self._start_driver(run)
            if driver is None:
                return
            await driver.run()
        if driver.state.end is None:
            self._states.cache(driver.state)

    async def _start_driver(self, run: int) -> RunDriver | None:
        """Register the driver of a run with the inputs that wait for it; None if the run's platform is not configured."""
        await self._context.history.ensure_synced(run)
        state = await self._states.get(run)
        platforms: Collection[str] = self._context.platforms.by_name
        if state.place.platform not in platforms:
            _LOG.warning("run %s stays idle: its platform, %s, is not configured", run, state.place.platform)
            self._pending_inputs[run].clear()
            return None
        self._states.evict(run)
        # Nothing is awaited until the driver is registered: an input that came in between would start a second driver.
        driver = RunDriver(state, self._context)
        for run_input in self._pending_inputs.pop(run):
            driver.deliver(run_input)
        self._drivers[run] = driver
        return driver

    async def _fail_run(self, run: int, error: Exception) -> bool:
        """End a run that failed, from what is stored of it. False if its log cannot be read or written now."""
        try:
            state = await self._states.read(run)
            if state.end is None:
                transaction = Transaction(state, self._context.clock.now())
                transaction.fail(
                    f"Townhall failed with an internal error ({type(error).__name__}). The log file has the details."
                )
                await self._append(transaction)
        except (Corrupted, SchemaTooNew):
            return True  # the run is quarantined now, which was logged
        except (StoreError, ValueError):
            _LOG.exception("run %s could not be ended; its next input tries to continue it", run)
            self._stuck.add(run)
            return False
        return True

    async def _append(self, transaction: Transaction) -> None:
        transaction.finish()
        await self._context.store.append(
            run=transaction.state.run, after=transaction.after, events=transaction.events, rows=transaction.rows
        )
        self._context.commits.committed(transaction.state, transaction.rows)
