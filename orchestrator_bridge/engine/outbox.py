"""Sends the outbox: one lane a channel, in order within a thread, questions and final answers first.

A row of the outbox is written before anything is sent, and marked after. So a row that is still unsent at a start is doubtful:
whether it arrived is asked of the platform before it is sent again. What a platform cannot be asked is sent again; that, and an
effect whose mark is lost, is the window in which a post can double on such a platform.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from orchestrator_bridge.chat.adapter import Adapter, NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.outbound import Note, OutboundPost, PostedMessage, QuestionCard, RunCard
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.engine.background import retry_until_writable
from orchestrator_bridge.engine.channel_queue import ChannelQueue, QueuedPost
from orchestrator_bridge.run.presentation.posts import closing_key
from orchestrator_bridge.run.records import OutboxEntry, PostDropped, PostFailed, PostSent, Record, RunMessageLinked
from orchestrator_bridge.store.interface import PendingPost, Store, StoreError

_LOG = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Seconds before a failed sending is tried again, doubled each time."""

RECONCILE_TIMEOUT = 30.0
"""Seconds that others wait at most for doubtful cards to be looked for, after a start and before a question falls back unseen."""

PROGRESS = 5
"""The priority from which on an edit only shows progress."""

SENT_CACHE_SIZE = 5000
"""Receipts kept in memory; older ones are looked up in the store."""


@dataclass(slots=True)
class _Worker:
    """The task that empties one lane, and the bell that tells it of something new."""

    queue: ChannelQueue = field(default_factory=ChannelQueue)
    wakeup: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None


