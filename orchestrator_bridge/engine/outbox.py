"""The outbox: sends stored posts to their platforms, in order in each thread, and marks what became of them.

A post is stored before it is sent and marked after. A post that is still unmarked at a start is therefore doubtful: the process
may have ended before the send, or between the send and the mark. Sending it again could show it twice, and dropping it could lose
it. So the history of the channel is searched for it first, and it is sent only if it is not there. A platform without a readable
history gets it again: there, a post can be doubled by a crash in that window.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from orchestrator_bridge.chat.adapter import Adapter, DeliveryError, NotSent, SendRejected, SendUncertain, SupportsLinks
from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.chat.outbound import Link, Note, OutboundPost, PostedMessage, QuestionCard, RunCard
from orchestrator_bridge.chat.request_guard import checked_requests
from orchestrator_bridge.common.background import BackgroundTasks
from orchestrator_bridge.common.backoff import Backoff
from orchestrator_bridge.common.clock import Clock
from orchestrator_bridge.common.log_fields import log_fields
from orchestrator_bridge.engine.call_progress import CallProgress
from orchestrator_bridge.engine.channel_queue import ChannelQueue, QueuedPost
from orchestrator_bridge.engine.inbox import Inbox
from orchestrator_bridge.engine.mailbox import Mailbox
from orchestrator_bridge.engine.retry import retry_until_writable
from orchestrator_bridge.engine.run_states import RunStates
from orchestrator_bridge.run import inputs
from orchestrator_bridge.run.presentation.posts import (
    closing_key,
    direct_message_fallback,
    is_worth_telling,
    run_key,
    stuck_notice,
)
from orchestrator_bridge.run.records import OutboxEntry, PostDropped, PostFailed, PostSent, Record, RunMessageLinked
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.store.interface import PendingPost, Store, StoreError

_LOG = logging.getLogger(__name__)

SEND_BACKOFF = Backoff(first=0.5, longest=60.0)
"""Delays of a thread after a send that failed, unless the platform named a time."""

STUCK_AFTER = 30.0
"""Seconds after the first attempt from which a post counts as stuck: the log reports it, and the requester is notified."""

RECONCILE_TIMEOUT = 30.0
"""Seconds that others wait at most until doubtful question cards are found or sent: after a start, and before a question whose
card nobody is known to have seen falls back."""

CONFIRMED_FOR = 1.0
"""Seconds for which a request relies on an earlier confirmation that this process was not replaced. A standby waits longer."""

PROGRESS = 5
"""Edits of this priority or less urgent ones (higher numbers) only show progress."""

SENT_CACHE_SIZE = 5000
"""Receipts of posts that stay in memory; older ones are read from the store."""


@dataclass(slots=True)
class _Channel:
    """The queue of one channel, and the event that wakes the task which empties it."""

    queue: ChannelQueue = field(default_factory=ChannelQueue)
    wakeup: asyncio.Event = field(default_factory=asyncio.Event)


class Outbox:
    """Sends stored posts. The runs of question cards learn through the mailbox whether people can see them."""

    def __init__(
        self,
        store: Store,
        adapters: Mapping[str, Adapter],
        clock: Clock,
        *,
        mailbox: Mailbox,
        inbox: Inbox,
        states: RunStates,
        tasks: BackgroundTasks,
        progress: CallProgress,
    ) -> None:
        self._store = store
        self._adapters = adapters
        self._progress = progress
        self._clock = clock
        self._mailbox = mailbox
        self._inbox = inbox
        self._states = states
        self._tasks = tasks
        self._channels: dict[tuple[str, str], _Channel] = {}
        self._senders = BackgroundTasks()
        self._sent: dict[str, PostedMessage] = {}
        self._edited_at: dict[str, float] = {}
        self._clock_offsets: dict[str, float] = {}
        self._uncertain: dict[str, asyncio.Event] = {}
        self._told: set[int] = set()
        """Runs whose requester knows that a post is stuck."""
        self._reconciled = asyncio.Event()
        self._order = 0
        self._stopped = False

    def recover(self, pending: Sequence[PendingPost], clock_offsets: Mapping[str, float | None]) -> None:
        """Queue the posts that an earlier process left unmarked, all of them doubtful.

        `clock_offsets`: by platform, the seconds that its clock is behind ours, estimated from earlier posts.
        """
        self._clock_offsets |= {platform: offset for platform, offset in clock_offsets.items() if offset is not None}
        for post in pending:
            if post.anchored and post.outgoing.anchor:
                self._remember(post.outgoing.anchor, post.anchored)
            if post.replaced and post.outgoing.replaces:
                self._remember(post.outgoing.replaces, post.replaced)
            self._mark_uncertain(post.outgoing)
            self._enqueue(post.outgoing, doubtful=True)
        self._check_reconciled()

    def enqueue(self, rows: Sequence[Record]) -> None:
        """Queue the posts among rows that have just been stored."""
        for row in rows:
            if isinstance(row, OutboxEntry):
                self._enqueue(row, doubtful=False)

    def show_progress(self, outgoing: OutboxEntry) -> bool:
        """Edit a card that is not stored, once. False, and nothing happens, if another edit waits or it would come too early."""
        channel = self._channels.get((outgoing.place.platform, outgoing.place.channel))
        busy = channel is not None and channel.queue.has_edits(outgoing.replaces or "")
        if self._stopped or busy or self._earliest_edit(outgoing) > self._clock.now():
            return False
        self._enqueue(outgoing, doubtful=False, stored=False)
        return True

    async def wait_reconciled(self) -> None:
        """Wait until no question card of an earlier process is doubtful, or `RECONCILE_TIMEOUT` has passed."""
        await self._wait_for(self._reconciled)

    async def wait_reconciled_key(self, key: str) -> None:
        """Wait until one card is not doubtful any more, or `RECONCILE_TIMEOUT` has passed."""
        if key in self._uncertain:
            await self._wait_for(self._uncertain[key])

    async def _wait_for(self, resolved: asyncio.Event) -> None:
        timeout = self._clock.call_at(self._clock.now() + RECONCILE_TIMEOUT, resolved.set)
        try:
            await resolved.wait()
        finally:
            timeout.cancel()

    async def wait_drained(self) -> None:
        """Wait until every queued post was sent or has failed, those that take the place of a failed one included."""
        while self._senders:
            await self._senders.join()

    async def run_thread(self, state: RunState) -> Place | None:
        """The thread of a run; None before its card is posted.

        Raises:
            StoreError: it cannot be looked up.
        """
        card = await self._sent_message(run_key(state.run))
        return replace(state.place, thread=card.thread) if card else None

    async def _sent_message(self, key: str) -> PostedMessage | None:
        return self._sent.get(key) or await self._store.sent_post(key)

    def warn(self, state: RunState, text: str) -> None:
        """Post a warning into a run's thread without storing it: it is about the store, which cannot be written."""
        adapter = self._adapters.get(state.place.platform)
        if adapter is not None:
            self._tasks.start(self._send_warning(adapter, state, text))

    async def _send_warning(self, adapter: Adapter, state: RunState, text: str) -> None:
        now = self._clock.now()
        key = f"run:{state.run}:trouble:{now}"
        try:
            place = await self.run_thread(state) or state.place
            await adapter.send(OutboundPost(key=key, place=place, post=Note(text=text, tone="warning"), since=now))
        except (StoreError, DeliveryError) as error:
            _LOG.warning("a warning could not be posted to the thread of run %s: %s", state.run, error)

    async def stop(self) -> None:
        """Stop sending; posts that were not sent stay in the outbox."""
        self._stopped = True
        await self._senders.stop()

    def _enqueue(self, outgoing: OutboxEntry, doubtful: bool, stored: bool = True) -> None:
        if outgoing.place.platform not in self._adapters or self._stopped:
            return
        self._order += 1
        key = (outgoing.place.platform, outgoing.place.channel)
        channel = self._channels.setdefault(key, _Channel())
        channel.queue.push(QueuedPost(outgoing, self._order, doubtful, self._earliest_edit(outgoing), stored=stored))
        channel.wakeup.set()
        if key not in self._senders:
            self._senders.start(self._empty(channel), key)

    def _earliest_edit(self, outgoing: OutboxEntry) -> float:
        """The time of the next edit that only shows progress: platforms limit edits. What ends something is not delayed."""
        if not outgoing.replaces or not _only_shows_progress(outgoing):
            return 0.0
        interval = self._adapters[outgoing.place.platform].capabilities.edit_interval
        return self._edited_at.get(outgoing.replaces, outgoing.at) + interval

    async def _empty(self, channel: _Channel) -> None:
        """Send the posts of one channel until none is left. An idle channel has no task."""
        while channel.queue:
            channel.wakeup.clear()
            for post in channel.queue.take_ready(self._clock.now()):
                self._senders.start(self._send(channel, post))
            await self._wait_for_change(channel)

    async def _wait_for_change(self, channel: _Channel) -> None:
        """Wait until a post is queued or has been sent, or a thread may send again."""
        until = channel.queue.next_time()
        alarm = self._clock.call_at(until, channel.wakeup.set) if until is not None else None
        try:
            await channel.wakeup.wait()
        finally:
            if alarm is not None:
                alarm.cancel()

    # Others wait for doubtful question cards only, and only where the history can be searched for them: a question may not fall
    # back, nor a thread be read, before it is known which card people see.

    def _mark_uncertain(self, outgoing: OutboxEntry) -> None:
        if self._can_find(outgoing) and isinstance(outgoing.post, QuestionCard):
            self._uncertain.setdefault(outgoing.key, asyncio.Event())

    def _resolve_uncertain(self, key: str) -> None:
        resolved = self._uncertain.pop(key, None)
        if resolved is not None:
            resolved.set()
        self._check_reconciled()

    def _check_reconciled(self) -> None:
        if not self._uncertain:
            self._reconciled.set()

    def _can_find(self, outgoing: OutboxEntry) -> bool:
        """True if the history can be searched for a post. An edit is not searched for: repeating it changes nothing."""
        adapter = self._adapters.get(outgoing.place.platform)
        return adapter is not None and adapter.capabilities.can_read_history and not outgoing.replaces

    async def _send(self, channel: _Channel, post: QueuedPost) -> None:
        """Send one post of a channel; the next one of its thread follows."""
        outgoing = post.outgoing
        try:
            with log_fields(run=outgoing.run, question=outgoing.question, delivery=outgoing.key):
                await (self._attempt_stored(channel.queue, post) if post.stored else self._show(outgoing))
        finally:
            channel.queue.finish(post)
            channel.wakeup.set()

    async def _show(self, outgoing: OutboxEntry) -> None:
        """Send an edit that is not stored. If that fails, the next one is newer."""
        replaced, adapter = outgoing.replaces or "", self._adapters[outgoing.place.platform]
        try:
            await self._deliver(outgoing)
            self._note_edit(outgoing, replaced)
        except NotSent as error:
            self._edited_at[replaced] = self._clock.now() + (error.retry_after or adapter.capabilities.edit_interval)
        except SendUncertain:
            pass
        except SendRejected:
            self._progress.give_up(outgoing.run)
        except Exception:
            _LOG.exception("the %s adapter failed to edit %s", outgoing.place.platform, replaced)

    async def _attempt_stored(self, queue: ChannelQueue, post: QueuedPost) -> None:
        if post.tried_at is None:
            post.tried_at = self._clock.now()
        stuck = self._clock.call_at(post.tried_at + STUCK_AFTER, partial(self._report_stuck, post, "no response yet"))
        try:
            await self._attempt(queue, post)
        finally:
            stuck.cancel()

    async def _attempt(self, queue: ChannelQueue, post: QueuedPost) -> None:
        """Find or send one post, and mark it. `closing` is the edit that closes a card which may not have been shown at all."""
        outgoing = post.outgoing
        closing = queue.remove(closing_key(outgoing.key))
        try:
            posted = await self._find(post) or (None if closing else await self._deliver(outgoing))
        except NotSent as error:
            self._retry(queue, post, error)
        except SendUncertain as error:
            post.uncertain = True
            self._mark_uncertain(outgoing)
            self._retry(queue, post, error)
        except SendRejected as error:
            _log_refused(outgoing, error)
            await self._fail(outgoing, error.reason)
        except Exception:
            _LOG.exception("the %s adapter failed to send %s", outgoing.place.platform, outgoing.key)
            await self._fail(outgoing, "an internal error, which is in the log of the operator")
        else:
            await self._done(outgoing, posted)
            self._resolve_uncertain(outgoing.key)
            if posted is None:
                closing = None
        if closing is not None:
            queue.push(QueuedPost(closing.outgoing, closing.order, closing.uncertain))

    async def _find(self, post: QueuedPost) -> PostedMessage | None:
        """The message of an earlier attempt, where the attempt is doubtful and the platform has a readable history."""
        if not post.uncertain or not self._can_find(post.outgoing):
            return None
        outbound = await self._outbound(post.outgoing)
        if outbound is None:
            return None
        with checked_requests(self._confirm_recently_owned):  # it also creates a thread that is missing
            return await self._adapters[post.outgoing.place.platform].find_sent(outbound)

    async def _deliver(self, outgoing: OutboxEntry) -> PostedMessage | None:
        outbound = await self._outbound(outgoing)
        if outbound is None:
            return None
        try:
            await self._store.confirm_owned()  # a process that was suspended and replaced would send what the new one has sent
        except StoreError as error:
            raise NotSent(str(error)) from error
        with checked_requests(self._confirm_recently_owned):
            posted = await self._adapters[outgoing.place.platform].send(outbound)
        if not outgoing.replaces:
            self._clock_offsets[outgoing.place.platform] = self._clock.now() - posted.at
        return posted

    async def _confirm_recently_owned(self) -> None:
        try:
            await self._store.confirm_owned(CONFIRMED_FOR)
        except StoreError as error:  # an earlier request of the same post may have arrived
            raise SendUncertain(str(error)) from error

    async def _outbound(self, outgoing: OutboxEntry) -> OutboundPost | None:
        """The post as its adapter takes it. None for a note on a question that was never shown: its run's thread tells its end.

        Raises:
            NotSent: the message that it belongs to cannot be looked up now.
            SendRejected: the message to be edited was never posted.
        """
        try:
            anchor = await self._sent_message(outgoing.anchor) if outgoing.anchor else None
            replaced = await self._sent_message(outgoing.replaces) if outgoing.replaces else None
            link = await self._link(outgoing)
        except StoreError as error:
            raise NotSent(str(error)) from error
        if outgoing.replaces and replaced is None:
            raise SendRejected("the message to be edited was never posted")
        if outgoing.anchor and anchor is None and outgoing.question is not None and isinstance(outgoing.post, Note):
            return None
        place = replace(outgoing.place, thread=anchor.thread) if anchor else outgoing.place
        post = self._progress.with_progress(outgoing.post) if isinstance(outgoing.post, RunCard) else outgoing.post
        return OutboundPost(key=outgoing.key, place=place, post=post, replaces=replaced, since=outgoing.at, link=link)

    def _url(self, place: Place, message: str) -> str:
        """The web address of a message, where its platform has them."""
        adapter = self._adapters[place.platform]
        return adapter.message_url(place, message) if isinstance(adapter, SupportsLinks) else ""

    async def _link(self, outgoing: OutboxEntry) -> Link | None:
        """The link to the message that a note is about. Raises `StoreError`."""
        if isinstance(outgoing.post, Note) and outgoing.post.link is not None:
            return outgoing.post.link
        key = outgoing.post.about if isinstance(outgoing.post, Note) else None
        posted = await self._sent_message(key) if key else None
        if posted is None:
            return None
        state = await self._states.get(outgoing.run)
        return Link(text="Go to the run", place=replace(state.place, thread=posted.thread), message=posted.message)

    def _retry(self, queue: ChannelQueue, post: QueuedPost, error: NotSent | SendUncertain) -> None:
        named = error.retry_after if isinstance(error, NotSent) else None
        now = self._clock.now()
        queue.requeue(post, now + (SEND_BACKOFF.delay(queue.failures(post)) if named is None else named))
        if post.tried_at is not None and now >= post.tried_at + STUCK_AFTER:
            self._report_stuck(post, str(error))

    def _report_stuck(self, post: QueuedPost, why: str) -> None:
        """Report a post that could not be sent for `STUCK_AFTER`: once in the log, and once a run to its requester."""
        outgoing = post.outgoing
        if not post.reported:
            post.reported = True
            _LOG.warning("%s of run %s to %s is stuck: %s", outgoing.key, outgoing.run, outgoing.place.platform, why)
        if outgoing.run not in self._told and is_worth_telling(outgoing):
            self._told.add(outgoing.run)
            self._tasks.start(self._tell_stuck(outgoing))

    async def _tell_stuck(self, outgoing: OutboxEntry) -> None:
        """Tell the requester directly. It is not stored: once the post is sent, nobody needs to read this."""
        now = self._clock.now()
        try:
            notice = stuck_notice(await self._states.get(outgoing.run), outgoing, now)
            if notice is not None:
                await self._adapters[notice.place.platform].send(notice)
        except (StoreError, DeliveryError, ValueError) as error:
            _LOG.warning("the requester of run %s could not be told that a post is stuck: %s", outgoing.run, error)

    async def _done(self, outgoing: OutboxEntry, posted: PostedMessage | None) -> None:
        """Mark a post as sent, or (`posted` is None) as dropped: a card that was closed before anybody saw it, with its closing
        edit, or a note on such a card."""
        if posted is None:
            await self._mark([PostDropped(key=outgoing.key), PostDropped(key=closing_key(outgoing.key))])
            return
        self._remember(outgoing.key, posted)
        if outgoing.replaces:
            self._note_edit(outgoing, outgoing.replaces)
        if isinstance(outgoing.post, QuestionCard) and not outgoing.replaces:
            # The run marks this post: the transaction that starts the question's times is the same.
            # Its time is by our clock, also if an earlier process sent it; it was not sent before it was stored.
            noted_at = max(outgoing.at, posted.at + self._clock_offsets.get(outgoing.place.platform, -math.inf))
            url = self._url(replace(outgoing.place, thread=posted.thread), posted.message)
            delivered = inputs.QuestionDelivered(outgoing=outgoing, posted=posted, noted_at=noted_at, url=url)
            self._mailbox.deliver(outgoing.run, delivered)
            return
        rows: list[Record] = [PostSent(key=outgoing.key, version=outgoing.version, posted=posted)]
        if isinstance(outgoing.post, RunCard) and not outgoing.replaces:
            place = replace(outgoing.place, thread=posted.thread)
            rows.append(RunMessageLinked(run=outgoing.run, place=place, message=posted.message, thread=posted.thread))
        await self._mark(rows)

    def _note_edit(self, outgoing: OutboxEntry, replaced: str) -> None:
        if _only_shows_progress(outgoing):
            self._edited_at[replaced] = self._clock.now()
        else:
            self._edited_at.pop(replaced, None)

    async def _fail(self, outgoing: OutboxEntry, why: str) -> None:
        """Give a post up. `why` is a clause that people read."""
        if isinstance(outgoing.post, QuestionCard) and not outgoing.replaces:
            self._mailbox.deliver(outgoing.run, inputs.QuestionUndeliverable(outgoing=outgoing, why=why))
        else:
            fallback = await self._direct_message_fallback(outgoing, why)
            await self._mark([PostFailed(key=outgoing.key, why=why), *fallback])
            self.enqueue(fallback)
        self._resolve_uncertain(outgoing.key)

    async def _direct_message_fallback(self, refused: OutboxEntry, why: str) -> Sequence[OutboxEntry]:
        """The direct message to the requester in place of a post that the platform refuses in the run's channel."""
        try:
            return direct_message_fallback(await self._states.get(refused.run), refused, why, self._clock.now())
        except (StoreError, ValueError) as error:
            _LOG.warning("the requester of run %s could not be told directly: %s", refused.run, error)
            return ()

    async def _mark(self, rows: list[Record]) -> None:
        """Store what became of a post. Its thread waits while the disk is not writable, so that only one post of it becomes
        doubtful."""
        try:
            await retry_until_writable(self._clock, partial(self._store.append, rows=rows), _log_unmarked)
        except StoreError as error:
            _log_unmarked(error)
            return
        for row in rows:
            if isinstance(row, RunMessageLinked):
                self._inbox.place_registered(row.place)

    def _remember(self, key: str, posted: PostedMessage) -> None:
        self._sent[key] = posted
        if len(self._sent) > SENT_CACHE_SIZE:
            del self._sent[next(iter(self._sent))]


def _log_refused(outgoing: OutboxEntry, error: SendRejected) -> None:
    _LOG.warning("a post of run %s to %s cannot be delivered: %s", outgoing.run, outgoing.place.platform, error)


def _log_unmarked(error: StoreError) -> None:
    _LOG.error("a post was sent but could not be marked; a restart would search the history for it: %s", error)


def _only_shows_progress(outgoing: OutboxEntry) -> bool:
    ended = isinstance(outgoing.post, RunCard) and outgoing.post.ended
    return outgoing.priority >= PROGRESS and not ended
