"""Importing much in one thread while the event loop of another goes on."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

SWITCH_INTERVAL = 0.001
"""Seconds after which a busy thread hands over; Python's own is 0.005."""


@contextmanager
def import_quietly() -> Iterator[None]:
    """Keep the other threads going: no search for garbage in the heap that grows here, now or later, and quick turns.

    Measured while LiteLLM was imported on 2 cores, the longest stall of another thread's loop: 311 ms without this, about
    100 ms with it.
    """
    collects, turns = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(turns)
        gc.freeze()
        if collects:
            gc.enable()
