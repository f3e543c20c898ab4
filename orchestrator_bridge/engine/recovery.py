"""After a start and at an expiry: hear what was said, edited and deleted while nobody listened, before anything is judged.

Read are the threads of open questions and of the runs that live, and no others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator_bridge.chat.adapter import Adapter, NotSent
from orchestrator_bridge.chat.inbound import InboundEvent, InboundHandler, MessageDeleted, MessageReceived, Place
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.run.presentation.posts import question_key, run_key
from orchestrator_bridge.run.presentation.questions import advice, question_card
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import OpenDeadline, PendingPost, Store, StoreError

_LOG = logging.getLogger(__name__)

CONCURRENCY = 8
"""Threads that are read at the same time."""

READ_TIMEOUT, PAUSE = 60.0, 1.0
"""Seconds for which an expired question's thread is tried while its platform cannot be asked, and between two tries."""

STARTUP_BUDGET = 10.0
"""Seconds after the start within which threads are tried again: a refused request is no reason to judge by half of what was said,
a platform that is down none to hold up everything."""


class HistorySync:
    """Reads the threads of open questions, and shows questions again where an earlier process's screen is gone.

    What is read goes to `on_event`, and `wait_inbox_drained` waits until it has reached its run. `wait_reconciled` waits until it
    is known of an earlier process's doubtful cards whether they arrived, `wait_reconciled_key` until it is of one of any process.
    `schedule_check` sets a question's deadline: nothing else can have set it before, for nothing is judged in a run before its
    threads are read.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        adapters: Mapping[str, Adapter],
        on_event: InboundHandler,
        *,
        wait_inbox_drained: Callable[[], Awaitable[None]],
        wait_reconciled: Callable[[], Awaitable[None]],
        wait_reconciled_key: Callable[[str], Awaitable[None]],
        schedule_check: Callable[[int, int, float], None],
        state: Callable[[int], Awaitable[RunState]],
    ) -> None:
        self._store = store
        self._clock = clock
        self._adapters = adapters
        self._receive = on_event
        self._wait_inbox_drained = wait_inbox_drained
        self._wait_reconciled = wait_reconciled
        self._wait_reconciled_key = wait_reconciled_key
        self._schedule_check = schedule_check
        self._state = state
        self._give_up_at = 0.0
        self._unsynced: dict[int, list[OpenDeadline]] = {}
        self._syncing: dict[int, asyncio.Future[None]] = {}
        self._slots = asyncio.Semaphore(CONCURRENCY)

    def schedule(self, deadlines: Sequence[OpenDeadline], busy_runs: Sequence[int] = ()) -> None:
        """These questions were open, and these runs were at work, when the process started, which is now."""
        self._give_up_at = self._clock.now() + STARTUP_BUDGET
        for run in busy_runs:
            self._unsynced.setdefault(run, [])
        for one in deadlines:
            self._unsynced.setdefault(one.run, []).append(one)

    async def start(self) -> None:
        """Catch up on every run with open questions, a few at a time; a run that is woken meanwhile does not wait in line."""
        await asyncio.gather(*(self._sync_all() for _ in range(CONCURRENCY)))

    async def _sync_all(self) -> None:
        while self._unsynced:
            await self.ensure_synced(next(iter(self._unsynced)))

    async def stop(self) -> None:
        """Stop reading; the next start catches up."""
        reading = list(self._syncing.values())
        for one in reading:
            one.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    async def ensure_synced(self, run: int) -> None:
        """Before anything is judged in a run for the first time: its posts are sure, its questions' threads read, then armed."""
        if run in self._unsynced:
            questions = self._unsynced.pop(run)
            self._syncing[run] = asyncio.ensure_future(self._sync_run(run, questions))
        if run in self._syncing:
            await asyncio.shield(self._syncing[run])
            self._syncing.pop(run, None)

    async def _sync_run(self, run: int, questions: Sequence[OpenDeadline]) -> None:
        if self._can_read_history:
            if questions:
                await self._wait_reconciled()
            for one in questions:
                await self._sync_question_thread(one.question)
            await self._sync_run_thread(run)
        for one in questions:
            self._schedule_check(one.run, one.question, one.fires_at)

    @property
    def _can_read_history(self) -> bool:
        return any(adapter.capabilities.can_read_history for adapter in self._adapters.values())

    async def repost_open_questions(self, deadlines: Sequence[OpenDeadline]) -> None:
        """Show open questions once more on platforms that have forgotten what an earlier process showed."""
        forgetful = {name: adapter for name, adapter in self._adapters.items() if adapter.capabilities.loses_history_on_restart}
        for one in deadlines if forgetful else ():
            try:
                state = await self._state(one.run)
                shown = await self._store.sent_post(question_key(one.question))
            except StoreError as error:
                _LOG.info("question %s is not shown again: %s", one.question, error)
                continue
            adapter = forgetful.get(state.place.platform)
            question = state.questions[one.question]
            if adapter is not None and shown is not None and question.open:
                await self._repost(adapter, replace(state.place, thread=shown.thread), state, question, shown)

    async def _repost(self, adapter: Adapter, place: Place, state: RunState, question: Question, shown: PostedMessage) -> None:
        """The question's card, and what agents have said in its thread: people decide with that in view."""
        key = f"{question_key(question.id)}:again"
        await adapter.send(OutboundPost(key=key, place=place, post=question_card(state, question), replaces=shown))
        for number, note in enumerate(advice(question)):
            await adapter.send(OutboundPost(key=f"{key}:{number}", place=place, post=note))

    async def sync_question(self, question: Question) -> None:
        """Hear a question's threads to their ends, or know whether it has one; a platform that is down is tried for a while.

        Raises:
            StoreError: something was said that could not be stored.
        """
        if question.delivery is None:
            await self._wait_reconciled_key(question_key(question.id))
            return
        until = self._clock.now() + READ_TIMEOUT
        for copy in (question.delivery, *question.copied):
            try:
                await self._read_with_retry(copy.place, copy.posted_at, until)
            except NotSent as error:
                _LOG.warning("replies to question %s may be missed: %s", question.id, error)

    async def _sync_run_thread(self, run: int) -> None:
        """Read a run's own thread after the start: what people told its agents meanwhile reaches them before their next call."""
        try:
            card = await self._store.sent_post(run_key(run))
            if card is not None:
                place = replace((await self._state(run)).place, thread=card.thread)
                await self._read_with_retry(place, card.at, self._give_up_at)
        except NotSent as error:
            _LOG.warning("the thread of run %s could not be heard, guidance in it may be missed: %s", run, error)
        except StoreError as error:
            _LOG.info("the thread of run %s is not read: %s", run, error)

    async def _sync_question_thread(self, question: int) -> None:
        """Read a question's thread after the start; where that fails it is read again when the question expires."""
        try:
            known = await self._store.question(question)
            if known is not None and known.place is not None and known.posted_at is not None:
                await self._read_with_retry(known.place, known.posted_at, self._give_up_at)
        except (StoreError, NotSent) as error:
            _LOG.warning("the thread of question %s could not be heard and is read again at its end: %s", question, error)

    async def _read_with_retry(self, place: Place, after: float, until: float) -> None:
        """Read a thread, again and again while its platform cannot be asked, until a time of our clock.

        Raises:
            NotSent: the platform could not be asked by then.
            StoreError: something was said that could not be stored.
        """
        while True:
            try:
                async with self._slots:
                    return await self._sync_thread(place, after)
            except NotSent as error:
                if self._clock.now() >= until:
                    raise
                await sleep_until(self._clock, self._clock.now() + (error.retry_after or PAUSE))

    async def _sync_thread(self, place: Place, after: float) -> None:
        """Hear all that was said in a thread, and what of it was edited or deleted; what is known already changes nothing.

        Raises:
            NotSent: the platform cannot be asked just now.
            StoreError: something was said that could not be stored.
        """
        adapter = self._adapters.get(place.platform)
        if adapter is None or not adapter.capabilities.can_read_history:
            return
        # Looked up first: what arrives while the thread is read is not missing in it.
        known = await self._store.messages_in(place)
        try:
            said: Sequence[MessageReceived] = await adapter.read_thread(place, after)
        except NotSent:
            raise
        except Exception as error:
            _LOG.warning("a thread on %s could not be read, replies in it may be missed: %s", place.platform, error)
            return
        heard: Sequence[MessageReceived | MessageDeleted] = (*said, *self._deleted(known, said, after))
        for one in heard:
            await self._receive(one)
        await self._wait_inbox_drained()

    def _deleted(
        self, known: Sequence[MessageReceived], said: Sequence[MessageReceived], after: float
    ) -> Sequence[MessageDeleted]:
        """What was heard in a thread and does not stand there any more."""
        stands = {one.message for one in said}
        places = {one.message: one.place for one in known if one.at >= after and one.message not in stands}
        return [MessageDeleted(place=place, message=message, at=self._clock.now()) for message, place in places.items()]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecoverySnapshot:
    """Open questions, posts that may not have arrived, things heard, and runs that wait for something but people."""

    open_deadlines: Sequence[OpenDeadline] = ()
    pending: Sequence[PendingPost] = ()
    unhandled: Sequence[InboundEvent] = ()
    busy_runs: Sequence[int] = ()


async def load_recovery_snapshot(store: Store) -> RecoverySnapshot:
    """All of it.

    Raises:
        StoreError: the store cannot be read.
    """
    return RecoverySnapshot(
        open_deadlines=await store.open_deadlines(),
        pending=await store.pending_posts(),
        unhandled=await store.unhandled_events(),
        busy_runs=await store.busy_runs(),
    )
