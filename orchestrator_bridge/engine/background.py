"""Small tasks beside the runs, such as a word back to somebody: what breaks in one is logged and touches no other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.store.interface import InUse, StoreError, WriteFailed

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


T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds before a store that took nothing is tried again, doubled each time."""


async def retry_until_writable(clock: Clock, attempt: Callable[[], Awaitable[T]], on_error: Callable[[StoreError], None]) -> T:
    """The result of `attempt`, which is made until the store takes it; `on_error` hears of each trouble on the way once.

    Raises:
        StoreError: a trouble that does not pass by waiting.
    """
    pause = FIRST_PAUSE
    told: set[str] = set()
    while True:
        try:
            return await attempt()
        except (WriteFailed, InUse) as error:
            if str(error) not in told:
                told.add(str(error))
                on_error(error)
        await sleep_until(clock, clock.now() + pause)
        pause = min(LONGEST_PAUSE, 2 * pause)
