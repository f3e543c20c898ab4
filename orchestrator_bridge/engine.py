"""The engine: the runs, the poster, the receiver and the deadlines, started and stopped together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

from orchestrator_bridge.catch_up import CatchUp
from orchestrator_bridge.chat import Adapter, Author, Clicked, Commanded, Gone, Inbound, Place, Posted, Said, Unsaid, Word
from orchestrator_bridge.clock import Clock
from orchestrator_bridge.deadlines import Deadlines
from orchestrator_bridge.model.port import Model
from orchestrator_bridge.people import Directory
from orchestrator_bridge.poster import Poster
from orchestrator_bridge.question.desk import Desk
from orchestrator_bridge.receiver import Receiver
from orchestrator_bridge.run import facts as f
from orchestrator_bridge.run.driver import Surroundings
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.runs import Runs
from orchestrator_bridge.store.port import Store, StoreError, Target
from orchestrator_bridge.store.rows import InboxHandled, Outgoing, QuestionClosed, QuestionMoved, QuestionOpened, Row
from orchestrator_bridge.team import Team

_LOG = logging.getLogger(__name__)

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
        self._adapters: Mapping[str, Adapter] = {adapter.platform: adapter for adapter in adapters}
        self._on_command = on_command
        self._gone: set[str] = set()
        self._last_question = 0
        self._others: set[asyncio.Future[None]] = set()
        self._receiver = Receiver(store, clock, self._route)
        self._deadlines = Deadlines(clock, lambda run, question: self._runs.deliver(run, f.LookAt(question=question)))
        self._poster = Poster(store, self._adapters, clock, self._placed, self._unplaceable, self._receiver.place_known)
        around = Surroundings(
            store=store,
            models=models,
            clock=clock,
            desk=Desk(directory, self._next_question, self._gone),
            stored=self._stored,
            tell=self._tell,
            read_thread=lambda question: self._catch_up.read(question),
        )
        self._runs = Runs(around)
        self._catch_up = CatchUp(
            store,
            self._adapters,
            self._receiver,
            arm=lambda one: self._deadlines.arm(one.run, one.question, one.fires_at),
            state=self._runs.state,
        )

    # Start and stop -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect, settle doubtful posts, hear what came meanwhile, and go on with every run.

        Raises:
            StoreError: the store cannot be read.
        """
        self._runs.last_number, self._last_question = await self._store.last_numbers()
        armed = await self._store.armed()
        for adapter in self._adapters.values():
            await adapter.start(self._receiver.receive)
        self._poster.recover(await self._store.pending())
        self._receiver.start(await self._store.unhandled())
        for run in await self._store.busy_runs():
            self._runs.deliver(run, f.Restarted())
        self._spawn(self._catch_up.show_again(armed))
        self._spawn(self._catch_up.start(armed))

    async def stop(self) -> None:
        """Stop where things stand: the next start goes on from there."""
        for adapter in self._adapters.values():
            await adapter.stop()
        self._deadlines.stop()
        await self._receiver.stop()
        await self._runs.stop()
        others = list(self._others)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._poster.stop()

    async def finished(self) -> None:
        """Wait until no run is awake and all that was to be posted has left, as far as the platforms allow."""
        while True:
            await self._receiver.idle()
            await asyncio.gather(*self._others, return_exceptions=True)
            await self._runs.one_sleeps()
            if not self._runs.awake:
                await self._poster.settled()
            if not self._runs.awake and not self._others and self._receiver.empty:
                return

    # Runs -----------------------------------------------------------------------------------------------------------------

    async def start_run(self, *, task: str, team: Team, place: Place, by: Author, command: str = "") -> int:
        """Begin a run and return its number. `command`: key of the command that asked for it, marked in the same transaction.

        Raises:
            StoreError: it could not be stored, and has not begun.
        """
        return await self._runs.begin(task=task, team=team, place=place, by=by, command=command)

    def cancel_run(self, run: int, by: Author, command: str) -> None:
        """End a run; its open questions are closed. `command`: key of the command that asked for it."""
        self._runs.deliver(run, f.Cancel(by=by, key=command))

    @property
    def awake(self) -> tuple[int, ...]:
        """The runs that wait for something but people."""
        return self._runs.awake

    def nobody_there(self, platform: str) -> None:
        """From the start nobody is there on this platform: questions to people fall back at once."""
        self._gone.add(platform)

    def _next_question(self) -> int:
        self._last_question += 1
        return self._last_question

    # What the parts tell one another --------------------------------------------------------------------------------------

    def _stored(self, state: RunState, rows: Sequence[Row]) -> None:
        """A run's transaction is on disk: post what is to be posted, and look at questions when it is time."""
        self._poster.take(rows)
        for row in rows:
            if isinstance(row, QuestionOpened | QuestionMoved):
                self._deadlines.arm(state.run, row.question, row.fires_at)
            elif isinstance(row, QuestionClosed):
                self._deadlines.disarm(row.question)

    def _placed(self, outgoing: Outgoing, posted: Posted) -> None:
        self._runs.deliver(outgoing.run, f.Placed(outgoing=outgoing, posted=posted))
        self._receiver.place_known(replace(outgoing.place, thread=posted.thread))

    def _unplaceable(self, outgoing: Outgoing, why: str) -> None:
        self._runs.deliver(outgoing.run, f.Unplaceable(outgoing=outgoing, why=why))

    def _tell(self, heard: Inbound, word: Word) -> None:
        adapter = self._adapters.get(heard.place.platform)
        if adapter is not None:
            self._spawn(adapter.tell(heard, word))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._others.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Future[None]) -> None:
        self._others.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("a part of the engine broke", exc_info=task.exception())

    # What people do -------------------------------------------------------------------------------------------------------

    async def _route(self, heard: Inbound, target: Target | None) -> None:
        match heard:
            case Commanded():
                self._spawn(self._command(heard))
            case Gone():
                await self._leave(heard)
            case _ if target is not None:
                await self._concerns(heard, target)
            case Clicked():
                self._tell(heard, Word(text=f"There is no question {heard.question}.", tone="warning"))
                await self._handled(heard, "no such question")
            case _:
                await self._handled(heard, "nothing of ours")

    async def _concerns(self, heard: Said | Unsaid | Clicked, target: Target) -> None:
        fact = _fact(heard, target)
        if fact is not None:
            self._runs.deliver(target.run, fact)
        else:
            await self._handled(heard, "guidance cannot be taken back")

    async def _command(self, heard: Commanded) -> None:
        try:
            word = await self._on_command(heard)
        except StoreError as error:
            word = Word(text=f"Not done: {error}", tone="warning")
        except Exception as error:
            _LOG.exception("the command %s broke", heard.name)
            word = Word(text=f"Something in Townhall broke ({type(error).__name__}); the log has the details.", tone="warning")
        if word is not None:
            self._tell(heard, word)
        await self._handled(heard, "")

    async def _leave(self, heard: Gone) -> None:
        """Nobody is there any more: open questions to people of this platform fall back, and later ones too."""
        self._gone.add(heard.place.platform)
        for run in {one.run for one in await self._store.armed()} | set(self._runs.awake):
            self._runs.deliver(run, f.NobodyThere(platform=heard.place.platform))
        await self._handled(heard, "")

    async def _handled(self, heard: Inbound, why: str) -> None:
        await self._store.append(rows=[InboxHandled(key=heard.key, why=why)])


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
