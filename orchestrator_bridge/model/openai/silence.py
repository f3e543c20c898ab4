"""The bytes of an answer as they arrive, and the time limit of the silence between them.

A call has no limit while bytes arrive: a slow model that writes is better than one that is asked again. Before the answer begins
a model may reason for minutes without a byte (docs.x.ai advises 15 minutes); in the middle of a text it does not.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

import aiohttp

from orchestrator_bridge.model.catalogue import Route
from orchestrator_bridge.model.errors import TimedOut
from orchestrator_bridge.model.provider_errors import TIMEOUT_ADVICE, provider_label

DRAIN_TIME = 0.2
"""Seconds for which the end of a body is awaited after the last event of its stream."""


class SilenceTimer:
    """Ends a call in which no byte arrives for `seconds`; after the beginning of the answer, for `stall_after`.

    `timeout` is the context of the call.
    """

    def __init__(self, seconds: float, stall_after: float) -> None:
        self.timeout = asyncio.timeout(seconds)
        self._seconds = seconds
        self._stall_after = min(seconds, stall_after)
        self._begun = False
        self._stopped = False

    def stop(self) -> None:
        """Ignore what arrives from now on: the call has ended."""
        self._stopped = True

    def restart(self) -> None:
        """Start the time again."""
        if not (self._stopped or self.timeout.expired()):
            self.timeout.reschedule(asyncio.get_running_loop().time() + self._limit)

    def answer_begun(self) -> None:
        """Apply the limit for the middle of an answer from now on, and start the time again."""
        self._begun = True
        self.restart()

    def failure(self, route: Route) -> TimedOut:
        """Error for a call that this timer ended."""
        where = " in the middle of its answer" if self._begun else ""
        return TimedOut(f"{provider_label(route)} sent nothing for {self._limit:g} s{where}", TIMEOUT_ADVICE)

    @property
    def _limit(self) -> float:
        return self._stall_after if self._begun else self._seconds


class Body:
    """Body of a response, piece by piece. Each piece restarts the timer."""

    def __init__(self, response: aiohttp.ClientResponse, silence: SilenceTimer) -> None:
        self._content = response.content
        self._silence = silence
        self._held = b""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        piece, self._held = self._held or await self._content.readany(), b""
        if not piece:
            raise StopAsyncIteration
        self._silence.restart()
        return piece

    async def peek(self) -> bytes:
        """Return the first piece without consuming it."""
        self._held = self._held or await self._content.readany()
        return self._held

    async def read(self) -> bytes:
        """Return the rest."""
        return b"".join([piece async for piece in self])

    async def drain(self) -> None:
        """Read to the end, after which the connection can be used again. A server that keeps it open is left."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_TIME):
                await self.read()
