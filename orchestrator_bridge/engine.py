"""The engine: the runs, the poster, the receiver and the deadlines, started and stopped together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from orchestrator_bridge.catch_up import CatchUp
from orchestrator_bridge.chat import (
    Adapter,
    Attachment,
    Author,
    CommandReceived,
    InboundEvent,
    InputClosed,
    Note,
    NotSent,
    OutboundPost,
    Place,
    PostedMessage,
    PrivateReply,
    SendRejected,
    SendUncertain,
)
from orchestrator_bridge.clock import Clock, sleep_until
from orchestrator_bridge.deadlines import Deadlines
from orchestrator_bridge.door import Door
from orchestrator_bridge.drafts import Drafts
from orchestrator_bridge.errands import Errands
from orchestrator_bridge.fetcher import Fetcher
from orchestrator_bridge.guests import Guests
from orchestrator_bridge.left_over import LeftOver, left_over
from orchestrator_bridge.live_runs import LiveRuns
from orchestrator_bridge.model.limits.gate import Gate
from orchestrator_bridge.model.limits.window import MINUTE
from orchestrator_bridge.model.port import Model
from orchestrator_bridge.money.budgets import Budgets
from orchestrator_bridge.money.ledger import Ledger
from orchestrator_bridge.open_questions import OpenQuestions
from orchestrator_bridge.outside import ExternalAgent
from orchestrator_bridge.people import Directory
from orchestrator_bridge.poster import Poster
from orchestrator_bridge.receiver import HIGHEST_NUMBER, Receiver
from orchestrator_bridge.router import OnCommand, Router
from orchestrator_bridge.run import facts as f
from orchestrator_bridge.run.desk import Desk
from orchestrator_bridge.run.direct import directly
from orchestrator_bridge.run.driver import Surroundings
from orchestrator_bridge.run.post import run_key
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.runs import Runs
from orchestrator_bridge.store.port import Store, StoreError
from orchestrator_bridge.store.rows import (
    Outgoing,
    QuestionClosed,
    QuestionMoved,
    QuestionOpened,
    QuestionPlaced,
    Row,
    RunClosed,
    RunPlaced,
)
from orchestrator_bridge.team import Team
from orchestrator_bridge.tool.toolbox import Toolbox
from orchestrator_bridge.workbench import Workbench

_LOG = logging.getLogger(__name__)

RECONNECT = 10.0
"""Seconds before what failed for now is tried again."""

RECOVERED = 1000
"""Runs of an earlier process that are offered in pickers, newest first."""


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
        budgets: Budgets | None = None,
        toolbox: Toolbox | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._adapters: Mapping[str, Adapter] = {adapter.platform: adapter for adapter in adapters}
        self._ends: dict[int, asyncio.Event] = {}
        self._live = LiveRuns()
        self._last_question = 0
        self._open_questions = OpenQuestions()
        self._errands = Errands()
        self._models = models
        self._ledger = Ledger(budgets or Budgets())
        self._toolbox = toolbox or Toolbox({}, {}, clock)
        self._toolbox.changed = self._tools_changed
        self._fetcher = Fetcher(store, clock, self._adapters, models)
        self._receiver = Receiver(store, clock, lambda heard, target: self._router.route(heard, target))
        self._deadlines = Deadlines(clock, lambda run, question: self._runs.deliver(run, f.LookAt(question=question)))
        self._poster = Poster(
            store,
            self._adapters,
            clock,
            placed=self._placed,
            unplaceable=self._unplaceable,
            marked=self._places_known,
            instead=self._directly,
        )
        self._door = Door(models, Gate(clock), self._ledger, store)
        self._drafts = Drafts(self._adapters, clock, self._thread_of, self._errands.start)
        around = Surroundings(
            store=store,
            drafts=self._drafts,
            workbench=Workbench(self._toolbox, store),
            door=self._door,
            clock=clock,
            desk=Desk(
                directory.looking_up(self._members),
                self._next_question,
                lambda run: self._router.nobody_there(run),
                self._open_questions,
            ),
            stored=self._stored,
            look_at=self._deadlines.arm,
            tell=self._tell,
            read_thread=lambda question: self._catch_up.read(question),
            trouble=self._trouble,
        )
        self._runs = Runs(
            around,
            before=lambda run: self._catch_up.before(run),
            present=lambda platform: platform in self._adapters,
            askable=directory.askable,
        )
        self._router = Router(
            store=store,
            clock=clock,
            runs=self._runs,
            fetcher=self._fetcher,
            on_command=on_command,
            tell=self._tell,
            errands=self._errands,
        )
        self.guests = Guests(store, clock, self._runs)
        self._catch_up = CatchUp(
            store,
            clock,
            self._adapters,
            self._receiver.receive,
            heard=self._heard,
            sure=self._poster.sure,
            known=self._poster.known,
            arm=self._deadlines.arm,
            state=self._runs.state,
        )

    # Start and stop -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect, settle doubtful posts, hear what came meanwhile, and go on with every run.

        Raises:
            StoreError: the store cannot be read.
        """
        await self._start(await left_over(self._store))

    async def start_afresh(self) -> None:
        """Connect, and leave every run of an earlier process as it is, with its questions and posts: for one run beside them.

        Raises:
            StoreError: the store cannot be read.
        """
        self._router.only_begun = True
        await self._start(LeftOver())

    async def _start(self, left: LeftOver) -> None:
        self._runs.last_number, self._last_question = await self._store.last_numbers()
        now = self._clock.now()
        today = self._ledger.begin_of_day(now)
        self._ledger.load(await self._store.charges(today), await self._store.raises(today))
        self._door.recover(await self._store.sent_since(now - MINUTE))
        behind = {platform: await self._store.behind(platform) for platform in self._adapters}
        self._live.recover(await self._store.runs(limit=RECOVERED, status="running"))
        self.guests.recover(await self._store.guest_runs())
        for one in await self._store.open_for():
            self._open_questions.opened(one.question, one.run, one.place, one.people)
        self._catch_up.expect(left.armed, left.busy)
        for adapter in self._adapters.values():
            await self._connect(adapter)
        self._poster.recover(left.pending, behind)
        self._receiver.start([heard for heard in left.unhandled if not isinstance(heard, InputClosed)])
        for heard in left.unhandled:
            if isinstance(heard, InputClosed):  # whoever left an earlier process may be back
                self._errands.start(self._router.handled(heard, "of an earlier process"))
        for run in left.busy:
            self._runs.deliver(run, f.Restarted())
        self._errands.start(self._catch_up.show_again(left.armed))
        self._errands.start(self._catch_up.start())
        self._errands.start(self._be_sure())

    async def _be_sure(self) -> None:
        """Know of every post of an earlier process whether it arrived, and of what was heard then whom it concerns."""
        await self._poster.sure()
        await self._receiver.idle()
        self._receiver.places_sure()

    async def _connect(self, adapter: Adapter) -> None:
        """Start a platform; one that cannot be reached just now is tried again and holds up no other."""
        try:
            await adapter.start(self._receiver.receive)
        except NotSent as error:
            _LOG.error("%s cannot be reached, which is tried again: %s", adapter.platform, error)
            self._errands.start(self._connect_later(adapter, error.retry_after or RECONNECT))

    async def _connect_later(self, adapter: Adapter, pause: float) -> None:
        await sleep_until(self._clock, self._clock.now() + pause)
        await self._connect(adapter)

    async def stop(self) -> None:
        """Stop where things stand: the next start goes on from there."""
        async with AsyncExitStack() as stack:
            for adapter in self._adapters.values():
                stack.push_async_callback(adapter.stop)
            stack.push_async_callback(self._toolbox.close)
            stack.push_async_callback(self._poster.stop)
            stack.push_async_callback(self._runs.stop)
            stack.push_async_callback(self._catch_up.stop)
            stack.push_async_callback(self._errands.stop)
            stack.push_async_callback(self._router.stop)
            stack.push_async_callback(self._receiver.stop)
            stack.push_async_callback(self.guests.stop)
            stack.callback(self._deadlines.stop)

    async def finished(self) -> None:
        """Wait until no run is awake and all that was to be posted has left, as far as the platforms allow."""
        while True:
            await self._receiver.idle()
            await self._errands.done()
            await self._router.fetched()
            await self._runs.one_sleeps()
            if not self._runs.awake:
                await self._poster.settled()
            if not self._runs.awake and not self._errands and self._router.idle and self._receiver.empty:
                return

    # Runs -----------------------------------------------------------------------------------------------------------------

    async def start_run(
        self,
        *,
        task: str,
        team: Team,
        place: Place,
        by: Author,
        command: str = "",
        attachments: Sequence[Attachment] = (),
        outside: ExternalAgent | None = None,
    ) -> int:
        """Begin a run and return its number. `command`: key of the command that asked for it, marked in the same transaction.
        `outside`: the agent outside that asked for it.

        Raises:
            StoreError: it could not be stored, and has not begun.
        """
        files = await self._fetcher.fetch(place.platform, attachments, team)
        team = team.in_channel(place)
        notices = tuple(notice for model in team.models if (notice := self._models.notice(model)))
        if outside is not None:
            notices = (f"Started by {outside.title}.", *notices)
        return await self._runs.begin(
            task=task, team=team, place=place, by=by, command=command, files=files, notices=notices, outside=outside
        )

    async def run(self, run: int) -> RunState | None:
        """A run as it is stored; None if there is no such run."""
        try:
            return await self._runs.state(run)
        except ValueError:
            return None

    def under_way(self, place: Place) -> Sequence[tuple[int, str]]:
        """Runs of a place's channel that have not ended, newest first: number and task. Answered from memory."""
        return self._live.in_channel(place)

    async def ended(self, run: int) -> None:
        """Wait until a run has ended."""
        end = self._ends.setdefault(run, asyncio.Event())
        state = await self.run(run)
        if state is None or state.end is None:
            await end.wait()

    def cancel_run(self, run: int, by: Author, command: str) -> None:
        """End a run; its open questions are closed. `command`: key of the command that asked for it."""
        self._runs.deliver(run, f.Cancel(by=by, key=command))

    async def tell_question(self, question: int, command: CommandReceived, words: str) -> bool:
        """Do to a question what a command says of it (`pass`, `more 1h`, `cancel`, `again`, or an answer); False: there is none.

        The word back, and the mark on the command, come with the transaction that carries it out.
        """
        known = await self._store.question(question) if 0 < question < HIGHEST_NUMBER else None
        if known is None:
            return False
        self._runs.deliver(known.run, f.Told(command=command, question=question, words=words))
        return True

    @property
    def awake(self) -> tuple[int, ...]:
        """The runs that wait for something but people."""
        return self._runs.awake

    @property
    def begun(self) -> frozenset[int]:
        """The runs that this process has begun."""
        return frozenset(self._runs.begun)

    async def _heard(self) -> None:
        """Wait until all that was received has reached its run, with the files that go along."""
        await self._receiver.idle()
        await self._router.fetched()

    def _next_question(self) -> int:
        self._last_question += 1
        return self._last_question

    # What the parts tell one another --------------------------------------------------------------------------------------

    def _stored(self, state: RunState, rows: Sequence[Row]) -> None:
        """A run's transaction is on disk: post what is to be posted, and look at questions when it is time."""
        self._live.note(state)
        self._drafts.stored(state)
        self._ledger.take(state.place, rows)
        self._poster.take(rows)
        self._places_known(rows)
        for row in rows:
            if isinstance(row, QuestionOpened | QuestionMoved):
                self._deadlines.arm(state.run, row.question, row.fires_at)
            elif isinstance(row, QuestionClosed):
                self._deadlines.disarm(row.question)
            elif isinstance(row, RunClosed) and row.run in self._ends:
                self._ends.pop(row.run).set()
            self._count(state, row)
        self.guests.note(state)

    def _count(self, state: RunState, row: Row) -> None:
        """What is open for whom, for the limits over all runs."""
        match row:
            case QuestionOpened():
                self._open_questions.opened(row.question, state.run, state.place, row.people)
            case QuestionMoved(people=tuple(people)):
                self._open_questions.asks(row.question, people)
            case QuestionClosed():
                self._open_questions.closed(row.question)

    def _members(self, platform: str, group: str) -> Sequence[Author] | None:
        adapter = self._adapters.get(platform)
        return adapter.members(group) if adapter else None

    def _places_known(self, rows: Sequence[Row]) -> None:
        """What was said in a place before we knew that it is ours is heard now."""
        for row in rows:
            if isinstance(row, QuestionPlaced | RunPlaced):
                self._receiver.place_known(row.place)

    def _tools_changed(self, server: str) -> None:
        """Runs that sleep ask for themselves when they wake."""
        for run in self.awake:
            self._runs.deliver(run, f.ToolsMoved(server=server))

    def _trouble(self, state: RunState, text: str) -> None:
        """Tell the people of a run what the store cannot keep, past the outbox."""
        adapter = self._adapters.get(state.place.platform)
        if adapter is not None:
            self._errands.start(self._warn(adapter, state, text))

    async def _warn(self, adapter: Adapter, state: RunState, text: str) -> None:
        key = f"run:{state.run}:trouble:{self._clock.now()}"
        try:
            place = await self._thread_of(state) or state.place
            await adapter.send(OutboundPost(key=key, place=place, post=Note(text=text, tone="warning"), since=self._clock.now()))
        except (StoreError, NotSent, SendUncertain, SendRejected) as error:
            _LOG.warning("the people of run %s could not be told of it: %s", state.run, error)

    async def _thread_of(self, state: RunState) -> Place | None:
        """Where a run is spoken of; None before its card stands.

        Raises:
            StoreError: it cannot be looked up.
        """
        card = await self._poster.receipt(run_key(state.run))
        return replace(state.place, thread=card.thread) if card else None

    def _placed(self, outgoing: Outgoing, posted: PostedMessage, noted_at: float) -> None:
        self._runs.deliver(outgoing.run, f.Placed(outgoing=outgoing, posted=posted, noted_at=noted_at))

    def _unplaceable(self, outgoing: Outgoing, why: str) -> None:
        self._runs.deliver(outgoing.run, f.Unplaceable(outgoing=outgoing, why=why))

    async def _directly(self, refused: Outgoing, why: str) -> Sequence[Outgoing]:
        """What a platform does not take for a run's channel, as it goes to whoever started the run."""
        try:
            return directly(await self._runs.state(refused.run), refused, why, self._clock.now())
        except (StoreError, ValueError) as error:
            _LOG.warning("whoever started run %s could not be told: %s", refused.run, error)
            return ()

    def _tell(self, heard: InboundEvent, word: PrivateReply) -> None:
        adapter = self._adapters.get(heard.place.platform)
        if adapter is not None:
            self._errands.start(adapter.reply_privately(heard, word))
