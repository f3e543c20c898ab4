"""Small tasks beside the runs, such as a word back to somebody: what breaks in one is logged and touches no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable

_LOG = logging.getLogger(__name__)


class BackgroundTasks:
    """The tasks under way. True while there are any."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Future[None]] = set()

    def __bool__(self) -> bool:
        return bool(self._under_way)

    def start(self, work: Awaitable[None]) -> None:
        """Begin a task."""
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._on_done)

    async def join(self) -> None:
        """Wait until the tasks that are under way now have ended."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def stop(self) -> None:
        """End all of them where they stand."""
        for task in self._under_way:
            task.cancel()
        await self.join()

    def _on_done(self, task: asyncio.Future[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _LOG.error("a part of the engine broke", exc_info=task.exception())
