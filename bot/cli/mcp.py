"""`townhall mcp`: an MCP server on standard input and output that forwards every call to the running bot.

It has no state: after a restart of the bot the next call finds the new process, and the questions are still there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.context import ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp_types.version import LATEST_MODERN_VERSION

from bot.config.errors import ConfigError, Problem
from bot.config.settings import Settings, read_settings
from bot.mcp_server import listener
from bot.mcp_server.protocol import client_name, create_mcp_server
from bot.mcp_server.service import ToolResponse
from bot.mcp_server.tools import MAX_WAIT

TIMEOUT_MARGIN = 120.0
"""Seconds beyond the longest wait after which a call to the bot is given up."""


_NO_TOKEN = Problem(
    where="TOWNHALL_TOKEN",
    found="no value in the environment",
    expected="an access token of the bot",
    fix="create one with `townhall token make NAME`, and put it into this server's environment in your client's configuration",
)
_NOT_RUNNING = (
    "No Townhall bot runs on the data folder {data}, so nobody can be asked. Start it (townhall run), or set TOWNHALL_DATA, in "
    "this server's environment, to the absolute path of the running bot's data folder."
)
_TOKEN_REJECTED = "The bot rejects the token in TOWNHALL_TOKEN: it is wrong or revoked. `townhall token list` lists the tokens."
_NOT_ASKED = (
    "The bot on the data folder {data} does not accept this call ({error}). Nothing was asked. Call again in a minute; the bot's "
    "operator can run `townhall doctor`."
)
_CONNECTION_LOST = (
    "The connection to the bot was lost during this call ({error}). A question that was already asked stays open: call again "
    "with the same arguments. Nobody is asked twice."
)


async def serve_stdio() -> None:
    """Serve until standard input ends. No `.env` is read, because the working directory belongs to the client's project.

    Raises:
        ConfigError: there is no access token.
    """
    settings = read_settings(Path(os.devnull))
    token = settings.townhall_token
    if token is None:
        raise ConfigError("an MCP client needs an access token", [_NO_TOKEN])
    proxy = McpProxy(settings, token.get_secret_value())
    server = create_mcp_server(proxy.call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


class McpProxy:
    """Forwards calls to the bot that runs on a data folder."""

    def __init__(self, settings: Settings, token: str) -> None:
        self._data = settings.data.absolute()
        self._token = token

    async def call(self, context: ServerRequestContext[Any, Any], tool: str, arguments: Mapping[str, Any]) -> ToolResponse:
        """Forward one call of a client. If that fails, the response is a text for the client's agent."""
        # The endpoint file is read for every call: a bot that was started again listens elsewhere.
        endpoint = listener.read_endpoint(self._data)
        if endpoint is None:
            return ToolResponse(payload={}, denial=_NOT_RUNNING.format(data=self._data))
        statuses: list[int] = []
        try:
            return await self._call_bot(endpoint.url, client_name(context), tool, arguments, statuses)
        except Exception as error:
            return ToolResponse(payload={}, denial=self._explain(_root_cause(error), statuses))

    def _explain(self, error: BaseException, statuses: Sequence[int]) -> str:
        """Why a call failed. Only a call that was accepted may have asked something."""
        if 401 in statuses:
            return _TOKEN_REJECTED
        refused = next((status for status in statuses if status >= 400), None)
        if refused is not None or isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return _NOT_ASKED.format(data=self._data, error=f"status {refused}" if refused else type(error).__name__)
        return _CONNECTION_LOST.format(error=type(error).__name__)

    async def _call_bot(
        self, url: str, client: str, tool: str, arguments: Mapping[str, Any], statuses: list[int]
    ) -> ToolResponse:
        """`statuses` collects the HTTP status of each response, because the MCP client's errors do not contain it."""

        async def record_status(response: httpx2.Response) -> None:
            statuses.append(response.status_code)

        headers = {"Authorization": f"Bearer {self._token}"}
        info = types.Implementation(name=client or "agent", version="")
        timeout = httpx2.Timeout(TIMEOUT_MARGIN, read=MAX_WAIT + TIMEOUT_MARGIN)
        # The bot is on this machine: a proxy that the environment names must see neither the call nor its token.
        async with httpx2.AsyncClient(headers=headers, timeout=timeout, trust_env=False) as http:
            http.event_hooks["response"].append(record_status)
            transport = streamable_http_client(url, http_client=http)
            async with Client(transport, client_info=info, mode=LATEST_MODERN_VERSION) as bot:
                return _to_tool_response(await bot.call_tool(tool, dict(arguments)))


def _root_cause(error: BaseException) -> BaseException:
    return _root_cause(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _to_tool_response(result: types.CallToolResult) -> ToolResponse:
    if result.is_error:
        denial = "\n".join(part.text for part in result.content if isinstance(part, types.TextContent))
        return ToolResponse(payload={}, denial=denial)
    return ToolResponse(payload=dict(result.structured_content or {}))
