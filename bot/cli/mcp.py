"""`townhall mcp`: an MCP server over standard input and output that hands every call to the door of the running bot.

It holds nothing: a bot that is started again later is found at the next call, and what was asked is there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.context import ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types.version import LATEST_MODERN_VERSION

from bot.config.errors import ConfigError, Problem
from bot.config.settings import Settings, read_settings
from bot.mcp_server import listener
from bot.mcp_server.protocol import client_name, create_mcp_server
from bot.mcp_server.service import ToolResponse
from bot.mcp_server.tools import MAX_WAIT

TIMEOUT_MARGIN = 120.0
"""Seconds that the door gets beyond the longest wait before an answer is given up."""


async def serve_stdio() -> None:
    """Serve until standard input ends. Only the environment is read: the working directory is that of somebody else's project.

    Raises:
        Trouble: there is no token.
    """
    settings = read_settings(Path(os.devnull))
    token = settings.townhall_token
    if token is None:
        raise ConfigError("agents outside need a token", [_NO_TOKEN])
    proxy = McpProxy(settings, token.get_secret_value())
    server = create_mcp_server(proxy.call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


class McpProxy:
    """Hands calls to the door of the bot that runs on a data folder."""

    def __init__(self, settings: Settings, token: str) -> None:
        self._data = settings.data.absolute()
        self._token = token

    async def call(self, context: ServerRequestContext[Any, Any], tool: str, arguments: Mapping[str, Any]) -> ToolResponse:
        """Hand one call over, on behalf of the client that made it."""
        door = listener.read_endpoint(self._data)
        if door is None:
            return ToolResponse(payload={}, denial=self._not_running_text())
        statuses: list[int] = []
        try:
            return await self._call_bot(door.url, client_name(context), tool, arguments, statuses)
        except Exception as error:
            return ToolResponse(
                payload={}, denial=_TOKEN_REJECTED if 401 in statuses else _connection_lost_text(_root_cause(error))
            )

    async def _call_bot(
        self, url: str, client: str, tool: str, arguments: Mapping[str, Any], statuses: list[int]
    ) -> ToolResponse:
        """`statuses`: what the door answered, in the words of HTTP; the client's own errors do not tell."""

        async def answered(response: httpx2.Response) -> None:
            statuses.append(response.status_code)

        headers = {"Authorization": f"Bearer {self._token}"}
        info = types.Implementation(name=client or "agent", version="")
        timeout = httpx2.Timeout(TIMEOUT_MARGIN, read=MAX_WAIT + TIMEOUT_MARGIN)
        async with create_mcp_http_client(headers=headers, timeout=timeout) as http:
            http.event_hooks["response"].append(answered)
            transport = streamable_http_client(url, http_client=http)
            async with Client(transport, client_info=info, mode=LATEST_MODERN_VERSION) as door:
                return _to_tool_response(await door.call_tool(tool, dict(arguments)))

    def _not_running_text(self) -> str:
        return (
            f"No Townhall bot runs on the data folder {self._data}, so nobody can be asked. Start it (townhall run), or set "
            "TOWNHALL_DATA, in this server's environment, to the absolute path of the data folder of the bot that runs."
        )


def _root_cause(error: BaseException) -> BaseException:
    return _root_cause(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _connection_lost_text(error: BaseException) -> str:
    return (
        f"The bot went away while this was under way ({type(error).__name__}). What was asked lives on: call again with the "
        "same arguments, which asks nobody twice."
    )


def _to_tool_response(result: types.CallToolResult) -> ToolResponse:
    if result.is_error:
        return ToolResponse(
            payload={}, denial="\n".join(one.text for one in result.content if isinstance(one, types.TextContent))
        )
    return ToolResponse(payload=dict(result.structured_content or {}))


_TOKEN_REJECTED = "The bot does not take the token in TOWNHALL_TOKEN: it is wrong or withdrawn. `townhall token list` has them."
_NO_TOKEN = Problem(
    where="TOWNHALL_TOKEN",
    found="no value in the environment",
    expected="a token of the bot",
    fix="make one with `townhall token make NAME`, and put it into this server's environment in your client's configuration",
)
