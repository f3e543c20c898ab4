"""One tool server, kept up: started when it is first needed, started again with growing pauses when it dies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from orchestrator_bridge.common.backoff import Backoff
from orchestrator_bridge.common.clock import Clock, sleep_until
from orchestrator_bridge.tool.model import Tool, ToolNotCalled, ToolResult

if TYPE_CHECKING:
    from orchestrator_bridge.tool.connection import ToolConnection


_LOG = logging.getLogger(__name__)

START_TIMEOUT = 30.0
"""Seconds that a server gets to start and list its tools; `npx` and `uvx` may have to fetch it first."""

RESTART_BACKOFF = Backoff(first=1.0, longest=60.0)
"""Delays before a server that ended is started again. They begin anew once it has run for longer than the longest one."""

LIST_TIMEOUT = 15.0
"""Seconds that a server which is up gets to list its tools again."""

LIST_PAUSE = 1.0
"""Seconds at least between two lists, however often the server says that its tools have changed."""

Connect = Callable[[], AbstractAsyncContextManager["ToolConnection"]]


class ToolServer:
    """A tool server. One task owns its connection; any task may call.

    `changed` is told its name when its tools may be others: the server says so, has ended, or is up again.
    """

    def __init__(self, name: str, connect: Connect, clock: Clock, changed: Callable[[str], None]) -> None:
        self.name = name
        self.trouble = ""
        """Why it is down, in words; empty while it is up or was never needed."""
        self._connect = connect
        self._clock = clock
        self._changed = changed
        self._connection: ToolConnection | None = None
        self._tools: tuple[Tool, ...] = ()
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def tools(self) -> tuple[Tool, ...]:
        """What it offers; it is started if it is not up, and waited for.

        Raises:
            NotCalled: it does not come up.
        """
        await self._wait_connected()
        return self._tools

    async def call(self, tool: str, arguments: dict[str, Any], timeout: float) -> ToolResult:
        """Call one of its tools; `timeout` is in seconds.

        Raises:
            NotCalled: it is down, and the call was not made.
            Unknown: nobody knows whether the call had any effect.
        """
        return await (await self._wait_connected()).call(tool, arguments, timeout)

    async def close(self) -> None:
        """Stop it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _wait_connected(self) -> ToolConnection:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"tool server {self.name}")
        await self._tried.wait()
        if self._connection is None:
            raise ToolNotCalled(self.trouble)
        return self._connection

    async def _run(self) -> None:
        failures, told = 0, ""
        while True:
            began = self._clock.now()
            await self._run_connection(again=bool(told))
            if self._clock.now() - began > RESTART_BACKOFF.longest:
                failures = 0
            pause = RESTART_BACKOFF.delay(failures)
            _LOG.log(
                logging.INFO if self.trouble == told else logging.WARNING, "%s; it is started again in %g s", self.trouble, pause
            )
            told = self.trouble
            self._tried.set()
            await sleep_until(self._clock, self._clock.now() + pause)
            failures += 1
            self._tried.clear()

    async def _run_connection(self, *, again: bool) -> None:
        """Be connected until the connection ends, for whatever reason; `again`: an earlier one has ended, or failed."""
        self.trouble = f"{self.name} did not start within {START_TIMEOUT:g} s"
        try:
            async with asyncio.timeout(START_TIMEOUT) as starting, self._connect() as connection:
                self._tools = await connection.tools()
                starting.reschedule(None)
                await self._serve(connection, again=again)
            self._on_disconnected(f"{self.name} has ended by itself")
        except ToolNotCalled as error:
            self._on_disconnected(str(error))
        except Exception as error:
            self._on_disconnected(self.trouble or f"{self.name} broke off ({type(error).__name__})")
            _LOG.debug("the connection to %s broke", self.name, exc_info=True)

    async def _serve(self, connection: ToolConnection, *, again: bool) -> None:
        self._connection, self.trouble = connection, ""
        self._tried.set()
        if again:
            self._changed(self.name)
        try:
            await self._wait_lost(connection)
        finally:
            self._connection = None

    def _on_disconnected(self, trouble: str) -> None:
        """It is down; whoever thinks that it is up is told."""
        was_up, self.trouble = not self.trouble, trouble
        if was_up:
            self._changed(self.name)

    async def _wait_lost(self, connection: ToolConnection) -> None:
        """Until the connection is lost: list the tools again whenever the server says that they have changed."""
        lost = asyncio.ensure_future(connection.lost.wait())
        try:
            while not lost.done():
                changed = asyncio.ensure_future(connection.changed.wait())
                await asyncio.wait([lost, changed], return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if connection.changed.is_set() and not lost.done():
                    await self._refresh_tools(connection)
                    await self._pause(lost)
        finally:
            lost.cancel()

    async def _refresh_tools(self, connection: ToolConnection) -> None:
        connection.changed.clear()
        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                self._tools = await connection.tools()
        except TimeoutError:
            raise ToolNotCalled(
                f"{self.name} said that its tools have changed, and did not list them within {LIST_TIMEOUT:g} s"
            ) from None
        self._changed(self.name)

    async def _pause(self, lost: asyncio.Future[Any]) -> None:
        """Wait before the next list, unless the connection ends."""
        pause = asyncio.ensure_future(sleep_until(self._clock, self._clock.now() + LIST_PAUSE))
        await asyncio.wait([lost, pause], return_when=asyncio.FIRST_COMPLETED)
        pause.cancel()
