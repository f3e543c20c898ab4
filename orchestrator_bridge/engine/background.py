"""Retries of store writes that cannot be done now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.store.interface import InUse, StoreError, WriteFailed

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
