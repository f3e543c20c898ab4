"""An event loop in a thread of its own, for a library that stands still while it is imported or looks for credentials."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """Runs what it is given on its own loop; the thread is started with the first piece of work. `name` is the thread's."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: Future[asyncio.AbstractEventLoop] | None = None
        self._thread: threading.Thread | None = None
        self._stop_requested: asyncio.Event | None = None

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """What the work gives back. Whoever is cancelled here cancels it there.

        Raises:
            Exception: whatever the work raises.
        """
        if self._loop is None:
            self._loop = Future()
            self._thread = threading.Thread(target=asyncio.run, args=(self._run_loop(self._loop),), name=self._name, daemon=True)
            self._thread.start()
        loop = await asyncio.shield(asyncio.wrap_future(self._loop))

        async def there() -> T:
            return await work()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), loop))

    async def close(self) -> None:
        """Cancel what still runs there and let the thread end; later work starts a new one."""
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        (await asyncio.wrap_future(loop)).call_soon_threadsafe(self._request_stop)
        await asyncio.to_thread(thread.join)

    async def _run_loop(self, loop_ready: Future[asyncio.AbstractEventLoop]) -> None:
        self._stop_requested = asyncio.Event()
        loop_ready.set_result(asyncio.get_running_loop())
        await self._stop_requested.wait()

    def _request_stop(self) -> None:
        if self._stop_requested is not None:
            self._stop_requested.set()


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
