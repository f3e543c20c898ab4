"""One tool server, kept up: started when it is first needed, started again with growing pauses when it dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.clock import Clock, sleep_until
from orchestrator_bridge.tool.values import NotCalled, Result, Tool

if TYPE_CHECKING:
    from orchestrator_bridge.tool.connection import Connection

_LOG = logging.getLogger(__name__)

START_FOR = 30.0
"""Seconds that a server gets to start and list its tools; `npx` and `uvx` may have to fetch it first."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a server that died is started again, doubled each time; the first again once it has lived that long."""

Connect = Callable[[], AbstractAsyncContextManager["Connection"]]


class Server:
    """A tool server. One task owns its connection; any task may call.

    `changed` is told its name when its tools may be others: the server says so, or is up again.
    """

    def __init__(self, name: str, connect: Connect, clock: Clock, changed: Callable[[str], None]) -> None:
        self.name = name
        self.trouble = ""
        """Why it is down, in words; empty while it is up or was never needed."""
        self._connect = connect
        self._clock = clock
        self._changed = changed
        self._connection: Connection | None = None
        self._tools: tuple[Tool, ...] = ()
        self._was_up = False
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def tools(self) -> tuple[Tool, ...]:
        """What it offers; it is started if it is not up, and waited for.

        Raises:
            NotCalled: it does not come up.
        """
        await self._up()
        return self._tools

    async def call(self, tool: str, arguments: dict[str, Any], timeout: float) -> Result:
        """Call one of its tools; `timeout` is in seconds.

        Raises:
            NotCalled: it is down, and the call was not made.
            Unknown: nobody knows whether the call had any effect.
        """
        return await (await self._up()).call(tool, arguments, timeout)

    async def close(self) -> None:
        """Stop it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _up(self) -> Connection:
        if self._task is None:
            self._task = asyncio.create_task(self._live(), name=f"tool server {self.name}")
        await self._tried.wait()
        if self._connection is None:
            raise NotCalled(self.trouble)
        return self._connection

    async def _live(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = self._clock.now()
            await self._once()
            self._connection = None
            self._tried.set()
            _LOG.warning("%s; it is started again in %g s", self.trouble, pause)
            if self._clock.now() - began > LONGEST_PAUSE:
                pause = FIRST_PAUSE
            await sleep_until(self._clock, self._clock.now() + pause)
            pause = min(LONGEST_PAUSE, 2 * pause)
            self._tried.clear()

    async def _once(self) -> None:
        """Be connected until the connection ends, for whatever reason."""
        self.trouble = f"{self.name} did not start within {START_FOR:g} s"
        try:
            async with asyncio.timeout(START_FOR) as starting, self._connect() as connection:
                self._tools = await connection.tools()
                starting.reschedule(None)
                self._connection, self.trouble = connection, ""
                self._tried.set()
                if self._was_up:
                    self._changed(self.name)
                self._was_up = True
                await self._stay(connection)
            self.trouble = f"{self.name} has ended by itself"
        except NotCalled as error:
            self.trouble = str(error)
        except Exception as error:
            self.trouble = self.trouble or f"{self.name} broke off ({type(error).__name__})"
            _LOG.debug("the connection to %s broke", self.name, exc_info=True)

    async def _stay(self, connection: Connection) -> None:
        """Until the connection is lost: list the tools again whenever the server says that they have changed."""
        lost = asyncio.ensure_future(connection.lost.wait())
        try:
            while not lost.done():
                changed = asyncio.ensure_future(connection.changed.wait())
                await asyncio.wait([lost, changed], return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if connection.changed.is_set() and not lost.done():
                    connection.changed.clear()
                    self._tools = await connection.tools()
                    self._changed(self.name)
        finally:
            lost.cancel()
