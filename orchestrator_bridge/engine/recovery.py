"""Recovery: what an earlier process left in the store, and the messages that people wrote while no process was listening.

A question may not expire before the replies that were in time are read. So after a start the threads of open questions and of
live runs are read first, and only then are the deadlines scheduled: a deadline that passed while the bot was down would otherwise
let the question fall back although the answer stands in its thread. When a question expires later, its thread is read again for
the same reason: a platform may have failed to deliver a reply.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator_bridge.chat.adapter import Adapter, NotSent
from orchestrator_bridge.chat.inbound import InboundEvent, MessageDeleted, MessageReceived, Place
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.engine.inbox import Inbox
from orchestrator_bridge.engine.outbox import Outbox
from orchestrator_bridge.engine.run_states import RunStates
from orchestrator_bridge.engine.scheduler import DeadlineScheduler
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.run.presentation.posts import question_key, run_key
from orchestrator_bridge.run.presentation.questions import advice, question_card
from orchestrator_bridge.run.presentation.run import render_run_card
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import OpenDeadline, PendingPost, Store, StoreError

_LOG = logging.getLogger(__name__)

CONCURRENCY = 8
"""Threads that are read at the same time."""

READ_TIMEOUT, RETRY_DELAY = 60.0, 1.0
"""Seconds for which the thread of an expired question is tried while its platform cannot be reached, and between two tries."""

STARTUP_BUDGET = 10.0
"""Seconds after the start within which threads are tried again. A refused request is no reason to judge by half of the replies,
and a platform that is down is no reason to delay everything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecoverySnapshot:
    """State that an earlier process left: open questions, posts that may not have arrived, unhandled events, and runs with work
    to do."""

    open_deadlines: Sequence[OpenDeadline] = ()
    pending: Sequence[PendingPost] = ()
    unhandled: Sequence[InboundEvent] = ()
    busy_runs: Sequence[int] = ()


async def load_recovery_snapshot(store: Store) -> RecoverySnapshot:
    """Read the snapshot from the store.

    Raises:
        StoreError: the store cannot be read.
    """
    return RecoverySnapshot(
        open_deadlines=await store.open_deadlines(),
        pending=await store.pending_posts(),
        unhandled=await store.unhandled_events(),
        busy_runs=await store.busy_runs(),
    )


