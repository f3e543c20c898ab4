"""How long the event loop stood still: what everybody else on it waited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

TICK = 0.002
"""Seconds between two looks."""


@contextmanager
def loop_lag() -> Iterator[list[float]]:
    """Notes by how many seconds each tick came late, for as long as this lasts."""
    loop = asyncio.get_running_loop()
    late: list[float] = []

    def look(due: float) -> None:
        now = time.perf_counter()
        late.append(max(0.0, now - due))
        handles[0] = loop.call_later(TICK, look, now + TICK)

    handles = [loop.call_later(TICK, look, time.perf_counter() + TICK)]
    try:
        yield late
    finally:
        handles[0].cancel()
