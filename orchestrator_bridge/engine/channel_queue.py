"""The order in which the posts of one channel are sent. Pure: no clock and no I/O.

Posts of one thread keep their order, since an answer must not appear before the note that announces it: a thread has one post in
flight, and a post that fails is tried again before the next one. Threads do not wait for one another: a thread that cannot be
posted to, or whose rate limit is used up, pauses alone. Of several threads that may send, the most urgent goes first: a question
must not wait behind twenty notes on progress. A thread is as urgent as its most urgent post, which pulls those before it along;
among equals the oldest post goes first.

An edit is in a thread of its own, so that the low limits of edits hold back nothing else. It waits for the post that it replaces.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from orchestrator_bridge.run.records import OutboxEntry


@dataclass(slots=True, eq=False)
class QueuedPost:
    """One post in the queue. `uncertain`: an earlier attempt may have arrived. `not_before` is in seconds since the epoch.

    `tried_at` is the time of its first attempt, `reported` that somebody knows that it is stuck. `stored`: it is in the outbox of
    the store, and must be sent; other posts only show progress.
    """

    outgoing: OutboxEntry
    order: int = 0
    uncertain: bool = False
    not_before: float = 0.0
    tried_at: float | None = None
    reported: bool = False
    stored: bool = True

    @property
    def thread(self) -> str:
        """The key of the thread in which posts keep their order: that of a card and the posts below it, or of a post's edits."""
        if self.outgoing.replaces:
            return edits_of(self.outgoing.replaces)
        return self.outgoing.anchor or self.outgoing.key


def edits_of(replaced: str) -> str:
    """The key of the thread of a post's edits."""
    return f"edits of {replaced}"


@dataclass(slots=True, eq=False)
class _Thread:
    """The waiting posts of a thread, in order. `failures` counts those in a row; nothing is sent before `resume_at`."""

    posts: deque[QueuedPost] = field(default_factory=deque)
    in_flight: QueuedPost | None = None
    failures: int = 0
    resume_at: float = 0.0

    @property
    def ready_at(self) -> float:
        """The time from which the first post may be sent."""
        return max(self.resume_at, self.posts[0].not_before)

    @property
    def urgency(self) -> tuple[int, int]:
        """The priority and order of the most urgent post; the smallest goes first."""
        return min((post.outgoing.priority, post.order) for post in self.posts)


@dataclass(slots=True)
class ChannelQueue:
    """The posts of one channel."""

    _threads: dict[str, _Thread] = field(default_factory=dict)
    _posts: dict[str, QueuedPost] = field(default_factory=dict)
    """Waiting posts, by key."""
    _in_flight: set[str] = field(default_factory=set)
    _idle: dict[str, _Thread] = field(default_factory=dict)
    """Threads with a post that waits and none in flight."""

    def __bool__(self) -> bool:
        """True while a post waits or is in flight."""
        return bool(self._threads)

    def push(self, post: QueuedPost) -> None:
        """Add a post. If one with the same key waits already, it gets the newer content and keeps its turn; it waits no longer
        than either of them.
        """
        known = self._posts.get(post.outgoing.key)
        if known is not None:
            known.outgoing, known.stored = post.outgoing, known.stored or post.stored
            known.not_before = min(known.not_before, post.not_before)
            return
        self._posts[post.outgoing.key] = post
        thread = self._threads.setdefault(post.thread, _Thread())
        thread.posts.append(post)
        self._settle(post.thread, thread)

    def has_edits(self, replaced: str) -> bool:
        """True if an edit of a post waits or is in flight."""
        return edits_of(replaced) in self._threads

    def remove(self, key: str) -> QueuedPost | None:
        """Remove a waiting post by its key."""
        post = self._posts.pop(key, None)
        if post is not None:
            thread = self._threads[post.thread]
            thread.posts.remove(post)
            self._settle(post.thread, thread)
        return post

    def take_ready(self, now: float) -> list[QueuedPost]:
        """Take the first post of every thread that may send at this time, most urgent first. They are in flight from now on."""
        ready = [thread for thread in self._idle.values() if thread.ready_at <= now and not self._waits_for_another(thread)]
        return [self._take(thread) for thread in sorted(ready, key=lambda thread: thread.urgency)]

    def finish(self, post: QueuedPost) -> None:
        """Note that a post in flight is sent or given up; a post that was put back already is left alone."""
        thread = self._threads.get(post.thread)
        if thread is not None and thread.in_flight is post:
            thread.failures, thread.resume_at = 0, 0.0
            self._land(post, thread)

    def requeue(self, post: QueuedPost, resume_at: float) -> None:
        """Put a post in flight back before all others of its thread, which sends nothing before `resume_at`.

        If newer content waits already, that takes its place.
        """
        thread = self._threads[post.thread]
        thread.failures, thread.resume_at = thread.failures + 1, resume_at
        if post.outgoing.key not in self._posts:
            self._posts[post.outgoing.key] = post
            thread.posts.appendleft(post)
        self._land(post, thread)

    def failures(self, post: QueuedPost) -> int:
        """The number of failures in a row in the thread of a post in flight."""
        return self._threads[post.thread].failures

    def next_time(self) -> float | None:
        """The earliest time at which a thread that is idle now may send; None if there is no such thread."""
        return min((thread.ready_at for thread in self._idle.values() if not self._waits_for_another(thread)), default=None)

    def _waits_for_another(self, thread: _Thread) -> bool:
        """True if the first post is an edit of a post that is not sent yet."""
        replaced = thread.posts[0].outgoing.replaces
        return replaced is not None and (replaced in self._posts or replaced in self._in_flight)

    def _take(self, thread: _Thread) -> QueuedPost:
        post = thread.in_flight = thread.posts.popleft()
        del self._posts[post.outgoing.key]
        self._in_flight.add(post.outgoing.key)
        self._settle(post.thread, thread)
        return post

    def _land(self, post: QueuedPost, thread: _Thread) -> None:
        thread.in_flight = None
        self._in_flight.discard(post.outgoing.key)
        self._settle(post.thread, thread)

    def _settle(self, name: str, thread: _Thread) -> None:
        """List a thread as idle if it can send, and forget it if nothing is left of it."""
        if thread.posts and thread.in_flight is None:
            self._idle[name] = thread
        else:
            self._idle.pop(name, None)
        if not thread.posts and thread.in_flight is None:
            del self._threads[name]
