"""One connection to one tool server, through the official client. Imported when the first tool is needed: it takes a second."""

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
from orchestrator_bridge.tool.content import LONGEST, to_tool, to_tool_result
from orchestrator_bridge.tool.model import Tool, ToolNotCalled, ToolOutcomeUnknown, ToolResult

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


_LOG = logging.getLogger(__name__)

LONGEST_LINE = 64 * 1024
"""Bytes; a longer line is left out."""

DRAIN_TIMEOUT = 0.5
"""Seconds that the last words of a server are waited for: what it has started may hold its standard error open."""


class StderrLogger:
    """What a server writes to its standard error, which is `file`; each line is logged."""

    def __init__(self, server: str, file: TextIO, stream: asyncio.StreamReader) -> None:
        self.file = file
        self._last = ""
        self._task = asyncio.create_task(self._log_lines(server, stream), name=f"what {server} complains of")

    async def last_line(self) -> str:
        """The last line that came from a server which has ended, in at most 200 characters; empty if none did."""
        self.file.close()
        await asyncio.wait([self._task], timeout=DRAIN_TIMEOUT)
        return one_line(self._last, 200)

    async def close(self) -> None:
        """Listen no more."""
        self.file.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _log_lines(self, server: str, stream: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:
                _LOG.info("%s: (a line of more than %d bytes)", server, LONGEST_LINE)
                continue
            if not line:
                return
            text = line.decode("utf-8", "replace").rstrip()
            self._last = text or self._last
            _LOG.info("%s: %s", server, text)


@asynccontextmanager
async def capture_stderr(server: str) -> AsyncIterator[StderrLogger]:
    """A file to be given to a server's process as its standard error."""
    reading, writing = os.pipe()
    stream = asyncio.StreamReader(limit=LONGEST_LINE)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(reading, "rb", buffering=0)
    )
    complaints = StderrLogger(server, os.fdopen(writing, "w", encoding="utf-8"), stream)
    try:
        yield complaints
    finally:
        transport.close()
        await complaints.close()


MAX_TOOLS = 200
"""Tools of one server that are offered; a server that pages for ever is cut off."""

LONGEST_ERROR = 200
"""Characters of a server's own words in a sentence of ours."""

_CLOSED, _SESSION_LOST = "Connection closed", "Session terminated"
"""The client's own words for a connection that has ended, and for a server that was started again and does not know us any more.
Its codes for them are those that servers use for anything of their own."""

_NO_RESPONSE = (types.INTERNAL_ERROR, types.PARSE_ERROR, types.INVALID_REQUEST)
"""Errors that the client puts in the place of an answer which was none, or a server whose call broke off in the middle."""


class ToolConnection:
    """A server that is up. `lost` is set when the connection has ended, `changed` when the server says that its tools have."""

    def __init__(self, server: str, client: Client, lost: asyncio.Event, changed: asyncio.Event) -> None:
        self._server = server
        self._client = client
        self.lost = lost
        self.changed = changed

    async def tools(self) -> tuple[Tool, ...]:
        """What the server offers now; of tools with the same name the first.

        Raises:
            NotCalled: it does not say.
        """
        found: dict[str, Tool] = {}
        cursor: str | None = None
        try:
            for _ in range(MAX_TOOLS):
                page = await self._client.list_tools(cursor=cursor, cache_mode="bypass")
                for one in page.tools:
                    found.setdefault(one.name, to_tool(self._server, one))
                cursor = page.next_cursor
                if cursor is None or len(found) >= MAX_TOOLS:
                    break
        except Exception as error:
            raise ToolNotCalled(f"{self._server} does not list its tools: {_error_text(error)}") from error
        return tuple(found.values())[:MAX_TOOLS]

    async def call(self, tool: str, arguments: dict[str, Any], timeout: float) -> ToolResult:
        """Call a tool; `timeout` is in seconds.

        Raises:
            NotCalled: the connection had ended before.
            Unknown: nobody knows whether the call had any effect.
        """
        if self.lost.is_set():
            raise ToolNotCalled(f"{self._server} is down")
        try:
            async with asyncio.timeout(timeout):
                return to_tool_result(await self._client.call_tool(tool, arguments))
        except TimeoutError:
            raise ToolOutcomeUnknown(f"{self._server} gave no answer within {timeout:g} s") from None
        except MCPError as error:
            return self._error_result(error)
        except Exception as error:
            raise ToolOutcomeUnknown(f"{self._server} answered with what is no result: {_error_text(error)}") from error

    def _error_result(self, error: MCPError) -> ToolResult:
        """What an error in the place of a result means."""
        if error.message == _SESSION_LOST:
            self.lost.set()
            raise ToolNotCalled(f"{self._server} was started again and has to be connected anew") from error
        if error.message == _CLOSED:
            raise ToolOutcomeUnknown(f"the connection to {self._server} was cut off") from error
        if error.code in _NO_RESPONSE:
            raise ToolOutcomeUnknown(f"{self._server} answered with an error: {_error_text(error)}") from error
        return ToolResult(text=clean(error.message, LONGEST), failed=True)


