"""The engine: the runs, the inbox, the outbox and the deadlines, started and stopped together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from orchestrator_bridge.chat.adapter import Adapter, DeliveryError, NotSent
from orchestrator_bridge.chat.inbound import Attachment, Author, CommandReceived, ExternalAgent, InboundEvent, InputClosed, Place
from orchestrator_bridge.chat.outbound import Note, OutboundPost, PostedMessage, PrivateReply
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.engine.answer_stream import AnswerStreams
from orchestrator_bridge.engine.attachments import AttachmentLoader
from orchestrator_bridge.engine.driver import DriverContext
from orchestrator_bridge.engine.external_agents import ExternalAgents
from orchestrator_bridge.engine.inbox import HIGHEST_NUMBER, Inbox
from orchestrator_bridge.engine.model_gateway import ModelGateway
from orchestrator_bridge.engine.outbox import Outbox
from orchestrator_bridge.engine.recovery import HistorySync, RecoverySnapshot, load_recovery_snapshot
from orchestrator_bridge.engine.router import OnCommand, Router
from orchestrator_bridge.engine.scheduler import DeadlineScheduler
from orchestrator_bridge.engine.supervisor import RunIndex, RunSupervisor
from orchestrator_bridge.engine.tool_executor import ToolExecutor
from orchestrator_bridge.engine.usage_ledger import UsageLedger
from orchestrator_bridge.model.interface import Model
from orchestrator_bridge.model.limits.fair_queue import MINUTE
from orchestrator_bridge.model.limits.limiter import RateLimiter
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.presentation.posts import direct_message_fallback, run_key
from orchestrator_bridge.run.questions.availability import OpenQuestionIndex
from orchestrator_bridge.run.questions.service import QuestionService
from orchestrator_bridge.run.records import (
    OutboxEntry,
    QuestionClosed,
    QuestionMessageLinked,
    QuestionOpened,
    QuestionUpdated,
    Record,
    RunClosed,
    RunMessageLinked,
)
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Store, StoreError
from orchestrator_bridge.team.budgets import Budgets
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import Team
from orchestrator_bridge.tool.toolbox import Toolbox

_LOG = logging.getLogger(__name__)

RECONNECT = 10.0
"""Seconds before what failed for now is tried again."""

MAX_RECOVERED_RUNS = 1000
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
        self._run_index = RunIndex()
        self._last_question = 0
        self._open_questions = OpenQuestionIndex()
        self._tasks = BackgroundTasks()
        self._models = models
        self._ledger = UsageLedger(budgets or Budgets())
        self._toolbox = toolbox or Toolbox({}, {}, clock)
        self._toolbox.changed = self._tools_changed
        self._attachments = AttachmentLoader(store, clock, self._adapters, models)
        self._inbox = Inbox(store, clock, lambda event, target: self._router.route(event, target))
        self._deadlines = DeadlineScheduler(
            clock, lambda run, question: self._runs.deliver(run, inputs.CheckQuestion(question=question))
        )
        self._outbox = Outbox(
            store,
            self._adapters,
            clock,
            on_question_posted=self._on_question_posted,
            on_question_undeliverable=self._on_question_undeliverable,
            on_marked=self._register_places,
            fallback_for=self._direct_message_fallback,
        )
        self._gateway = ModelGateway(models, RateLimiter(clock), self._ledger, store)
        self._streams = AnswerStreams(self._adapters, clock, self._thread_of, self._tasks.start)
        around = DriverContext(
            store=store,
            streams=self._streams,
            tools=ToolExecutor(self._toolbox, store),
            gateway=self._gateway,
            clock=clock,
            questions=QuestionService(
                directory.with_member_lookup(self._members),
                self._next_question,
                lambda run: self._router.no_human_reachable(run),
                self._open_questions,
            ),
            on_committed=self._on_committed,
            schedule_check=self._deadlines.schedule,
            reply_privately=self._reply_privately,
            sync_thread=lambda question: self._history_sync.sync_question(question),
            report_trouble=self._report_trouble,
        )
        self._runs = RunSupervisor(
            around,
            ensure_synced=lambda run: self._history_sync.ensure_synced(run),
            has_platform=lambda platform: platform in self._adapters,
            askable=directory.askable,
        )
        self._router = Router(
            store=store,
            clock=clock,
            runs=self._runs,
            attachments=self._attachments,
            on_command=on_command,
            reply_privately=self._reply_privately,
            tasks=self._tasks,
        )
        self.external_agents = ExternalAgents(store, clock, self._runs)
        self._history_sync = HistorySync(
            store,
            clock,
            self._adapters,
            self._inbox.receive,
            wait_inbox_drained=self._wait_inbox_drained,
            wait_reconciled=self._outbox.wait_reconciled,
            wait_reconciled_key=self._outbox.wait_reconciled_key,
            schedule_check=self._deadlines.schedule,
            state=self._runs.state,
        )

    # Start and stop -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Connect, settle doubtful posts, hear what came meanwhile, and go on with every run.

        Raises:
            StoreError: the store cannot be read.
        """
        await self._start(await load_recovery_snapshot(self._store))

    async def start_afresh(self) -> None:
        """Connect, and leave every run of an earlier process as it is, with its questions and posts: for one run beside them.

        Raises:
            StoreError: the store cannot be read.
        """
        self._router.only_own_runs = True
        await self._start(RecoverySnapshot())

    async def _start(self, left: RecoverySnapshot) -> None:
        self._runs.last_number, self._last_question = await self._store.highest_ids()
        now = self._clock.now()
        today = self._ledger.begin_of_day(now)
        self._ledger.load(await self._store.budget_charges(today), await self._store.budget_grants(today))
        self._gateway.recover(await self._store.rate_samples(now - MINUTE))
        behind = {platform: await self._store.clock_offset(platform) for platform in self._adapters}
        self._run_index.recover(await self._store.runs(limit=MAX_RECOVERED_RUNS, status="running"))
        self.external_agents.recover(await self._store.external_question_runs())
        for one in await self._store.open_question_audiences():
            self._open_questions.add(one.question, one.run, one.place, one.people)
        self._history_sync.schedule(left.open_deadlines, left.busy_runs)
        for adapter in self._adapters.values():
            await self._connect(adapter)
        self._outbox.recover(left.pending, behind)
        self._inbox.start([event for event in left.unhandled if not isinstance(event, InputClosed)])
        for event in left.unhandled:
            if isinstance(event, InputClosed):  # whoever left an earlier process may be back
                self._tasks.start(self._router.mark_handled(event, "of an earlier process"))
        for run in left.busy_runs:
            self._runs.deliver(run, inputs.ProcessRestarted())
        self._tasks.start(self._history_sync.repost_open_questions(left.open_deadlines))
        self._tasks.start(self._history_sync.start())
        self._tasks.start(self._finish_recovery())

    async def _finish_recovery(self) -> None:
        """Know of every post of an earlier process whether it arrived, and of what was heard then whom it concerns."""
        await self._outbox.wait_reconciled()
        await self._inbox.wait_drained()
        self._inbox.recovery_done()

    async def _connect(self, adapter: Adapter) -> None:
        """Start a platform; one that cannot be reached just now is tried again and holds up no other."""
        try:
            await adapter.start(self._inbox.receive)
        except NotSent as error:
            _LOG.error("%s cannot be reached, which is tried again: %s", adapter.platform, error)
            self._tasks.start(self._connect_later(adapter, error.retry_after or RECONNECT))

    async def _connect_later(self, adapter: Adapter, pause: float) -> None:
        await sleep_until(self._clock, self._clock.now() + pause)
        await self._connect(adapter)

    async def stop(self) -> None:
        """Stop where things stand: the next start goes on from there."""
        async with AsyncExitStack() as stack:
            for adapter in self._adapters.values():
                stack.push_async_callback(adapter.stop)
            stack.push_async_callback(self._toolbox.close)
            stack.push_async_callback(self._outbox.stop)
            stack.push_async_callback(self._runs.stop)
            stack.push_async_callback(self._history_sync.stop)
            stack.push_async_callback(self._tasks.stop)
            stack.push_async_callback(self._router.stop)
            stack.push_async_callback(self._inbox.stop)
            stack.push_async_callback(self.external_agents.stop)
            stack.callback(self._deadlines.stop)

    async def wait_finished(self) -> None:
        """Wait until no run is awake and all that was to be posted has left, as far as the platforms allow."""
        while True:
            await self._inbox.wait_drained()
            await self._tasks.join()
            await self._router.wait_attachments()
            await self._runs.wait_any_idle()
            if not self._runs.active:
                await self._outbox.wait_drained()
            if not self._runs.active and not self._tasks and self._router.idle and self._inbox.empty:
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
        files = await self._attachments.load(place.platform, attachments, team)
        team = team.in_channel(place)
        notices = tuple(notice for model in team.models if (notice := self._models.lifecycle_notice(model)))
        if outside is not None:
            notices = (f"Started by {outside.title}.", *notices)
        return await self._runs.start_run(
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
        return self._run_index.in_channel(place)

    async def wait_ended(self, run: int) -> None:
        """Wait until a run has ended."""
        end = self._ends.setdefault(run, asyncio.Event())
        state = await self.run(run)
        if state is None or state.end is None:
            await end.wait()

    def cancel_run(self, run: int, by: Author, command: str) -> None:
        """End a run; its open questions are closed. `command`: key of the command that asked for it."""
        self._runs.deliver(run, inputs.CancelRun(by=by, key=command))

    async def submit_question_command(self, question: int, command: CommandReceived, words: str) -> bool:
        """Do to a question what a command says of it (`pass`, `more 1h`, `cancel`, `again`, or an answer); False: there is none.

        The word back, and the mark on the command, come with the transaction that carries it out.
        """
        known = await self._store.question(question) if 0 < question < HIGHEST_NUMBER else None
        if known is None:
            return False
        self._runs.deliver(known.run, inputs.QuestionCommand(command=command, question=question, words=words))
        return True

    @property
    def active(self) -> tuple[int, ...]:
        """The runs that wait for something but people."""
        return self._runs.active

    @property
    def started_here(self) -> frozenset[int]:
        """The runs that this process has begun."""
        return frozenset(self._runs.started_here)

    async def _wait_inbox_drained(self) -> None:
        """Wait until all that was received has reached its run, with the files that go along."""
        await self._inbox.wait_drained()
        await self._router.wait_attachments()

    def _next_question(self) -> int:
        self._last_question += 1
        return self._last_question

    # What the parts tell one another --------------------------------------------------------------------------------------

    def _on_committed(self, state: RunState, rows: Sequence[Record]) -> None:
        """A run's transaction is on disk: post what is to be posted, and look at questions when it is time."""
        self._run_index.update(state)
        self._streams.run_committed(state)
        self._ledger.record(state.place, rows)
        self._outbox.enqueue(rows)
        self._register_places(rows)
        for row in rows:
            if isinstance(row, QuestionOpened | QuestionUpdated):
                self._deadlines.schedule(state.run, row.question, row.fires_at)
            elif isinstance(row, QuestionClosed):
                self._deadlines.cancel(row.question)
            elif isinstance(row, RunClosed) and row.run in self._ends:
                self._ends.pop(row.run).set()
            self._count(state, row)
        self.external_agents.update(state)

    def _count(self, state: RunState, row: Record) -> None:
        """What is open for whom, for the limits over all runs."""
        match row:
            case QuestionOpened():
                self._open_questions.add(row.question, state.run, state.place, row.people)
            case QuestionUpdated(people=tuple(people)):
                self._open_questions.set_audience(row.question, people)
            case QuestionClosed():
                self._open_questions.discard(row.question)

    def _members(self, platform: str, group: str) -> Sequence[Author] | None:
        adapter = self._adapters.get(platform)
        return adapter.members(group) if adapter else None

    def _register_places(self, rows: Sequence[Record]) -> None:
        """What was said in a place before we knew that it is ours is heard now."""
        for row in rows:
            if isinstance(row, QuestionMessageLinked | RunMessageLinked):
                self._inbox.place_registered(row.place)

    def _tools_changed(self, server: str) -> None:
        """Runs that sleep ask for themselves when they wake."""
        for run in self.active:
            self._runs.deliver(run, inputs.ToolsChanged(server=server))

    def _report_trouble(self, state: RunState, text: str) -> None:
        """Tell the people of a run what the store cannot keep, past the outbox."""
        adapter = self._adapters.get(state.place.platform)
        if adapter is not None:
            self._tasks.start(self._warn(adapter, state, text))

    async def _warn(self, adapter: Adapter, state: RunState, text: str) -> None:
        key = f"run:{state.run}:trouble:{self._clock.now()}"
        try:
            place = await self._thread_of(state) or state.place
            await adapter.send(OutboundPost(key=key, place=place, post=Note(text=text, tone="warning"), since=self._clock.now()))
        except (StoreError, DeliveryError) as error:
            _LOG.warning("the people of run %s could not be told of it: %s", state.run, error)

    async def _thread_of(self, state: RunState) -> Place | None:
        """Where a run is spoken of; None before its card stands.

        Raises:
            StoreError: it cannot be looked up.
        """
        card = await self._outbox.sent_message(run_key(state.run))
        return replace(state.place, thread=card.thread) if card else None

    def _on_question_posted(self, outgoing: OutboxEntry, posted: PostedMessage, noted_at: float) -> None:
        self._runs.deliver(outgoing.run, inputs.QuestionDelivered(outgoing=outgoing, posted=posted, noted_at=noted_at))

    def _on_question_undeliverable(self, outgoing: OutboxEntry, why: str) -> None:
        self._runs.deliver(outgoing.run, inputs.QuestionUndeliverable(outgoing=outgoing, why=why))

    async def _direct_message_fallback(self, refused: OutboxEntry, why: str) -> Sequence[OutboxEntry]:
        """What a platform does not take for a run's channel, as it goes to whoever started the run."""
        try:
            return direct_message_fallback(await self._runs.state(refused.run), refused, why, self._clock.now())
        except (StoreError, ValueError) as error:
            _LOG.warning("whoever started run %s could not be told: %s", refused.run, error)
            return ()

    def _reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        adapter = self._adapters.get(event.place.platform)
        if adapter is not None:
            self._tasks.start(adapter.reply_privately(event, reply))
