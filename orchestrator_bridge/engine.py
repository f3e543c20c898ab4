"""The engine: every run's driver, the poster, the receiver and the deadlines, started and stopped together.

A run has a driver only while something but people is awaited. A reply, a click or a deadline wakes it by folding its log;
recently active runs are kept folded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from orchestrator_bridge.chat import Adapter, Author, Clicked, Commanded, Gone, Inbound, Place, Posted, Said, Unsaid, Word
from orchestrator_bridge.clock import Clock
from orchestrator_bridge.deadlines import Deadlines
from orchestrator_bridge.model.port import Model
from orchestrator_bridge.people import Directory
from orchestrator_bridge.poster import Poster
from orchestrator_bridge.question.desk import Desk
from orchestrator_bridge.question.values import Question
from orchestrator_bridge.receiver import Receiver
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run import facts as f
from orchestrator_bridge.run.apply import fold
from orchestrator_bridge.run.batch import Batch
from orchestrator_bridge.run.driver import Driver, Surroundings
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.port import Armed, Store, StoreError, Target
from orchestrator_bridge.store.rows import InboxHandled, Outgoing, QuestionClosed, QuestionMoved, QuestionOpened, Row
from orchestrator_bridge.team import Team

_LOG = logging.getLogger(__name__)

WARM = 256
"""Sleeping runs that are kept folded."""

CATCH_UP = 8
"""Threads that are read at the same time after a start."""

OnCommand = Callable[[Commanded], Awaitable[Word | None]]


class Engine:
    """Runs teams. Made of parts that are given: the store, the models, the clock, who is who, the platforms."""

    def __init__(
        self,
        *,
        store: Store,
        models: Model,
        clock: Clock,
        directory: Directory,
        adapters: Sequence[Adapter],
        on_command: OnCommand,
    ) -> None:
        self._store = store
        self._clock = clock
        self._directory = directory
        self._adapters: Mapping[str, Adapter] = {adapter.platform: adapter for adapter in adapters}
        self._on_command = on_command
        self._gone: set[str] = set()
        self._runs = self._questions = 0
        self._drivers: dict[int, Driver] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._waking: dict[int, list[f.Fact]] = {}
        self._warm: OrderedDict[int, RunState] = OrderedDict()
        self._others: set[asyncio.Task[None]] = set()
        self._idle = asyncio.Event()
        self._receiver = Receiver(store, clock, self._route)
        self._deadlines = Deadlines(clock, lambda run, question: self.deliver(run, f.LookAt(question=question)))
        self._poster = Poster(store, self._adapters, clock, self._placed, self._unplaceable, self._receiver.place_known)
        desk = Desk(directory, self._next_question, self._gone)
        self._around = Surroundings(
            store=store,
            models=models,
            clock=clock,
            desk=desk,
            stored=self._stored,
            tell=self._tell,
            read_thread=self._read_thread,
        )

    # Start and stop -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect, settle doubtful posts, hear what came meanwhile, and go on with every run.

        Raises:
            StoreError: the store cannot be read.
        """
        self._runs, self._questions = await self._store.last_numbers()
        armed = await self._store.armed()
        for adapter in self._adapters.values():
            await adapter.start(self._receiver.receive)
        self._poster.recover(await self._store.pending())
        self._receiver.start(await self._store.unhandled())
        for run in await self._store.busy_runs():
            self.deliver(run, f.Restarted())
        self._spawn(self._catch_up(armed), "catch-up")

    async def stop(self) -> None:
        """Stop where things stand: the next start goes on from there."""
        for adapter in self._adapters.values():
            await adapter.stop()
        self._deadlines.stop()
        await self._receiver.stop()
        tasks = [*self._tasks.values(), *self._others]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._poster.stop()

    async def finished(self) -> None:
        """Wait until no run is under way and all that was to be posted has left, as far as the platforms allow."""
        while True:
            await self._receiver.idle()
            await asyncio.gather(*self._others, return_exceptions=True)
            if self._tasks:
                await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
                continue
            await self._poster.settled()
            if not self._tasks and not self._others and self._receiver.empty:
                return

    async def _catch_up(self, armed: Sequence[Armed]) -> None:
        """Read the threads of open questions first, then arm their deadlines: a reply in time must not be too late for us."""
        gate = asyncio.Semaphore(CATCH_UP)

        async def one(question: Armed) -> None:
            async with gate:
                await self._read_place(question.question)
            self._deadlines.arm(question.run, question.question, question.fires_at)

        if not any(adapter.capabilities.findable for adapter in self._adapters.values()):
            for question in armed:
                self._deadlines.arm(question.run, question.question, question.fires_at)
            return
        await asyncio.gather(*(one(question) for question in armed))

    # Runs -----------------------------------------------------------------------------------------------------------------

    async def start_run(self, *, task: str, team: Team, place: Place, by: Author, command: str = "") -> int:
        """Begin a run and return its number. `command`: key of the command that asked for it, marked in the same transaction.

        Raises:
            StoreError: it could not be stored, and has not begun.
        """
        self._runs += 1
        started = e.RunStarted(at=self._clock.now(), run=self._runs, task=task, team=team, place=place, by=by)
        batch = Batch.of_new_run(started)
        if command:
            batch.handled(command)
        await self._store.append(run=started.run, after=0, events=batch.events, rows=batch.rows)
        self._warm[started.run] = batch.state
        self._poster.take(batch.rows)
        self.deliver(started.run, f.Rang())
        return started.run

    def cancel_run(self, run: int, by: Author, command: str) -> None:
        """End a run; its open questions are closed. `command`: key of the command that asked for it."""
        self.deliver(run, f.Cancel(by=by, key=command))

    def deliver(self, run: int, fact: f.Fact) -> None:
        """Hand a fact to a run, waking it if it sleeps."""
        driver = self._drivers.get(run)
        if driver is not None:
            driver.deliver(fact)
        elif run in self._waking:
            self._waking[run].append(fact)
        else:
            self._waking[run] = [fact]
            self._tasks[run] = asyncio.create_task(self._supervise(run), name=f"run {run}")

    async def _supervise(self, run: int) -> None:
        """Drive one run; what breaks in it is told in its own thread and touches no other."""
        try:
            await self._drive(run)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            _LOG.exception("run %s broke", run)
            await self._break(run, error)
        finally:
            facts = self._waking.pop(run, [])
            self._drivers.pop(run, None)
            self._tasks.pop(run, None)
            if facts:
                _LOG.error("run %s lost %s facts; those of people are still in the inbox", run, len(facts))

    async def _drive(self, run: int) -> None:
        state = self._warm.pop(run, None) or fold(await self._store.log(run))
        driver = Driver(state, self._around)
        for fact in self._waking.pop(run):
            driver.deliver(fact)
        self._drivers[run] = driver
        await driver.drive()
        if driver.state.end is None:
            self._keep_warm(driver.state)

    def _keep_warm(self, state: RunState) -> None:
        self._warm[state.run] = state
        if len(self._warm) > WARM:
            self._warm.popitem(last=False)

    async def _break(self, run: int, error: Exception) -> None:
        """End a run that broke, from what is stored."""
        try:
            state = fold(await self._store.log(run))
            if state.end is not None:
                return
            batch = Batch(state, self._clock.now())
            reason = (
                f"Something in Townhall broke ({type(error).__name__}); the log has the details. What was said so far is kept."
            )
            batch.add(e.RunFailed(at=batch.now, reason=reason))
            batch.close()
            await self._store.append(run=run, after=batch.after, events=batch.events, rows=batch.rows)
            self._stored(batch.state, batch.rows)
        except (StoreError, ValueError):
            _LOG.exception("run %s could not be ended either; the next start tries to go on with it", run)

    def _next_question(self) -> int:
        self._questions += 1
        return self._questions

    # What runs and parts tell one another -----------------------------------------------------------------------------------

    def _stored(self, state: RunState, rows: Sequence[Row]) -> None:
        """A run's transaction is on disk: post what is to be posted, and look at questions when it is time."""
        self._poster.take(rows)
        for row in rows:
            if isinstance(row, QuestionOpened | QuestionMoved):
                self._deadlines.arm(state.run, row.question, row.fires_at)
            elif isinstance(row, QuestionClosed):
                self._deadlines.disarm(row.question)

    def _placed(self, outgoing: Outgoing, posted: Posted) -> None:
        self.deliver(outgoing.run, f.Placed(outgoing=outgoing, posted=posted))
        self._receiver.place_known(replace(outgoing.place, thread=posted.thread))

    def _unplaceable(self, outgoing: Outgoing, why: str) -> None:
        self.deliver(outgoing.run, f.Unplaceable(outgoing=outgoing, why=why))

    def _tell(self, heard: Inbound, word: Word) -> None:
        adapter = self._adapters.get(heard.place.platform)
        if adapter is not None:
            self._spawn(adapter.tell(heard, word), "tell")

    def _spawn(self, work: Awaitable[None], name: str) -> None:
        task = asyncio.ensure_future(work)
        self._others.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._others.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("a part of the engine broke", exc_info=task.exception())

    # What people do -------------------------------------------------------------------------------------------------------

    async def _route(self, heard: Inbound, target: Target | None) -> None:
        match heard:
            case Commanded():
                self._spawn(self._command(heard), "command")
            case Gone():
                await self._leave(heard)
            case Clicked() if target is None:
                self._tell(heard, Word(text=f"There is no question {heard.question}.", tone="warning"))
                await self._store.append(rows=[InboxHandled(key=heard.key, why="no such question")])
            case _ if target is not None:
                await self._concerns(heard, target)

    async def _concerns(self, heard: Said | Unsaid | Clicked, target: Target) -> None:
        fact = _fact(heard, target)
        if fact is not None:
            self.deliver(target.run, fact)
        else:
            await self._store.append(rows=[InboxHandled(key=heard.key, why="guidance cannot be taken back")])

    async def _command(self, heard: Commanded) -> None:
        word = await self._on_command(heard)
        if word is not None:
            self._tell(heard, word)
        await self._store.append(rows=[InboxHandled(key=heard.key)])

    async def _leave(self, heard: Gone) -> None:
        """Nobody is there any more: open questions to people of this platform fall back, and later ones too."""
        self._gone.add(heard.place.platform)
        for run in {one.run for one in await self._store.armed()} | set(self._tasks):
            self.deliver(run, f.NobodyThere(platform=heard.place.platform))
        await self._store.append(rows=[InboxHandled(key=heard.key)])

    def nobody_there(self, platform: str) -> None:
        """From the start nobody is there on this platform: questions to people fall back at once."""
        self._gone.add(platform)

    # Reading threads --------------------------------------------------------------------------------------------------------

    async def _read_thread(self, question: Question) -> None:
        delivery = question.delivery
        if delivery is not None:
            await self._read(delivery.place, delivery.posted_at)

    async def _read_place(self, question: int) -> None:
        known = await self._store.question(question)
        if known is not None and known.place is not None and known.posted_at is not None:
            await self._read(known.place, known.posted_at)

    async def _read(self, place: Place, after: float) -> None:
        """Hear all that was said in a thread; what is known already changes nothing."""
        adapter = self._adapters.get(place.platform)
        if adapter is None or not adapter.capabilities.findable:
            return
        try:
            said: Sequence[Said] = await adapter.read(place, after)
        except Exception as error:
            _LOG.warning("a thread on %s could not be read, replies in it may be missed: %s", place.platform, error)
            return
        for one in said:
            await self._receiver.receive(one)
        await self._receiver.idle()


def _fact(heard: Said | Unsaid | Clicked, target: Target) -> f.Fact | None:
    match heard:
        case Said():
            return f.Heard(said=heard, question=target.question)
        case Clicked():
            return f.Pressed(clicked=heard)
        case Unsaid() if target.question is not None:
            return f.TakenBack(unsaid=heard, question=target.question)
        case _:
            return None
