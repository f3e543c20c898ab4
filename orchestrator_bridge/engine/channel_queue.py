"""The order in which the posts of one channel are sent. Pure: no clock and no I/O.

Two rules compete. Urgent posts go first: a question must not wait behind twenty notes on progress. And posts of one thread keep
their order: an answer must not appear before the note that announces it. So priority is a matter of threads: a thread is as
urgent as the most urgent post in it, and that post pulls those before it along. Among threads of the same priority the oldest
post goes first, so no thread starves another.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field

from orchestrator_bridge.run.records import OutboxEntry


@dataclass(slots=True)
class QueuedPost:
    """One post in the queue. `uncertain`: an earlier attempt may have arrived. `not_before` is in seconds since the epoch."""

    outgoing: OutboxEntry
    order: int = 0
    uncertain: bool = False
    not_before: float = 0.0
    dropped: bool = False

    @property
    def thread(self) -> str:
        """The key of the thread in which posts keep their order. A post that opens a thread or edits a message is its own."""
        return self.outgoing.anchor or self.outgoing.key


@dataclass(slots=True)
class ChannelQueue:
    """The posts of one channel. After a failure nothing is sent before `resume_at`; `failures` counts those in a row.

    A post waits in `_later` until its time, then in its thread. The heap has one entry a post, not a thread: the entry of an
    urgent post pops the first post of its thread, and is pushed back until its own post has been sent.
    """

    resume_at: float = 0.0
    failures: int = 0
    _heap: list[tuple[int, int, str]] = field(default_factory=list)
    _threads: dict[str, deque[QueuedPost]] = field(default_factory=dict)
    _posts: dict[str, QueuedPost] = field(default_factory=dict)
    _later: list[tuple[float, int, QueuedPost]] = field(default_factory=list)

    def __bool__(self) -> bool:
        """True while a post is left to send."""
        return bool(self._posts)

    def push(self, post: QueuedPost) -> None:
        """Add a post. If one with the same key waits already, it gets the newer content and keeps its turn."""
        known = self._posts.get(post.outgoing.key)
        if known is not None:
            known.outgoing = post.outgoing
            return
        self._posts[post.outgoing.key] = post
        heapq.heappush(self._later, (post.not_before, post.order, post))

    def remove(self, key: str) -> QueuedPost | None:
        """Remove a waiting post by its key."""
        post = self._posts.pop(key, None)
        if post is not None:
            post.dropped = True
        return post

    def requeue(self, post: QueuedPost) -> None:
        """Put a post that was not sent back before all others of its thread, unless newer content has taken its place."""
        if post.outgoing.key not in self._posts:
            self._posts[post.outgoing.key] = post
            self._threads.setdefault(post.thread, deque()).appendleft(post)
            self._push_heap(post)

    def next_ready(self, now: float) -> QueuedPost | None:
        """Take the next post that may be sent at this time."""
        if now < self.resume_at:
            return None
        while self._later and self._later[0][0] <= now:
            due = heapq.heappop(self._later)[2]
            if not due.dropped:
                self._threads.setdefault(due.thread, deque()).append(due)
                self._push_heap(due)
        while self._heap:
            priority, order, thread = heapq.heappop(self._heap)
            post = self._pop_first(thread, order)
            if post is None:
                continue
            if post.order != order:
                heapq.heappush(self._heap, (priority, order, thread))
            del self._posts[post.outgoing.key]
            return post
        return None

    def next_time(self, now: float) -> float | None:
        """The time at which `next_ready` may return another post without a new one being pushed; None if there is no such
        time."""
        if self.resume_at > now:
            return self.resume_at
        return self._later[0][0] if self._later else None

    def _push_heap(self, post: QueuedPost) -> None:
        heapq.heappush(self._heap, (post.outgoing.priority, post.order, post.thread))

    def _pop_first(self, thread: str, order: int) -> QueuedPost | None:
        """Take the first post of a thread; None if the post of this order was sent before, pulled along by a more urgent one."""
        posts = deque(post for post in self._threads.pop(thread, ()) if not post.dropped)
        first = posts.popleft() if any(post.order == order for post in posts) else None
        if posts:
            self._threads[thread] = posts
        return first