class HistorySync:
    """Reads threads for messages that were not delivered, and shows open questions again on platforms that forgot them.

    Messages that are read go to the inbox like any other event, so that a message known already changes nothing.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        adapters: Mapping[str, Adapter],
        *,
        inbox: Inbox,
        outbox: Outbox,
        deadlines: DeadlineScheduler,
        states: RunStates,
    ) -> None:
        self._store = store
        self._clock = clock
        self._adapters = adapters
        self._inbox = inbox
        self._outbox = outbox
        self._deadlines = deadlines
        self._states = states
        self._give_up_at = 0.0
        self._unsynced: dict[int, list[OpenDeadline]] = {}
        self._syncing = BackgroundTasks()
        self._slots = asyncio.Semaphore(CONCURRENCY)

    def schedule(self, deadlines: Sequence[OpenDeadline], busy_runs: Sequence[int] = ()) -> None:
        """Note the questions and runs of an earlier process whose threads are to be read. Called at the start of the process."""
        self._give_up_at = self._clock.now() + STARTUP_BUDGET
        for run in busy_runs:
            self._unsynced.setdefault(run, [])
        for deadline in deadlines:
            self._unsynced.setdefault(deadline.run, []).append(deadline)

    async def start(self) -> None:
        """Synchronise every noted run, a few at a time. A run that wakes up meanwhile does not wait for its turn."""
        await asyncio.gather(*(self._sync_all() for _ in range(CONCURRENCY)))

    async def _sync_all(self) -> None:
        # No two workers take the same run: `ensure_synced` removes it before it waits for anything.
        while self._unsynced:
            await self.ensure_synced(next(iter(self._unsynced)))

    async def stop(self) -> None:
        """Stop reading; the next start reads the threads again."""
        await self._syncing.stop()

    async def ensure_synced(self, run: int) -> None:
        """Synchronise a run before its first transaction in this process; returns at once if that was done."""
        questions = self._unsynced.pop(run, None)
        if questions is not None:
            self._syncing.start(self._sync_run(run, questions), run)
        syncing = self._syncing.get(run)
        if syncing is not None:
            # Shielded: other callers wait for the same task, which must not end with a caller that is cancelled.
            await asyncio.shield(syncing)

    async def _sync_run(self, run: int, questions: Sequence[OpenDeadline]) -> None:
        """Find doubtful cards, read the threads, then schedule the deadlines: in this order, see the top of this module."""
        if any(adapter.capabilities.can_read_history for adapter in self._adapters.values()):
            if questions:
                await self._outbox.wait_reconciled()
            for deadline in questions:
                await self._sync_question_thread(deadline.question)
            await self._sync_run_thread(run)
        for deadline in questions:
            self._deadlines.schedule(deadline.run, deadline.question, deadline.fires_at)

    async def repost_cards(self, deadlines: Sequence[OpenDeadline], busy_runs: Sequence[int]) -> None:
        """Show live runs and open questions again on platforms that lose their history with the process, such as the terminal."""
        forgetful = {name: adapter for name, adapter in self._adapters.items() if adapter.capabilities.loses_history_on_restart}
        if forgetful:
            await self._repost_runs(forgetful, sorted({*busy_runs, *(deadline.run for deadline in deadlines)}))
            await self._repost_questions(forgetful, deadlines)

    async def _repost_runs(self, forgetful: Mapping[str, Adapter], runs: Sequence[int]) -> None:
        for run in runs:
            try:
                state, shown = await self._states.get(run), await self._store.sent_post(run_key(run))
            except StoreError as error:
                _LOG.info("run %s is not shown again: %s", run, error)
                continue
            adapter = forgetful.get(state.place.platform)
            if adapter is not None and shown is not None and state.end is None:
                key, card = f"{run_key(run)}:again", render_run_card(state)
                await adapter.send(OutboundPost(key=key, place=state.place, post=card, replaces=shown))

    async def _repost_questions(self, forgetful: Mapping[str, Adapter], deadlines: Sequence[OpenDeadline]) -> None:
        for deadline in deadlines:
            try:
                state = await self._states.get(deadline.run)
                shown = await self._store.sent_post(question_key(deadline.question))
            except StoreError as error:
                _LOG.info("question %s is not shown again: %s", deadline.question, error)
                continue
            adapter = forgetful.get(state.place.platform)
            question = state.questions[deadline.question]
            if adapter is not None and shown is not None and question.open:
                await self._repost(adapter, replace(state.place, thread=shown.thread), state, question, shown)

    async def _repost(self, adapter: Adapter, place: Place, state: RunState, question: Question, shown: PostedMessage) -> None:
        """Post a question's card and the advice of agents in its thread: people decide with both in view."""
        key = f"{question_key(question.id)}:again"
        await adapter.send(OutboundPost(key=key, place=place, post=question_card(state, question), replaces=shown))
        for number, note in enumerate(advice(question)):
            await adapter.send(OutboundPost(key=f"{key}:{number}", place=place, post=note))

    async def sync_question(self, question: Question) -> None:
        """Read the threads of an expired question to their end; if its card may not have arrived, wait until that is known.

        A platform that cannot be reached is tried for `READ_TIMEOUT`; after that, the question is judged by what is known.

        Raises:
            StoreError: a message could not be stored.
        """
        if question.delivery is None:
            await self._outbox.wait_reconciled_key(question_key(question.id))
            return
        until = self._clock.now() + READ_TIMEOUT
        for copy in (question.delivery, *question.copied):
            try:
                await self._read_with_retry(copy.place, copy.posted_at, until)
            except NotSent as error:
                _LOG.warning("replies to question %s may be missed: %s", question.id, error)

    async def _sync_run_thread(self, run: int) -> None:
        """Read a run's own thread: guidance that people wrote meanwhile reaches the agents before their next model call."""
        try:
            card = await self._store.sent_post(run_key(run))
            if card is not None:
                place = replace((await self._states.get(run)).place, thread=card.thread)
                await self._read_with_retry(place, card.at, self._give_up_at)
        except NotSent as error:
            _LOG.warning("the thread of run %s could not be read; guidance in it may be missed: %s", run, error)
        except StoreError as error:
            _LOG.info("the thread of run %s is not read: %s", run, error)

    async def _sync_question_thread(self, question: int) -> None:
        """Read a question's thread. If that fails, it is read again when the question expires."""
        try:
            known = await self._store.question(question)
            if known is not None and known.place is not None and known.posted_at is not None:
                await self._read_with_retry(known.place, known.posted_at, self._give_up_at)
        except (StoreError, NotSent) as error:
            _LOG.warning("the thread of question %s could not be read, and is read again when it expires: %s", question, error)

    async def _read_with_retry(self, place: Place, after: float, until: float) -> None:
        """Read a thread from the time `after` on. While its platform cannot be reached, try again until the time `until`.

        Raises:
            NotSent: the platform could not be reached by then.
            StoreError: a message could not be stored.
        """
        while True:
            try:
                async with self._slots:
                    return await self._read_thread(place, after)
            except NotSent as error:
                if self._clock.now() >= until:
                    raise
                await sleep_until(self._clock, self._clock.now() + (error.retry_after or RETRY_DELAY))

    async def _read_thread(self, place: Place, after: float) -> None:
        """Pass everything that was written, edited or deleted in a thread to the inbox, and wait until it has reached its run.

        Raises:
            NotSent: the platform cannot be reached now.
            StoreError: a message could not be stored.
        """
        adapter = self._adapters.get(place.platform)
        if adapter is None or not adapter.capabilities.can_read_history:
            return
        # Looked up before the thread is read: a message that arrives in between would otherwise look deleted.
        known = await self._store.messages_in(place)
        try:
            found: Sequence[MessageReceived] = await adapter.read_thread(place, after)
        except NotSent:
            raise
        except Exception as error:
            _LOG.warning("a thread on %s could not be read; replies in it may be missed: %s", place.platform, error)
            return
        events: Sequence[MessageReceived | MessageDeleted] = (*found, *self._deleted(known, found, after))
        for event in events:
            await self._inbox.receive(event)
        await self._inbox.wait_delivered()

    def _deleted(
        self, known: Sequence[MessageReceived], found: Sequence[MessageReceived], after: float
    ) -> Sequence[MessageDeleted]:
        """A deletion for each message that the store knows and that is not in the thread any more."""
        existing = {message.message for message in found}
        places = {message.message: message.place for message in known if message.at >= after and message.message not in existing}
        return [MessageDeleted(place=place, message=message, at=self._clock.now()) for message, place in places.items()]
