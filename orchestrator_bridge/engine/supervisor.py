"""The runs of this process: a driver for each that has something to do, woken by inputs, supervised one by one.

A run has a driver only while something but people is awaited. A reply, a click or a deadline wakes it by folding its log;
recently active runs are kept folded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.chat.inbound import Author, ExternalAgent, Place
from orchestrator_bridge.chat.outbound import PrivateReply
from orchestrator_bridge.common.clock import sleep_until
from orchestrator_bridge.engine.driver import DriverContext, RunDriver
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.reducer import fold
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.run.transaction import Transaction
from orchestrator_bridge.store.interface import Corrupted, SchemaTooNew, StoreError
from orchestrator_bridge.team.team import Team

if TYPE_CHECKING:
    from orchestrator_bridge.store.interface import RunSummary


_LOG = logging.getLogger(__name__)

RETRY_BROKEN_AFTER = 30.0
"""Seconds before a run that broke and could not be ended takes another input: what is damaged stays damaged for a while."""

STATE_CACHE_SIZE = 256
"""Sleeping runs that are kept folded."""


class RunSupervisor:
    """Begins runs and brings inputs to them. `last_number` is the highest number of a run so far; `started_here` are this
    process's own.

    `ensure_synced` is awaited before a run is driven; `has_platform` says whether a platform is there to be spoken on; `askable`
    whom agents can ask.
    """

    def __init__(
        self,
        context: DriverContext,
        ensure_synced: Callable[[int], Awaitable[None]],
        has_platform: Callable[[str], bool],
        askable: tuple[str, ...],
    ) -> None:
        self.last_number = 0
        self._context = context
        self._ensure_synced = ensure_synced
        self._has_platform = has_platform
        self._askable = askable
        self._stopped = False
        self.started_here: set[int] = set()
        self._stuck: set[int] = set()
        self._quarantined: set[int] = set()
        self._drivers: dict[int, RunDriver] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._pending_inputs: dict[int, list[inputs.RunInput]] = {}
        self._state_cache: OrderedDict[int, RunState] = OrderedDict()

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
        first: inputs.ExternalQuestion | None = None,
    ) -> int:
        """Begin a run and return its number. `command`: key of the command that asked for it, marked in the same transaction.
        `notices`: what people are told at its beginning. `outside`: the agent outside through whom it came, and `first` what
        that agent asks, in the same transaction too.

        Raises:
            StoreError: it could not be stored, and has not begun.
        """
        self.last_number += 1
        now = self._context.clock.now()
        started = e.RunStarted(
            at=now,
            run=self.last_number,
            task=task,
            team=team,
            place=place,
            by=by,
            askable=self._askable,
            files=files,
            notices=notices,
            outside=outside,
        )
        transaction = Transaction.of_new_run(started)
        if first is not None:
            transaction.add(e.GuestAsked(at=now, action=first.action, ask=first.ask))
        if command:
            transaction.mark_handled(command)
        try:
            await self._append(transaction)
        except StoreError:
            self.last_number -= (
                self.last_number == transaction.state.run
            )  # a run that waits for a full disk takes one number, not many
            raise
        self.started_here.add(transaction.state.run)
        self._cache_state(transaction.state)
        self.deliver(transaction.state.run, inputs.TimerFired())
        return transaction.state.run

    def deliver(self, run: int, run_input: inputs.RunInput) -> None:
        """Hand an input to a run, waking it if it sleeps. After the stop inputs are left to the next start."""
        driver = self._drivers.get(run)
        if self._stopped:
            return
        if run in self._quarantined:
            self._refuse(run, [run_input])
        elif driver is not None:
            driver.deliver(run_input)
        elif run in self._pending_inputs:
            self._pending_inputs[run].append(run_input)
        else:
            self._pending_inputs[run] = [*([inputs.ProcessRestarted()] if run in self._stuck else ()), run_input]
            self._stuck.discard(run)
            self._tasks[run] = asyncio.create_task(self._supervise(run), name=f"run {run}")

    @property
    def active(self) -> tuple[int, ...]:
        """The runs that have something to do."""
        return tuple(self._tasks)

    async def state(self, run: int) -> RunState:
        """A run as it is stored.

        Raises:
            ValueError: there is no such run.
            StoreError: its log cannot be read.
        """
        return self._state_cache.get(run) or await self._read(run)

    async def _read(self, run: int) -> RunState:
        """Fold a run's log. One that makes no sense, or is of a newer release, sets the run aside until the next start.

        Raises:
            ValueError: there is no such run.
            StoreError: its log cannot be read.
        """
        try:
            log = await self._context.store.log(run)
        except (Corrupted, SchemaTooNew) as error:
            self._quarantine(run, error)
            raise
        if not log:
            raise ValueError(f"there is no run {run}")
        try:
            return fold(log)
        except (LookupError, ValueError) as error:
            found = f"the log of run {run} does not hold together ({type(error).__name__}: {error})"
            broken = Corrupted(found, "one that begins with its start and has no gap", "Restore a backup")
            self._quarantine(run, broken)
            raise broken from error

    def _quarantine(self, run: int, error: StoreError) -> None:
        if run not in self._quarantined:
            self._quarantined.add(run)
            _LOG.error("run %s is set aside until the next start, the others go on: %s", run, error)

    async def wait_any_idle(self) -> None:
        """Wait until one of the runs that are awake has ended or sleeps."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Stop every driver where it stands."""
        self._stopped = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Supervision ----------------------------------------------------------------------------------------------------------

    async def _supervise(self, run: int) -> None:
        """Drive one run; what breaks in it is told in its own thread and touches no other."""
        try:
            await self._drive(run)
        except Exception as error:
            if run in self._quarantined:
                return self._refuse(run, self._pending_inputs.pop(run, []))
            _LOG.error("run %s broke: %s", run, error, exc_info=not isinstance(error, StoreError))
            self._drivers.pop(run, None)
            self._pending_inputs[run] = []
            if not await self._fail_run(run, error):
                await sleep_until(self._context.clock, self._context.clock.now() + RETRY_BROKEN_AFTER)
        finally:
            self._drivers.pop(run, None)
            self._tasks.pop(run, None)
            for run_input in self._pending_inputs.pop(run, []):
                self.deliver(run, run_input)

    def _refuse(self, run: int, run_inputs: Sequence[inputs.RunInput]) -> None:
        """What was heard for a run that is set aside stays in the inbox; whoever said it is told."""
        reply = PrivateReply(
            text=f"Run {run} is set aside: its log cannot be read. `townhall doctor` says how to mend it.", tone="warning"
        )
        for run_input in run_inputs:
            if isinstance(run_input, inputs.MessageInThread | inputs.QuestionControlUsed):
                self._context.reply_privately(
                    run_input.message if isinstance(run_input, inputs.MessageInThread) else run_input.used, reply
                )

    async def _drive(self, run: int) -> None:
        await self._ensure_synced(run)
        state = await self.state(run)
        if not self._has_platform(state.place.platform):
            _LOG.warning("run %s rests: it lives on %s, which is not set up", run, state.place.platform)
            self._pending_inputs[run].clear()
            return
        self._state_cache.pop(run, None)
        driver = RunDriver(state, self._context)
        for run_input in self._pending_inputs.pop(run):
            driver.deliver(run_input)
        self._drivers[run] = driver
        await driver.run()
        if driver.state.end is None:
            self._cache_state(driver.state)

    def _cache_state(self, state: RunState) -> None:
        self._state_cache[state.run] = state
        if len(self._state_cache) > STATE_CACHE_SIZE:
            self._state_cache.popitem(last=False)

    async def _fail_run(self, run: int, error: Exception) -> bool:
        """End a run that broke, from what is stored of it; False if it cannot be read or written."""
        try:
            state = await self._read(run)
            if state.end is None:
                transaction = Transaction(state, self._context.clock.now())
                reason = f"Something in Townhall broke ({type(error).__name__}); the log has the details."
                transaction.fail(reason)
                await self._append(transaction)
        except (Corrupted, SchemaTooNew):
            return True  # it is set aside, and that was told
        except (StoreError, ValueError):
            _LOG.exception("run %s could not be ended either; the next fact tries to go on with it", run)
            self._stuck.add(run)
            return False
        return True

    async def _append(self, transaction: Transaction) -> None:
        transaction.finish()
        await self._context.store.append(
            run=transaction.state.run, after=transaction.after, events=transaction.events, rows=transaction.rows
        )
        self._context.on_committed(transaction.state, transaction.rows)


class RunIndex:
    """The runs that have not ended, by their numbers."""

    def __init__(self) -> None:
        self._runs: dict[int, tuple[str, str, str]] = {}

    def recover(self, runs: Iterable[RunSummary]) -> None:
        """Take in those that an earlier process began."""
        self._runs |= {run.run: (run.place.platform, run.place.channel, run.task) for run in runs}

    def update(self, state: RunState) -> None:
        """A run has moved on, or has ended."""
        if state.end is None:
            self._runs[state.run] = (state.place.platform, state.place.channel, state.task)
        else:
            self._runs.pop(state.run, None)

    def in_channel(self, place: Place) -> Sequence[tuple[int, str]]:
        """Those of a place's channel, newest first: number and task."""
        here = (place.platform, place.channel)
        return [(run, task) for run, (*where, task) in sorted(self._runs.items(), reverse=True) if tuple(where) == here]
