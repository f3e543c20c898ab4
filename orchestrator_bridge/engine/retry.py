"""Retries of writes while the store cannot be written: a full disk, or another program that holds a lock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from orchestrator_bridge.common.backoff import Backoff
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.store.interface import InUse, StoreError, WriteFailed

T = TypeVar("T")

WRITE_BACKOFF = Backoff(first=1.0, longest=30.0)
"""Delays before a refused write is tried again."""


FOR_OPERATOR = "The operator of this bot finds the way to fix it in the log file."
"""End of a message to people about the store: its full error names settings and paths, and is logged."""


async def retry_until_writable(clock: Clock, attempt: Callable[[], Awaitable[T]], on_error: Callable[[StoreError], None]) -> T:
    """Repeat `attempt` until the store can be written, and return its result. `on_error` gets each distinct error once.

    Raises:
        StoreError: an error that does not pass by waiting.
    """
    failures, reported = 0, set[str]()
    while True:
        try:
            return await attempt()
        except (WriteFailed, InUse) as error:
            if str(error) not in reported:
                reported.add(str(error))
                on_error(error)
        await sleep_until(clock, clock.now() + WRITE_BACKOFF.delay(failures))
        failures += 1
