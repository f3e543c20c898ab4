"""A check before each request of an adapter, at the last moment before its bytes leave.

A process that is suspended does not notice it. When it goes on, a request that it had begun would leave, although another process
has replaced it and has made the same request. The outbox confirms before each post that this process was not replaced, but it can
be suspended after that: while the adapter connects, waits for a rate limit, or sends the second message of a long post. So the
check is made again where the bytes are written, in `guard_requests`.

An adapter that makes its requests in another way awaits `check_request` itself; without either, the check of the outbox is the
only one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import aiohttp

Check = Callable[[], Awaitable[None]]
"""Raises `SendUncertain` if this process may have been replaced. An earlier request of the same post may have arrived."""

_CHECK: ContextVar[Check | None] = ContextVar("the check before each request of this task", default=None)


@contextmanager
def checked_requests(check: Check) -> Iterator[None]:
    """Make the check before each request that is made in this block."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)


async def check_request() -> None:
    """Make the check of the current block; outside of one there is none.

    Raises:
        SendUncertain: the request must not be made.
    """
    check = _CHECK.get()
    if check is not None:
        await check()


def guard_requests(config: aiohttp.TraceConfig) -> aiohttp.TraceConfig:
    """Make the check before the bytes of each request of a session with this configuration. Returns the configuration."""
    # aiohttp calls both immediately before it writes (ClientRequest._send, StreamWriter.write_eof); on_request_start is called
    # before it connects, which can take seconds. A request without a body has headers only.
    config.on_request_headers_sent.append(_on_bytes)
    config.on_request_chunk_sent.append(_on_bytes)
    return config


async def _on_bytes(*_: object) -> None:
    await check_request()
