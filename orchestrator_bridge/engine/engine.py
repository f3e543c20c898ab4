"""The engine: composes the parts that run teams, starts and stops them together, and is their public interface.

The parts are created in the order of their dependencies: mailbox, states of runs, router, inbox, outbox, recovery, supervisor.
Nothing is connected after its construction, except that the supervisor attaches itself to the mailbox and subscribes to the
toolbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack

from orchestrator_bridge.chat.adapter import Adapter
from orchestrator_bridge.chat.inbound import (
    Attachment,
    Author,
    CommandReceived,
    ExternalAgent,
    InputClosed,
    Place,
    ThreadPosition,
)
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.engine.answer_stream import AnswerStreams
from orchestrator_bridge.engine.attachments import AttachmentLoader
from orchestrator_bridge.engine.authority import Actor, Authority
from orchestrator_bridge.engine.call_progress import CallProgress, ProgressUpdates
from orchestrator_bridge.engine.commit_listener import CommitListener
from orchestrator_bridge.engine.conversations import Conversations
from orchestrator_bridge.engine.driver import DriverContext
from orchestrator_bridge.engine.external_agents import ExternalAgents
from orchestrator_bridge.engine.inbox import Inbox
from orchestrator_bridge.engine.mailbox import Mailbox
from orchestrator_bridge.engine.memory import DecisionMemory
from orchestrator_bridge.engine.model_gateway import ModelGateway
from orchestrator_bridge.engine.outbox import Outbox
from orchestrator_bridge.engine.platforms import Platforms
from orchestrator_bridge.engine.presence import PresenceCheck
from orchestrator_bridge.engine.recovery import HistorySync, RecoverySnapshot, load_recovery_snapshot
from orchestrator_bridge.engine.router import OnCommand, OnFollowUp, Router
from orchestrator_bridge.engine.run_states import LocalRuns, NumberSequence, RunIndex, RunStates, RunWatchers
from orchestrator_bridge.engine.scheduler import DeadlineScheduler
from orchestrator_bridge.engine.supervisor import RunSupervisor
from orchestrator_bridge.engine.thread_reader import ThreadReader
from orchestrator_bridge.engine.tool_executor import ToolExecutor
from orchestrator_bridge.engine.usage_ledger import OtherProcesses, UsageLedger
from orchestrator_bridge.model.interface import Model
from orchestrator_bridge.model.limits.fair_queue import MINUTE
from orchestrator_bridge.model.limits.limiter import RateLimiter
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.questions.availability import OpenQuestionIndex
from orchestrator_bridge.run.questions.service import QuestionService
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import Store
from orchestrator_bridge.team.authority import Verdict
from orchestrator_bridge.team.budgets import Budgets
from orchestrator_bridge.team.directory import Directory
from orchestrator_bridge.team.team import Team
from orchestrator_bridge.tool.toolbox import Toolbox

MAX_RECOVERED_RUNS = 1000
"""Live runs of an earlier process that autocomplete offers, newest first."""


class Engine:
    """Runs teams. The store, models, clock, directory, adapters and tools are given; the engine owns the objects between them."""

    def __init__(
        self,
        *,
        store: Store,
        models: Model,
        clock: Clock,
        directory: Directory,
        adapters: Sequence[Adapter],
        on_command: OnCommand,
        on_follow_up: OnFollowUp | None = None,
        budgets: Budgets | None = None,
        shared_spending: OtherProcesses | None = None,
        toolbox: Toolbox | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._models = models
        self._toolbox = toolbox or Toolbox({}, {}, clock)
        self._tasks = BackgroundTasks()
        self._platforms = Platforms(adapters, clock, self._tasks)
        by_name = self._platforms.by_name

        self._mailbox = Mailbox()
        self._states = RunStates(store)
        with_members = directory.with_member_lookup(self._platforms.members)
        self.authority = Authority(store, self._states, self._platforms, with_members)
        self.memory = DecisionMemory(store=store, authority=self.authority, platforms=self._platforms, clock=clock)
        self.conversations = Conversations(store, self._states)
        self._local_runs = LocalRuns()
        self._index = RunIndex()
        self._watchers = RunWatchers(self._states, clock)
        self._run_numbers, self._question_numbers = NumberSequence(), NumberSequence()
        self._open_questions = OpenQuestionIndex()
        self._ledger = UsageLedger(budgets or Budgets(), shared_spending)
        self._deadlines = DeadlineScheduler(clock, self._mailbox)

        self._attachments = AttachmentLoader(store, clock, by_name, models)
        self._threads = ThreadReader(clock, by_name, self._attachments)
        self._router = Router(
            store=store,
            clock=clock,
            mailbox=self._mailbox,
            states=self._states,
            index=self._index,
            open_questions=self._open_questions,
            directory=directory,
            authority=self.authority,
            local_runs=self._local_runs,
            platforms=self._platforms,
            attachments=self._attachments,
            conversations=self.conversations,
            on_command=on_command,
            on_follow_up=on_follow_up,
            tasks=self._tasks,
        )
        self._inbox = Inbox(store, clock, self._router, self._platforms)
        self._progress = CallProgress(clock)
        self._outbox = Outbox(
            store,
            by_name,
            clock,
            mailbox=self._mailbox,
            inbox=self._inbox,
            states=self._states,
            tasks=self._tasks,
            progress=self._progress,
        )
        self._history = HistorySync(
            store,
            clock,
            by_name,
            inbox=self._inbox,
            outbox=self._outbox,
            deadlines=self._deadlines,
            states=self._states,
        )

        self._presence = PresenceCheck(
            mailbox=self._mailbox, platforms=self._platforms, states=self._states, history=self._history
        )

        self._gateway = ModelGateway(models, RateLimiter(clock), self._ledger, store)
        streams = AnswerStreams(by_name, clock, self._outbox, self._tasks)
        updates = self._updates = ProgressUpdates(self._progress, self._outbox.show_progress, by_name, clock)
        commits = CommitListener(
            index=self._index,
            streams=streams,
            updates=updates,
            ledger=self._ledger,
            outbox=self._outbox,
            inbox=self._inbox,
            deadlines=self._deadlines,
            open_questions=self._open_questions,
            watchers=self._watchers,
        )
        context = DriverContext(
            store=store,
            gateway=self._gateway,
            streams=streams,
            updates=updates,
            tools=ToolExecutor(self._toolbox, store),
            threads=self._threads,
            clock=clock,
            questions=QuestionService(
                with_members,
                self._question_numbers.next,
                self._local_runs.no_human_reachable,
                self._open_questions,
            ),
            commits=commits,
            deadlines=self._deadlines,
            platforms=self._platforms,
            history=self._history,
            presence=self._presence,
            outbox=self._outbox,
            memory=self.memory,
        )
        self._supervisor = RunSupervisor(
            context,
            mailbox=self._mailbox,
            states=self._states,
            local_runs=self._local_runs,
            numbers=self._run_numbers,
            askable=directory.askable,
        )
        self._toolbox.subscribe(self._supervisor.tools_changed)
        self.external_agents = ExternalAgents(
            store,
            clock,
            mailbox=self._mailbox,
            states=self._states,
            index=self._index,
            watchers=self._watchers,
            supervisor=self._supervisor,
        )

    async def start(self) -> None:
        """Connect the platforms, and continue every run that an earlier process left.

        Raises:
            StoreError: the store cannot be read.
        """
        await self._start(await load_recovery_snapshot(self._store))

    async def start_afresh(self) -> None:
        """Connect the platforms, and leave the runs of earlier processes alone, with their questions and posts: for a single run.

        Raises:
            StoreError: the store cannot be read.
        """
        self._local_runs.ignore_others()
        await self._start(RecoverySnapshot())

    async def _start(self, snapshot: RecoverySnapshot) -> None:
        await self._load_state()
        clock_offsets = {platform: await self._store.clock_offset(platform) for platform in self._platforms.by_name}
        self._history.schedule(snapshot.open_deadlines, snapshot.busy_runs)
        await self._platforms.start(self._inbox.receive)
        self._outbox.recover(snapshot.pending, clock_offsets)
        self._progress.suspect(snapshot.busy_runs)
        self._inbox.start([event for event in snapshot.unhandled if not isinstance(event, InputClosed)])
        for event in snapshot.unhandled:
            if isinstance(event, InputClosed):  # the user who left an earlier process may be back
                self._tasks.start(self._router.mark_handled(event, "of an earlier process"))
        for run in snapshot.busy_runs:
            self._mailbox.deliver(run, inputs.ProcessRestarted())
        self._tasks.start(self._history.repost_cards(snapshot.open_deadlines, snapshot.busy_runs))
        self._tasks.start(self._history.start())
        self._tasks.start(self._presence.check_all(snapshot.open_deadlines))
        self._tasks.start(self._finish_recovery())

    async def _load_state(self) -> None:
        """Load what the parts keep in memory: numbers, sums of budgets and rate limits, live runs, open questions."""
        last_run, last_question = await self._store.highest_ids()
        self._run_numbers.recover(last_run)
        self._question_numbers.recover(last_question)
        now = self._clock.now()
        today = self._ledger.begin_of_day(now)
        self._ledger.load(await self._store.budget_charges(today), await self._store.budget_grants(today))
        self._gateway.recover(await self._store.rate_samples(now - MINUTE))
        live = await self._store.runs(limit=MAX_RECOVERED_RUNS, status="running")
        self._index.recover(live, await self._store.external_question_runs())
        for question in await self._store.open_question_audiences():
            self._open_questions.add(question.question, question.run, question.place, question.people)

    async def _finish_recovery(self) -> None:
        """End the recovery once no card of an earlier process is doubtful and its stored messages are routed."""
        await self._outbox.wait_reconciled()
        await self._inbox.wait_drained()
        self._inbox.recovery_done()

    async def stop(self) -> None:
        """Stop every part, those that produce work first. The next start continues from the store."""
        async with AsyncExitStack() as stack:  # callbacks run in reverse order
            stack.push_async_callback(self._platforms.stop)
            stack.push_async_callback(self._toolbox.close)
            stack.push_async_callback(self._outbox.stop)
            stack.push_async_callback(self._supervisor.stop)
            stack.push_async_callback(self._history.stop)
            stack.push_async_callback(self._presence.stop)
            stack.push_async_callback(self._tasks.stop)
            stack.push_async_callback(self._router.stop)
            stack.push_async_callback(self._inbox.stop)
            stack.push_async_callback(self.external_agents.stop)
            stack.callback(self._deadlines.stop)
            stack.callback(self._updates.stop)

    async def wait_finished(self) -> None:
        """Wait until no run is active and every post was sent, as far as the platforms can be reached."""
        while True:
            await self._inbox.wait_drained()
            await self._tasks.join()
            await self._router.wait_attachments()
            await self._supervisor.wait_any_idle()
            if not self._supervisor.active:
                await self._outbox.wait_drained()
            if not self._supervisor.active and not self._tasks and self._router.idle and self._inbox.empty:
                return

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
        thread: ThreadPosition | None = None,
        model: str = "",
        continues: RunState | None = None,
    ) -> int:
        """Start a run and return its number. `command`: key of the inbound command that this handles, in the same transaction.
        `outside`: the external agent that starts it. `model`: the model that was named for this run alone. `continues`: the run
        that has ended and of whose conversation this is the next turn. `thread`: the thread in which the task was given.

        Raises:
            StoreError: the run could not be stored, and was not started.
        """
        files = await self._attachments.load(place.platform, attachments, team)
        team = team.in_channel(place)
        notices = tuple(notice for model in team.models if (notice := self._models.lifecycle_notice(model)))
        if outside is not None:
            notices = (f"Started by {outside.title}.", *notices)
        earlier = await self.conversations.continuation_of(continues) if continues is not None else None
        return await self._supervisor.start_run(
            task=task,
            team=team,
            place=place,
            by=by,
            command=command,
            files=files,
            notices=notices,
            outside=outside,
            thread=self._threads.readable(thread, place) if team.context_messages else None,
            model=model,
            continues=earlier,
        )

    async def run(self, run: int) -> RunState | None:
        """The state of a run as it is stored; None if there is no such run.

        Raises:
            StoreError: its log cannot be read.
        """
        try:
            return await self._states.get(run)
        except ValueError:
            return None

    def under_way(self, place: Place) -> Sequence[tuple[int, str]]:
        """Number and task of the live runs in a place's channel, newest first. Answered from memory."""
        return self._index.in_channel(place)

    async def wait_ended(self, run: int) -> None:
        """Wait until a run has ended.

        Raises:
            ValueError: there is no such run.
            StoreError: its log cannot be read.
        """
        await self._watchers.wait_until(run, lambda state: state.end is not None)

    def cancel_run(self, run: int, by: Author, command: str) -> None:
        """End a run and close its open questions. `command`: key of the inbound command that this handles."""
        self._mailbox.deliver(run, inputs.CancelRun(by=by, key=command))

    def finish_run(self, run: int, by: Author, command: str) -> None:
        """End a run with the best answer so far. `command`: key of the inbound command that this handles."""
        self._mailbox.deliver(run, inputs.FinishRun(by=by, key=command))

    async def submit_question_command(self, question: int, command: CommandReceived, words: str) -> Verdict:
        """Apply a command to a question: `pass`, `more 1h`, `cancel`, `again`, or an answer, if its author may know of it.

        The transaction that carries the command out also replies to it and marks it as handled.
        """
        access = await self.authority.on_question(question, Actor(person=command.author, here=command.place))
        if access.verdict is Verdict.ALLOWED:
            given = inputs.QuestionCommand(command=command, question=question, words=words, standing=access.standing)
            self._mailbox.deliver(access.run, given)
        return access.verdict

    @property
    def active(self) -> tuple[int, ...]:
        """The runs that wait for something other than people."""
        return self._supervisor.active

    @property
    def started_here(self) -> frozenset[int]:
        """The runs that this process has started."""
        return frozenset(self._local_runs.started)
