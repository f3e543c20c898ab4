"""Supervision of one tool server: started when it is first needed, restarted with backoff when it ends."""

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
"""Seconds for a server to start and list its tools; `npx` and `uvx` may have to download it first."""

RESTART_BACKOFF = Backoff(first=1.0, longest=60.0)
"""Delays before a server that ended is restarted. They start over once it has run for longer than the longest one."""

LIST_TIMEOUT = 15.0
"""Seconds for a running server to list its tools again."""

LIST_PAUSE = 1.0
"""Shortest time in seconds between two listings, however often the server announces changes."""

Connect = Callable[[], AbstractAsyncContextManager["ToolConnection"]]


class ToolServer:
    """A tool server. One task owns the connection, since `mcp` must close it in the task that opened it; any task may call.

    `on_change` is called with the server's name whenever its tools may differ: it announces a change, ends, or is up again.
    """

    def __init__(self, name: str, connect: Connect, clock: Clock, on_change: Callable[[str], None]) -> None:
        self.name = name
        self.trouble = ""
        """Reason for people why the server is down; empty while it is up or was never needed."""
        self._connect = connect
        self._clock = clock
        self._on_change = on_change
        self._connection: ToolConnection | None = None
        self._tools: tuple[Tool, ...] = ()
        self._attempted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def tools(self) -> tuple[Tool, ...]:
        """List the server's tools, starting it first if it is not up.

        Raises:
            ToolNotCalled: the server does not start.
        """
        await self._wait_connected()
        return self._tools

    async def call(self, tool: str, arguments: dict[str, Any], timeout: float) -> ToolResult:
        """Call one of its tools; `timeout` is in seconds.

        Raises:
            ToolNotCalled: the server is down, and the call was not made.
            ToolOutcomeUnknown: the call may have had an effect.
        """
        return await (await self._wait_connected()).call(tool, arguments, timeout)

    async def close(self) -> None:
        """Stop the server."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _wait_connected(self) -> ToolConnection:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"tool server {self.name}")
        await self._attempted.wait()
        if self._connection is None:
            raise ToolNotCalled(self.trouble)
        return self._connection

    async def _run(self) -> None:
        failures, reported = 0, ""
        while True:
            began = self._clock.now()
            await self._run_connection(again=bool(reported))
            # A long life is a recovery: the next failure starts with the shortest delay.
            if self._clock.now() - began > RESTART_BACKOFF.longest:
                failures = 0
            pause = RESTART_BACKOFF.delay(failures)
            _LOG.log(logging.INFO if self.trouble == reported else logging.WARNING, "%s; restarting in %g s", self.trouble, pause)
            reported = self.trouble
            self._attempted.set()
            await sleep_until(self._clock, self._clock.now() + pause)
            failures += 1
            self._attempted.clear()

    async def _run_connection(self, *, again: bool) -> None:
        """Connect and serve until the connection ends for any reason. `again` is True after the first attempt."""
        self.trouble = f"{self.name} did not start within {START_TIMEOUT:g} s"
        try:
            async with asyncio.timeout(START_TIMEOUT) as starting, self._connect() as connection:
                self._tools = await connection.tools()
                # The timeout covers the start only.
                starting.reschedule(None)
                await self._serve(connection, again=again)
            self._on_disconnected(f"{self.name} stopped unexpectedly")
        except ToolNotCalled as error:
            self._on_disconnected(str(error))
        except Exception as error:
            self._on_disconnected(self.trouble or f"the connection to {self.name} failed ({type(error).__name__})")
            _LOG.debug("the connection to %s failed", self.name, exc_info=True)

    async def _serve(self, connection: ToolConnection, *, again: bool) -> None:
        self._connection, self.trouble = connection, ""
        self._attempted.set()
        if again:
            self._on_change(self.name)
        try:
            await self._wait_lost(connection)
        finally:
            self._connection = None

    def _on_disconnected(self, trouble: str) -> None:
        """Note the reason, and notify the listener if the server was up."""
        was_up, self.trouble = not self.trouble, trouble
        if was_up:
            self._on_change(self.name)

    async def _wait_lost(self, connection: ToolConnection) -> None:
        """Wait until the connection is lost. Meanwhile list the tools again whenever the server announces a change."""
        lost = asyncio.ensure_future(connection.lost.wait())
        try:
            while not lost.done():
                changed = asyncio.ensure_future(connection.changed.wait())
                await asyncio.wait([lost, changed], return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if connection.changed.is_set() and not lost.done():
                    await self._refresh_tools(connection)
                    # A pause between two listings, cut short when the connection ends.
                    pause = asyncio.ensure_future(sleep_until(self._clock, self._clock.now() + LIST_PAUSE))
                    await asyncio.wait([lost, pause], return_when=asyncio.FIRST_COMPLETED)
                    pause.cancel()
        finally:
            lost.cancel()

    async def _refresh_tools(self, connection: ToolConnection) -> None:
        connection.changed.clear()
        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                self._tools = await connection.tools()
        except TimeoutError:
            raise ToolNotCalled(
                f"{self.name} announced that its tools changed but did not list them within {LIST_TIMEOUT:g} s"
            ) from None
        self._on_change(self.name)
