"""An event loop in a thread of its own, for libraries that block while they are imported or look up credentials."""

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
    """Event loop in a daemon thread called `name`, which starts with the first `run`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: Future[asyncio.AbstractEventLoop] | None = None
        self._thread: threading.Thread | None = None
        self._stop_requested: asyncio.Event | None = None

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` on the other loop and return its result. Cancelling the caller cancels the work.

        Raises:
            Exception: as raised by the work.
        """
        if self._loop is None:
            self._loop = Future()
            self._thread = threading.Thread(target=asyncio.run, args=(self._run_loop(self._loop),), name=self._name, daemon=True)
            self._thread.start()
        # Shielded: the future belongs to all callers, so that one that is cancelled must not cancel it.
        loop = await asyncio.shield(asyncio.wrap_future(self._loop))

        async def run_there() -> T:
            return await work()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(run_there(), loop))

    async def close(self) -> None:
        """Cancel the work that still runs and end the thread. A later `run` starts a new one."""
        loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        (await asyncio.wrap_future(loop)).call_soon_threadsafe(self._request_stop)
        await asyncio.to_thread(thread.join)

    async def _run_loop(self, loop_ready: Future[asyncio.AbstractEventLoop]) -> None:
        # When this coroutine returns, `asyncio.run` cancels all other tasks of the loop.
        self._stop_requested = asyncio.Event()
        loop_ready.set_result(asyncio.get_running_loop())
        await self._stop_requested.wait()

    def _request_stop(self) -> None:
        if self._stop_requested is not None:
            self._stop_requested.set()


SWITCH_INTERVAL = 0.001
"""Seconds after which a busy thread yields to the others; Python's default is 0.005."""


@contextmanager
def import_quietly() -> Iterator[None]:
    """Import large libraries in a thread with little effect on the other threads.

    The garbage collector is off meanwhile, and the new objects are frozen afterwards, so that it never walks them; threads switch
    more often. Measured while LiteLLM was imported on 2 cores, the longest stall of another thread's loop: 311 ms without this,
    about 100 ms with it.
    """
    was_enabled, interval = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        gc.freeze()
        if was_enabled:
            gc.enable()