class Outbox:
    """Takes stored rows and brings them to their platforms.

    `placed(outgoing, posted, noted_at)` is told of a question's card that people can see, and since when by our clock;
    `on_question_undeliverable` of one that they never will; `on_marked` of the rows by which a receipt was stored. `fallback_for`
    gives what is to be posted in the place of a post that its platform refuses.
    """

    def __init__(
        self,
        store: Store,
        adapters: Mapping[str, Adapter],
        clock: Clock,
        *,
        on_question_posted: Callable[[OutboxEntry, PostedMessage, float], None],
        on_question_undeliverable: Callable[[OutboxEntry, str], None],
        on_marked: Callable[[Sequence[Record]], None],
        fallback_for: Callable[[OutboxEntry, str], Awaitable[Sequence[OutboxEntry]]],
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._clock = clock
        self._on_question_posted = on_question_posted
        self._on_question_undeliverable = on_question_undeliverable
        self._on_marked = on_marked
        self._fallback_for = fallback_for
        self._workers: dict[tuple[str, str], _Worker] = {}
        self._sent: dict[str, PostedMessage] = {}
        self._edited_at: dict[str, float] = {}
        self._clock_offsets: dict[str, float] = {}
        self._uncertain: dict[str, asyncio.Event] = {}
        self._reconciled = asyncio.Event()
        self._order = 0
        self._stopped = False

    def recover(self, pending: Sequence[PendingPost], clock_offsets: Mapping[str, float | None]) -> None:
        """Take what an earlier process left unsent: nobody knows whether it arrived.

        `clock_offsets`: how far the platforms' clocks are behind ours, as earlier posts tell.
        """
        self._clock_offsets |= {platform: known for platform, known in clock_offsets.items() if known is not None}
        for one in pending:
            if one.anchored and one.outgoing.anchor:
                self._remember(one.outgoing.anchor, one.anchored)
            if one.replaced and one.outgoing.replaces:
                self._remember(one.outgoing.replaces, one.replaced)
            self._mark_uncertain(one.outgoing)
            self._enqueue(one.outgoing, doubtful=True)
        self._check_reconciled()

    def enqueue(self, rows: Sequence[Record]) -> None:
        """Take the posts among rows that have just been stored."""
        for row in rows:
            if isinstance(row, OutboxEntry):
                self._enqueue(row, doubtful=False)

    async def wait_reconciled(self) -> None:
        """Wait until it is known of every card of an earlier process whether it arrived, while that is worth waiting for."""
        await self._wait_for(self._reconciled)

    async def wait_reconciled_key(self, key: str) -> None:
        """Wait until a card is not doubtful any more, for as long as that is worth waiting for."""
        if key in self._uncertain:
            await self._wait_for(self._uncertain[key])

    async def _wait_for(self, known: asyncio.Event) -> None:
        late = self._clock.call_at(self._clock.now() + RECONCILE_TIMEOUT, known.set)
        try:
            await known.wait()
        finally:
            late.cancel()

    async def wait_drained(self) -> None:
        """Wait until everything that was taken so far has left or has failed."""
        tasks = [worker.task for worker in self._workers.values() if worker.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def sent_message(self, key: str) -> PostedMessage | None:
        """What became of a post.

        Raises:
            StoreError: it cannot be looked up.
        """
        return self._sent.get(key) or await self._store.sent_post(key)

    async def stop(self) -> None:
        """Stop sending; what is left stays in the outbox."""
        self._stopped = True
        tasks = [worker.task for worker in self._workers.values() if worker.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # Lanes ----------------------------------------------------------------------------------------------------------------

    def _enqueue(self, outgoing: OutboxEntry, doubtful: bool) -> None:
        if outgoing.place.platform not in self._adapters or self._stopped:
            return
        self._order += 1
        worker = self._workers.setdefault((outgoing.place.platform, outgoing.place.channel), _Worker())
        worker.queue.push(QueuedPost(outgoing, self._order, doubtful, self._may_edit_at(outgoing)))
        worker.wakeup.set()
        if worker.task is None or worker.task.done():
            worker.task = asyncio.create_task(self._work(worker), name=f"lane {outgoing.place.platform}/{outgoing.place.channel}")

    def _may_edit_at(self, outgoing: OutboxEntry) -> float:
        """Progress on a card waits for the interval that the platform bears; what ends something does not."""
        if outgoing.priority < PROGRESS or not outgoing.replaces:
            return 0.0
        interval = self._adapters[outgoing.place.platform].capabilities.edit_interval
        return self._edited_at.get(outgoing.replaces, outgoing.at) + interval

    async def _work(self, worker: _Worker) -> None:
        """Empty a queue, then end: an idle channel costs nothing."""
        while worker.queue:
            worker.wakeup.clear()
            job = worker.queue.next_ready(self._clock.now())
            if job is None:
                await self._sleep(worker)
            else:
                await self._send(worker.queue, job)

    async def _sleep(self, worker: _Worker) -> None:
        until = worker.queue.next_time(self._clock.now())
        alarm = self._clock.call_at(until, worker.wakeup.set) if until is not None else None
        try:
            await worker.wakeup.wait()
        finally:
            if alarm is not None:
                alarm.cancel()

    def _mark_uncertain(self, outgoing: OutboxEntry) -> None:
        """Nobody knows whether this arrived. Others wait for a question's card only, and only where it can be looked for."""
        if self._can_find(outgoing) and isinstance(outgoing.post, QuestionCard):
            self._uncertain.setdefault(outgoing.key, asyncio.Event())

    def _resolve_uncertain(self, key: str) -> None:
        doubt = self._uncertain.pop(key, None)
        if doubt is not None:
            doubt.set()
        self._check_reconciled()

    def _check_reconciled(self) -> None:
        if not self._uncertain:
            self._reconciled.set()

    def _can_find(self, outgoing: OutboxEntry) -> bool:
        adapter = self._adapters.get(outgoing.place.platform)
        return adapter is not None and adapter.capabilities.can_read_history and not outgoing.replaces

    # Sending --------------------------------------------------------------------------------------------------------------

    async def _send(self, queue: ChannelQueue, job: QueuedPost) -> None:
        outgoing = job.outgoing
        closing = queue.remove(closing_key(outgoing.key))
        try:
            posted = await self._find(job) or (None if closing else await self._deliver(outgoing))
        except NotSent as error:
            self._retry(queue, job, error.retry_after)
        except SendUncertain:
            job.uncertain = True
            self._mark_uncertain(outgoing)
            self._retry(queue, job, None)
        except SendRejected as error:
            await self._fail(outgoing, str(error))
        except Exception:
            _LOG.exception("the adapter of %s broke while sending %s", outgoing.place.platform, outgoing.key)
            await self._fail(outgoing, "the adapter broke; the log has the details")
        else:
            queue.tries = 0
            await self._done(outgoing, posted)
            self._resolve_uncertain(outgoing.key)
            if posted is None:
                closing = None
        if closing is not None:
            queue.push(QueuedPost(closing.outgoing, closing.order, closing.uncertain))

    async def _find(self, job: QueuedPost) -> PostedMessage | None:
        """What an earlier attempt left, where there was one and the platform can be asked."""
        if not job.uncertain or not self._can_find(job.outgoing):
            return None
        adapter = self._adapters[job.outgoing.place.platform]
        sending = await self._outbound(job.outgoing)
        return await adapter.find_sent(sending) if sending else None

    async def _deliver(self, outgoing: OutboxEntry) -> PostedMessage | None:
        adapter = self._adapters[outgoing.place.platform]
        sending = await self._outbound(outgoing)
        if sending is None:
            return None
        posted = await adapter.send(sending)
        if not outgoing.replaces:
            self._clock_offsets[outgoing.place.platform] = self._clock.now() - posted.at
        return posted

    async def _outbound(self, outgoing: OutboxEntry) -> OutboundPost | None:
        """As the adapter gets it. None: a remark on a question that was never shown; its end is told in the run's thread."""
        try:
            anchor = await self.sent_message(outgoing.anchor) if outgoing.anchor else None
            replaced = await self.sent_message(outgoing.replaces) if outgoing.replaces else None
        except StoreError as error:
            raise NotSent(str(error)) from error
        if outgoing.replaces and replaced is None:
            raise SendRejected("the message to be edited was never posted")
        if outgoing.anchor and anchor is None and outgoing.question is not None and isinstance(outgoing.post, Note):
            return None
        place = replace(outgoing.place, thread=anchor.thread) if anchor else outgoing.place
        return OutboundPost(key=outgoing.key, place=place, post=outgoing.post, replaces=replaced, since=outgoing.at)

    def _retry(self, queue: ChannelQueue, job: QueuedPost, retry_after: float | None) -> None:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(queue.tries, 10)) if retry_after is None else retry_after
        queue.tries += 1
        queue.resume_at = self._clock.now() + pause
        queue.requeue(job)

    # Marking --------------------------------------------------------------------------------------------------------------

    async def _done(self, outgoing: OutboxEntry, posted: PostedMessage | None) -> None:
        """A post arrived, or (None) it is dropped: a card that nobody has seen and that was closed before, with its closing, or
        what was said about one."""
        if posted is None:
            await self._mark([PostDropped(key=outgoing.key), PostDropped(key=closing_key(outgoing.key))])
            return
        self._remember(outgoing.key, posted)
        if outgoing.replaces:
            self._note_edit(outgoing)
        if isinstance(outgoing.post, QuestionCard) and not outgoing.replaces:
            self._on_question_posted(outgoing, posted, self._noted_at(outgoing, posted))
            return
        rows: list[Record] = [PostSent(key=outgoing.key, version=outgoing.version, posted=posted)]
        if isinstance(outgoing.post, RunCard) and not outgoing.replaces:
            place = replace(outgoing.place, thread=posted.thread)
            rows.append(RunMessageLinked(run=outgoing.run, place=place, message=posted.message, thread=posted.thread))
        await self._mark(rows)

    def _noted_at(self, outgoing: OutboxEntry, posted: PostedMessage) -> float:
        """When, by our clock, a card was posted, also if an earlier process did it: not before its row was written."""
        behind = self._clock_offsets.get(outgoing.place.platform, -math.inf)
        return max(outgoing.at, posted.at + behind)

    def _note_edit(self, outgoing: OutboxEntry) -> None:
        assert outgoing.replaces is not None
        ended = isinstance(outgoing.post, RunCard) and outgoing.post.ended
        if outgoing.priority >= PROGRESS and not ended:
            self._edited_at[outgoing.replaces] = self._clock.now()
        else:
            self._edited_at.pop(outgoing.replaces, None)

    async def _fail(self, outgoing: OutboxEntry, why: str) -> None:
        _LOG.warning("a post of run %s to %s will not arrive: %s", outgoing.run, outgoing.place.platform, why)
        if isinstance(outgoing.post, QuestionCard) and not outgoing.replaces:
            self._on_question_undeliverable(outgoing, why)
        else:
            instead = await self._fallback_for(outgoing, why)
            await self._mark([PostFailed(key=outgoing.key, why=why), *instead])
            self.enqueue(instead)
        self._resolve_uncertain(outgoing.key)

    async def _mark(self, rows: list[Record]) -> None:
        """Store what became of a post. While the disk takes nothing the queue waits: no more than one post is left in doubt."""
        try:
            await retry_until_writable(self._clock, partial(self._store.append, rows=rows), self._log_unmarked)
        except StoreError as error:
            self._log_unmarked(error)
        else:
            self._on_marked(rows)

    def _log_unmarked(self, error: StoreError) -> None:
        _LOG.error("a post has left but could not be marked, which a restart would have to find out: %s", error)

    def _remember(self, key: str, posted: PostedMessage) -> None:
        self._sent[key] = posted
        if len(self._sent) > SENT_CACHE_SIZE:
            del self._sent[next(iter(self._sent))]