def _error_text(error: BaseException) -> str:
    """What an error says: a server's words as such, of others only their kind, for in them may be an address with a key."""
    match error:
        case BaseExceptionGroup():
            return _error_text(error.exceptions[0])
        case MCPError() if error.message == _CLOSED:
            return "it has ended"
        case MCPError() if error.message.strip():
            return f"“{one_line(error.message, LONGEST_ERROR)}”"
        case httpx2.ConnectError():
            return "nobody answers at its address"
        case FileNotFoundError() | PermissionError():
            return f"its command cannot be run ({error.strerror})"
        case _:
            return type(error).__name__


@asynccontextmanager
async def connect_command(
    server: str, command: Sequence[str], env: Mapping[str, str], folder: Path
) -> AsyncIterator[ToolConnection]:
    """Start a server as a process of its own, in a folder, and speak with it over its standard input and output.

    `python` is the Python that this process runs on.

    Raises:
        NotCalled: it does not start, or does not answer as a server of tools does.
    """
    program = sys.executable if command[0] == "python" else command[0]
    parameters = StdioServerParameters(command=program, args=list(command[1:]), env=dict(env), cwd=folder)
    async with capture_stderr(server) as complaints:
        try:
            async with _connected(server, stdio_client(parameters, errlog=complaints.file)) as connection:
                yield connection
        except ToolNotCalled as error:
            last = await complaints.last_line()
            raise ToolNotCalled(f"{error}; the last that it wrote is “{last}”" if last else str(error)) from error


@asynccontextmanager
async def connect_url(server: str, url: str, headers: Mapping[str, str]) -> AsyncIterator[ToolConnection]:
    """Speak with a server at an address (streamable HTTP).

    Raises:
        NotCalled: it does not answer, or not as a server of tools does.
    """
    refused: list[int] = []

    async def note(response: httpx2.Response) -> None:
        if response.status_code >= 400:
            refused.append(response.status_code)

    async with create_mcp_http_client(headers=dict(headers)) as http:
        http.event_hooks = {"response": [note]}
        try:
            async with _connected(server, streamable_http_client(url, http_client=http)) as connection:
                yield connection
        except ToolNotCalled as error:
            raise ToolNotCalled(f"{error}; its address answers with status {refused[-1]}" if refused else str(error)) from error


@asynccontextmanager
async def _connected(server: str, transport: AbstractAsyncContextManager[TransportStreams]) -> AsyncIterator[ToolConnection]:
    lost, changed = asyncio.Event(), asyncio.Event()

    async def heard(message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            changed.set()

    failed: ToolNotCalled | None = None
    async with AsyncExitStack() as stack:
        client = Client(watch_disconnect(transport, lost), message_handler=heard)
        try:
            await stack.enter_async_context(client)
        except Exception as error:
            raise ToolNotCalled(f"{server} cannot be started: {_error_text(error)}") from error
        listens = asyncio.Event()
        watching = asyncio.create_task(_watch_tool_changes(client, changed, listens), name=f"changes of {server}")
        try:
            await listens.wait()
            yield ToolConnection(server, client, lost, changed)
        except ToolNotCalled as error:  # raised further out: the client would make a group of it
            failed = error
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    if failed is not None:
        raise failed


async def _watch_tool_changes(client: Client, changed: asyncio.Event, listens: asyncio.Event) -> None:
    """Servers of the protocol of 2026 tell of changes only who listens for them; older ones just tell, and know no listening.

    `listens` is set once nothing that changes from then on can be missed, or is known to be missed.
    """
    try:
        if client.protocol_version in MODERN_PROTOCOL_VERSIONS:
            async with client.listen(tools_list_changed=True) as changes:
                listens.set()
                async for _ in changes:
                    changed.set()
    except Exception as error:
        _LOG.info("changes of a server's tools are not heard: %s", _error_text(error))
    finally:
        listens.set()
