"""The tools as an MCP server, independent of its transport: the listener serves it over HTTP, `townhall mcp` over stdio.

A module of its own because it imports the MCP library, which takes most of a second: only a process that serves a client does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server

from bot.mcp_server.service import ToolResponse
from bot.mcp_server.tools import INSTRUCTIONS, READ_ONLY, TOOLS
from orchestrator_bridge.model.interface import ToolSpec

PROGRESS_INTERVAL = 15.0
"""Seconds between two progress notifications."""

CallTool = Callable[[ServerRequestContext[Any, Any], str, Mapping[str, Any]], Awaitable[ToolResponse]]
"""Executes one call of a tool, given its name and arguments."""


def create_mcp_server(call: CallTool) -> Server[Any]:
    """Create a server that lists the tools and executes their calls by `call`."""

    async def list_tools(_: ServerRequestContext[Any, Any], __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[to_mcp_tool(spec) for spec in TOOLS])

    async def call_tool(context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams) -> types.CallToolResult:
        async with _reported_progress(context):
            return to_call_result(await call(context, params.name, params.arguments or {}))

    return Server(
        "townhall",
        version=version("townhall"),
        title="Townhall",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


@asynccontextmanager
async def _reported_progress(context: ServerRequestContext[Any, Any]) -> AsyncIterator[None]:
    """Report progress while a call waits, to a client that asked for it: many give up a silent call after 60 s.

    Measured in real time, as clients do (modelcontextprotocol.io/specification, "Timeouts": progress may reset the timeout).
    """
    reporting = asyncio.create_task(_report_progress(context))
    try:
        yield
    finally:
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)


async def _report_progress(context: ServerRequestContext[Any, Any]) -> None:
    waited = 0.0
    while True:
        await asyncio.sleep(PROGRESS_INTERVAL)
        waited += PROGRESS_INTERVAL
        await context.session.report_progress(waited, message="Still waiting.")


def client_name(context: ServerRequestContext[Any, Any]) -> str:
    """Name that the client gave itself, such as `Claude Code`; empty if it gave none."""
    params = context.session.client_params
    return params.client_info.name if params is not None else ""


def to_mcp_tool(spec: ToolSpec) -> types.Tool:
    """A tool with MCP's annotations."""
    hints = types.ToolAnnotations(read_only_hint=spec.name in READ_ONLY, open_world_hint=True, destructive_hint=False)
    return types.Tool(name=spec.name, description=spec.description, input_schema=spec.parameters, annotations=hints)


def to_call_result(response: ToolResponse) -> types.CallToolResult:
    """A response as structured content, repeated as text for clients without structured content."""
    if response.denial:
        return types.CallToolResult(content=[types.TextContent(type="text", text=response.denial)], is_error=True)
    text = json.dumps(response.payload, ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], structured_content=response.payload)
