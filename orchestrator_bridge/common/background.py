"""Background tasks of one owner: kept referenced while they run, logged when they fail, awaited or cancelled together.

asyncio keeps only weak references to tasks: a task that nobody else holds may be collected before it ends, and its exception is
then reported when nobody can tell what failed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

_LOG = logging.getLogger(__name__)


class BackgroundTasks:
    """A set of running tasks; true while it holds any. A failure in one task is logged and affects no other task.

    `failure` is the log message for a task that raises.
    """

    def __init__(self, failure: str = "a background task failed") -> None:
        self._failure = failure
        self._running: set[asyncio.Future[None]] = set()

    def __bool__(self) -> bool:
        return bool(self._running)

    def start(self, work: Awaitable[None]) -> None:
        """Start `work` as a task; a task that exists already is adopted."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._on_done)

    async def join(self) -> None:
        """Wait for the tasks that are running now."""
        await asyncio.gather(*self._running, return_exceptions=True)

    async def stop(self) -> None:
        """Cancel all running tasks and wait until they have ended."""
        for task in self._running:
            task.cancel()
        await self.join()

    def _on_done(self, task: asyncio.Future[None]) -> None:
        self._running.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error(self._failure, exc_info=task.exception())
