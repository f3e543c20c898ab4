"""Connection to one MCP tool server through the official client.

Importing this module imports `mcp`, which takes about a second, so `toolbox` imports it when the first tool is needed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

import httpx2
import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from orchestrator_bridge.common.text import clean, one_line
from orchestrator_bridge.tool.content import MAX_RESULT_LENGTH, to_tool, to_tool_result
from orchestrator_bridge.tool.model import Tool, ToolNotCalled, ToolOutcomeUnknown, ToolResult

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from mcp.client._transport import ReadStream, TransportStreams
    from mcp.shared.message import SessionMessage


_LOG = logging.getLogger(__name__)

MAX_TOOLS = 200
"""Tools of one server that are offered. The limit also ends the listing of a server that pages forever."""

MAX_QUOTED = 200
"""Characters quoted from a server's own error message."""

_CLOSED, _SESSION_LOST = "Connection closed", "Session terminated"
"""The client's messages for a connection that ended, and for a server that restarted and no longer knows the session. Only the
messages identify them: the codes are also used by servers for errors of their own."""

_NO_RESPONSE = (types.INTERNAL_ERROR, types.PARSE_ERROR, types.INVALID_REQUEST)
"""Error codes that the client reports for an invalid response, and servers for a call that failed halfway."""


class ToolConnection:
    """Open connection to a server. `lost` is set when it ends, `changed` when the server announces that its tools changed."""

    def __init__(self, server: str, client: Client, lost: asyncio.Event, changed: asyncio.Event) -> None:
        self._server = server
        self._client = client
        self.lost = lost
        self.changed = changed

    async def tools(self) -> tuple[Tool, ...]:
        """List the server's tools; of several with the same name, the first.

        Raises:
            ToolNotCalled: the server does not list them.
        """
        found: dict[str, Tool] = {}
        cursor: str | None = None
        try:
            # Bounded by pages too: a server may send empty pages forever.
            for _ in range(MAX_TOOLS):
                page = await self._client.list_tools(cursor=cursor, cache_mode="bypass")
                for listed in page.tools:
                    found.setdefault(listed.name, to_tool(self._server, listed))
                cursor = page.next_cursor
                if cursor is None or len(found) >= MAX_TOOLS:
                    break
        except Exception as error:
            raise ToolNotCalled(f"{self._server} does not list its tools: {_error_text(error)}") from error
        return tuple(found.values())[:MAX_TOOLS]

    async def call(self, tool: str, arguments: dict[str, Any], timeout: float) -> ToolResult:
        """Call a tool; `timeout` is in seconds.

        Raises:
            ToolNotCalled: the connection had ended before the call.
            ToolOutcomeUnknown: the call may have had an effect.
        """
        if self.lost.is_set():
            raise ToolNotCalled(f"{self._server} is down")
        try:
            async with asyncio.timeout(timeout):
                return to_tool_result(await self._client.call_tool(tool, arguments))
        except TimeoutError:
            raise ToolOutcomeUnknown(f"{self._server} did not answer within {timeout:g} s") from None
        except MCPError as error:
            return self._error_result(error)
        except Exception as error:
            raise ToolOutcomeUnknown(f"{self._server} returned an invalid result: {_error_text(error)}") from error

    def _error_result(self, error: MCPError) -> ToolResult:
        """Result of a call that ended in an error of the protocol.

        Three errors say that there is no result; every other one is the tool's own answer, and goes to the agent as a failed
        result.
        """
        if error.message == _SESSION_LOST:
            self.lost.set()
            raise ToolNotCalled(f"{self._server} has restarted and must be reconnected") from error
        if error.message == _CLOSED:
            raise ToolOutcomeUnknown(f"the connection to {self._server} was cut off") from error
        if error.code in _NO_RESPONSE:
            raise ToolOutcomeUnknown(f"{self._server} answered with an error: {_error_text(error)}") from error
        return ToolResult(text=clean(error.message, MAX_RESULT_LENGTH), failed=True)


def _error_text(error: BaseException) -> str:
    """Quote a server's own message; for other errors name only the class, since their text may contain an address with a key."""
    match error:
        case BaseExceptionGroup():
            return _error_text(error.exceptions[0])
        case MCPError() if error.message == _CLOSED:
            return "it has ended"
        case MCPError() if error.message.strip():
            return f"“{one_line(error.message, MAX_QUOTED)}”"
        case httpx2.ConnectError():
            return "no server answers at its address"
        case FileNotFoundError() | PermissionError():
            return f"its command cannot be run ({error.strerror})"
        case _:
            return type(error).__name__


