"""The order in which the posts of one channel leave: the most urgent first, in order within a thread. No I/O."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field

from orchestrator_bridge.run.records import OutboxEntry


@dataclass(slots=True)
class QueuedPost:
    """One post on its way. `uncertain`: an earlier attempt may have arrived. Times in seconds since the epoch."""

    outgoing: OutboxEntry
    order: int = 0
    uncertain: bool = False
    not_before: float = 0.0
    dropped: bool = False

    @property
    def thread(self) -> str:
        """Jobs with the same one keep their order. What opens a thread and what edits a message stand for themselves."""
        return self.outgoing.anchor or self.outgoing.key


@dataclass(slots=True)
class ChannelQueue:
    """What is to go to one channel. A thread is as urgent as the most urgent post in it.

    After a failure nothing leaves before `resume_at`; `tries` counts the failures in a row.
    """

    resume_at: float = 0.0
    tries: int = 0
    _heap: list[tuple[int, int, str]] = field(default_factory=list)
    _threads: dict[str, deque[QueuedPost]] = field(default_factory=dict)
    _jobs: dict[str, QueuedPost] = field(default_factory=dict)
    _later: list[tuple[float, int, QueuedPost]] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Something is left to send."""
        return bool(self._jobs)

    def push(self, job: QueuedPost) -> None:
        """Add a post, or put newer content in the place of one with the same key."""
        known = self._jobs.get(job.outgoing.key)
        if known is not None:
            known.outgoing = job.outgoing
            return
        self._jobs[job.outgoing.key] = job
        heapq.heappush(self._later, (job.not_before, job.order, job))

    def remove(self, key: str) -> QueuedPost | None:
        """Remove a post that waits."""
        job = self._jobs.pop(key, None)
        if job is not None:
            job.dropped = True
        return job

    def requeue(self, job: QueuedPost) -> None:
        """Put back a post that did not leave, before all others of its thread; newer content in its place wins."""
        if job.outgoing.key not in self._jobs:
            self._jobs[job.outgoing.key] = job
            self._threads.setdefault(job.thread, deque()).appendleft(job)
            self._push_thread(job)

    def next_ready(self, now: float) -> QueuedPost | None:
        """The next post to send now, if there is one."""
        if now < self.resume_at:
            return None
        while self._later and self._later[0][0] <= now:
            self._activate(heapq.heappop(self._later)[2])
        while self._heap:
            priority, order, thread = heapq.heappop(self._heap)
            job = self._pop_first(thread, order)
            if job is None:
                continue
            if job.order != order:
                heapq.heappush(self._heap, (priority, order, thread))
            del self._jobs[job.outgoing.key]
            return job
        return None

    def next_time(self, now: float) -> float | None:
        """When to look again, if something waits for its time only."""
        if self.resume_at > now:
            return self.resume_at
        return self._later[0][0] if self._later else None

    def _activate(self, job: QueuedPost) -> None:
        if not job.dropped:
            self._threads.setdefault(job.thread, deque()).append(job)
            self._push_thread(job)

    def _push_thread(self, job: QueuedPost) -> None:
        heapq.heappush(self._heap, (job.outgoing.priority, job.order, job.thread))

    def _pop_first(self, thread: str, order: int) -> QueuedPost | None:
        """Take the first post of a thread, unless the one of this order has left already, before a more urgent one behind it."""
        jobs = deque(job for job in self._threads.pop(thread, ()) if not job.dropped)
        job = jobs.popleft() if any(one.order == order for one in jobs) else None
        if jobs:
            self._threads[thread] = jobs
        return job
