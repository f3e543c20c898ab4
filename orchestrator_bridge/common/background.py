"""Background tasks of one owner: kept referenced while they run, logged when they fail, awaited or cancelled together.

asyncio keeps only weak references to tasks: a task that nobody else holds may be collected before it ends, and its exception is
then reported when nobody can tell what failed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

_LOG = logging.getLogger(__name__)

T = TypeVar("T")

CANCEL_AGAIN = 5.0
"""Seconds after which a task that is still running is cancelled again."""


class BackgroundTasks:
    """Running tasks, each with a key; true while there are any. A failure in one task is logged and affects no other task.

    `failure` is the log message for a task that raises. `on_done` is called after each task that has ended.
    """

    def __init__(self, failure: str = "a background task failed", on_done: Callable[[], None] | None = None) -> None:
        self._failure = failure
        self._on_done = on_done
        self._running: dict[Hashable, asyncio.Future[Any]] = {}

    def __bool__(self) -> bool:
        return bool(self._running)

    def __contains__(self, key: Hashable) -> bool:
        """Return True while the task with this key is running."""
        return self.get(key) is not None

    @property
    def keys(self) -> tuple[Any, ...]:
        """The keys of the running tasks, oldest first."""
        return tuple(self._running)

    def get(self, key: Hashable) -> asyncio.Future[Any] | None:
        """The running task with this key."""
        task = self._running.get(key)
        # A task is done before its callbacks run: it takes no more work then, though it is still listed.
        return None if task is None or task.done() else task

    def start(self, work: Awaitable[object], key: Hashable = None) -> None:
        """Start `work` as a task; a task that exists already is adopted. Without a `key`, it gets one of its own."""
        self._add(work, key).add_done_callback(self._log_failure)

    async def run_shielded(self, work: Awaitable[T]) -> T:
        """Await work that continues if the caller is cancelled. Its exception is raised here, or logged if the caller is gone."""
        task = self._add(work, None)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if not task.done():
                task.add_done_callback(self._log_abandoned)
            raise

    def forget(self, key: Hashable) -> None:
        """Stop listing a task that is about to end, so that another one can take its key."""
        self._running.pop(key, None)

    def cancel(self, key: Hashable) -> None:
        """Cancel a task without waiting for it."""
        task = self._running.pop(key, None)
        if task is not None:
            task.cancel()

    def cancel_all(self) -> None:
        """Cancel all running tasks without waiting for them."""
        for task in self._running.values():
            task.cancel()

    async def join(self) -> None:
        """Wait for the tasks that are running now."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def wait_any(self) -> None:
        """Wait until one of the running tasks has ended; returns at once if there is none."""
        if self._running:
            await asyncio.wait(self._running.values(), return_when=asyncio.FIRST_COMPLETED)

    async def stop(self) -> None:
        """Cancel all running tasks and wait until they have ended.

        A library may wait in its own clean-up after a cancellation, for example for a rate limit; that is cancelled too.
        """
        while running := list(self._running.values()):
            self.cancel_all()
            await asyncio.wait(running, timeout=CANCEL_AGAIN)

    def _add(self, work: Awaitable[T], key: Hashable) -> asyncio.Future[T]:
        task = asyncio.ensure_future(work)
        key = task if key is None else key
        self._running[key] = task
        task.add_done_callback(lambda _: self._remove(key, task))
        return task

    def _remove(self, key: Hashable, task: asyncio.Future[Any]) -> None:
        if self._running.get(key) is task:  # another task may have taken the key meanwhile
            del self._running[key]
        if self._on_done is not None:
            self._on_done()

    def _log_failure(self, task: asyncio.Future[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            _LOG.error(self._failure, exc_info=task.exception())

    def _log_abandoned(self, task: asyncio.Future[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:  # it may be a mere refusal, meant for the caller
            _LOG.info("%s: %s", self._failure, task.exception())