@asynccontextmanager
async def connect_command(
    server: str, command: Sequence[str], env: Mapping[str, str], folder: Path
) -> AsyncIterator[ToolConnection]:
    """Start a server as a child process in `folder` and connect to its standard input and output.

    The command `python` means the interpreter of this process.

    Raises:
        ToolNotCalled: the process does not start, or is not an MCP server.
    """
    # The name `python` may mean another installation, or none, in the environment of a service.
    program = sys.executable if command[0] == "python" else command[0]
    parameters = StdioServerParameters(command=program, args=list(command[1:]), env=dict(env), cwd=folder)
    async with capture_stderr(server) as stderr:
        try:
            async with _connected(server, stdio_client(parameters, errlog=stderr.file)) as connection:
                yield connection
        except ToolNotCalled as error:
            last = await stderr.last_line()
            raise ToolNotCalled(f"{error}; its last output is “{last}”" if last else str(error)) from error


@asynccontextmanager
async def connect_url(server: str, url: str, headers: Mapping[str, str]) -> AsyncIterator[ToolConnection]:
    """Connect to a server at an address (streamable HTTP).

    Raises:
        ToolNotCalled: the server does not answer, or is not an MCP server.
    """
    error_statuses: list[int] = []

    async def record_status(response: httpx2.Response) -> None:
        if response.status_code >= 400:
            error_statuses.append(response.status_code)

    async with create_mcp_http_client(headers=dict(headers)) as http:
        http.event_hooks = {"response": [record_status]}
        try:
            async with _connected(server, streamable_http_client(url, http_client=http)) as connection:
                yield connection
        except ToolNotCalled as error:
            status = f"; its address answers with status {error_statuses[-1]}" if error_statuses else ""
            raise ToolNotCalled(f"{error}{status}") from error


@asynccontextmanager
async def _connected(server: str, transport: AbstractAsyncContextManager[TransportStreams]) -> AsyncIterator[ToolConnection]:
    """Initialise the session, and watch for changed tools while it is open."""
    lost, changed = asyncio.Event(), asyncio.Event()

    async def on_message(message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            changed.set()

    failed: ToolNotCalled | None = None
    async with AsyncExitStack() as stack:
        client = Client(watch_disconnect(transport, lost), message_handler=on_message)
        try:
            await stack.enter_async_context(client)
        except Exception as error:
            raise ToolNotCalled(f"{server} cannot be started: {_error_text(error)}") from error
        listening = asyncio.Event()
        watching = asyncio.create_task(_watch_tool_changes(client, changed, listening), name=f"tool changes of {server}")
        try:
            await listening.wait()
            yield ToolConnection(server, client, lost, changed)
        except ToolNotCalled as error:
            # Raised after the exit stack: the client's task group would wrap it in an ExceptionGroup.
            failed = error
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    if failed is not None:
        raise failed


async def _watch_tool_changes(client: Client, changed: asyncio.Event, listening: asyncio.Event) -> None:
    """Set `changed` for every announced change of tools.

    Servers of the 2026 protocol announce changes only to subscribers; older ones notify every client, without a subscription.
    `listening` is set once no later change can be missed, or once the subscription has failed.
    """
    try:
        if client.protocol_version in MODERN_PROTOCOL_VERSIONS:
            async with client.listen(tools_list_changed=True) as changes:
                listening.set()
                async for _ in changes:
                    changed.set()
    except Exception as error:
        _LOG.info("changes of a server's tools are not received: %s", _error_text(error))
    finally:
        listening.set()


@asynccontextmanager
async def watch_disconnect(
    transport: AbstractAsyncContextManager[TransportStreams], lost: asyncio.Event
) -> AsyncIterator[TransportStreams]:
    """Wrap a transport so that `lost` is set when its read stream ends."""
    async with transport as (read, write):
        yield _WatchedStream(read, lost), write


class _WatchedStream:
    """Read stream that sets `lost` when it ends or fails; the client itself reports neither."""

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


MAX_LINE = 64 * 1024
"""Bytes; longer lines are not logged."""

DRAIN_TIMEOUT = 0.5
"""Seconds to wait for a server's last output: its own child processes may keep standard error open."""


@asynccontextmanager
async def capture_stderr(server: str) -> AsyncIterator[StderrLogger]:
    """Open a pipe for a child process's standard error, and log what arrives."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader(limit=MAX_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
    )
    logger = StderrLogger(server, os.fdopen(writing, "w", encoding="utf-8"), stream)
    try:
        yield logger
    finally:
        transport.close()
        await logger.close()


class StderrLogger:
    """Logs each line of a server's standard error. `file` is the writing end, to be passed to the process."""

    def __init__(self, server: str, file: TextIO, stream: asyncio.StreamReader) -> None:
        self.file = file
        self._last = ""
        self._task = asyncio.create_task(self._log_lines(server, stream), name=f"stderr of {server}")

    async def last_line(self) -> str:
        """Last line of a server that has ended, at most 200 characters; empty if it wrote nothing."""
        self.file.close()
        await asyncio.wait([self._task], timeout=DRAIN_TIMEOUT)
        return one_line(self._last, 200)

    async def close(self) -> None:
        """Stop logging."""
        self.file.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _log_lines(self, server: str, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                # `readline` discards a line that exceeds its limit.
                _LOG.info("%s: (a line of more than %d bytes)", server, MAX_LINE)
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            self._last = text or self._last
            _LOG.info("%s: %s", server, text)
