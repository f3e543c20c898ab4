"""A connection's end, told at once: the official client itself notices it only when it is used next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from mcp.client._transport import ReadStream, TransportStreams
    from mcp.shared.message import SessionMessage


@asynccontextmanager
async def watch_disconnect(
    transport: AbstractAsyncContextManager[TransportStreams], lost: asyncio.Event
) -> AsyncIterator[TransportStreams]:
    """The transport; `lost` is set when its server says no more."""
    async with transport as (read, write):
        yield _WatchedStream(read, lost), write


class _WatchedStream:
    """A stream of what the server says that tells of its end."""

    def __init__(self, stream: ReadStream[SessionMessage | Exception], lost: asyncio.Event) -> None:
        self._stream = stream
        self._lost = lost

    async def receive(self) -> SessionMessage | Exception:
        try:
            return await self._stream.receive()
        except Exception:
            self._lost.set()
            raise

    def __aiter__(self) -> _WatchedStream:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        try:
            return await self._stream.__anext__()
        except (Exception, StopAsyncIteration):
            self._lost.set()
            raise

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> Self:
        await self._stream.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stream.__aexit__(kind, error, trace)
