"""One connection to one tool server, through the official client. Imported when the first tool is needed: it takes a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import mcp_types as types
from mcp import Client, MCPError, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from orchestrator_bridge.tool.content import result_of, tool_of
from orchestrator_bridge.tool.stderr import errors_told
from orchestrator_bridge.tool.values import NotCalled, Result, Tool, Unknown

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from mcp.client._transport import ReadStream, TransportStreams
    from mcp.shared.message import SessionMessage

_LOG = logging.getLogger(__name__)

MOST_TOOLS = 200
"""Tools of one server that are offered; a server that pages for ever is cut off."""

_CUT_OFF = (types.CONNECTION_CLOSED, types.REQUEST_TIMEOUT)


class Connection:
    """A server that is up. `lost` is set when the connection has ended, `changed` when the server says that its tools have."""

    def __init__(self, server: str, client: Client, lost: asyncio.Event, changed: asyncio.Event) -> None:
        self._server = server
        self._client = client
        self.lost = lost
        self.changed = changed

    async def tools(self) -> tuple[Tool, ...]:
        """What the server offers now.

        Raises:
            NotCalled: it does not say.
        """
        found: list[Tool] = []
        cursor: str | None = None
        try:
            while len(found) < MOST_TOOLS:
                page = await self._client.list_tools(cursor=cursor, cache_mode="bypass")
                found += [tool_of(self._server, one) for one in page.tools]
                cursor = page.next_cursor
                if cursor is None:
                    break
        except Exception as error:
            raise NotCalled(f"{self._server} does not list its tools: {_said(error)}") from error
        return tuple(found[:MOST_TOOLS])

    async def call(self, tool: str, arguments: dict[str, Any], timeout: float) -> Result:
        """Call a tool; `timeout` is in seconds.

        Raises:
            NotCalled: the connection had ended before.
            Unknown: nobody knows whether the call had any effect.
        """
        if self.lost.is_set():
            raise NotCalled(f"{self._server} is down")
        try:
            async with asyncio.timeout(timeout):
                return result_of(await self._client.call_tool(tool, arguments))
        except TimeoutError:
            raise Unknown(f"{self._server} gave no answer within {timeout:g} s") from None
        except MCPError as error:
            if error.code in _CUT_OFF:
                raise Unknown(f"the connection to {self._server} was cut off") from error
            return Result(text=_said(error), failed=True)
        except Exception as error:
            raise Unknown(f"{self._server} answered with what is no result: {_said(error)}") from error


def _said(error: BaseException) -> str:
    """What an error says, without what may be secret in an address or a header."""
    if isinstance(error, BaseExceptionGroup):
        return _said(error.exceptions[0])
    return error.message if isinstance(error, MCPError) else type(error).__name__


@asynccontextmanager
async def to_command(server: str, command: Sequence[str], env: Mapping[str, str]) -> AsyncIterator[Connection]:
    """Start a server as a process of its own and speak with it over its standard input and output.

    Raises:
        NotCalled: it does not start, or does not answer as a server of tools does.
    """
    parameters = StdioServerParameters(command=command[0], args=list(command[1:]), env=dict(env))
    async with errors_told(server) as errlog, _connected(server, stdio_client(parameters, errlog=errlog)) as connection:
        yield connection


@asynccontextmanager
async def to_address(server: str, url: str, headers: Mapping[str, str]) -> AsyncIterator[Connection]:
    """Speak with a server at an address (streamable HTTP).

    Raises:
        NotCalled: it does not answer, or not as a server of tools does.
    """
    async with (
        create_mcp_http_client(headers=dict(headers)) as http,
        _connected(server, streamable_http_client(url, http_client=http)) as connection,
    ):
        yield connection


@asynccontextmanager
async def _connected(server: str, transport: AbstractAsyncContextManager[TransportStreams]) -> AsyncIterator[Connection]:
    lost, changed = asyncio.Event(), asyncio.Event()

    async def heard(message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            changed.set()

    async with AsyncExitStack() as stack:
        client = Client(_watched(transport, lost), message_handler=heard)
        try:
            await stack.enter_async_context(client)
        except Exception as error:
            raise NotCalled(f"{server} cannot be started: {_said(error)}") from error
        listens = asyncio.Event()
        watching = asyncio.create_task(_hear_changes(client, changed, listens), name=f"changes of {server}")
        try:
            await listens.wait()
            yield Connection(server, client, lost, changed)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


async def _hear_changes(client: Client, changed: asyncio.Event, listens: asyncio.Event) -> None:
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
        _LOG.info("changes of a server's tools are not heard: %s", _said(error))
    finally:
        listens.set()


@asynccontextmanager
async def _watched(
    transport: AbstractAsyncContextManager[TransportStreams], lost: asyncio.Event
) -> AsyncIterator[TransportStreams]:
    async with transport as (read, write):
        yield _Watched(read, lost), write


class _Watched:
    """A stream of what the server says that tells of its end: the client itself notices only when it is used next."""

    def __init__(self, stream: ReadStream[SessionMessage | Exception], lost: asyncio.Event) -> None:
        self._stream = stream
        self._lost = lost

    async def receive(self) -> SessionMessage | Exception:
        try:
            return await self._stream.receive()
        except Exception:
            self._lost.set()
            raise

    def __aiter__(self) -> _Watched:
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
