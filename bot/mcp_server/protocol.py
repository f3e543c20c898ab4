"""The tools as an MCP server, over whatever carries it. Imported when the first client comes: it takes most of a second."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server

from bot.mcp_server.service import ToolResponse
from bot.mcp_server.tools import INSTRUCTIONS, READ_ONLY, TOOLS

CallTool = Callable[[ServerRequestContext[Any, Any], str, Mapping[str, Any]], Awaitable[ToolResponse]]


def create_mcp_server(call: CallTool) -> Server[Any]:
    """A server of the tools; `call` carries one out."""

    async def list_tools(_: ServerRequestContext[Any, Any], __: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_tool(spec.name, spec.description, spec.parameters) for spec in TOOLS])

    async def call_tool(context: ServerRequestContext[Any, Any], params: types.CallToolRequestParams) -> types.CallToolResult:
        return to_call_result(await call(context, params.name, params.arguments or {}))

    return Server(
        "townhall",
        version=version("townhall"),
        title="Townhall",
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def client_name(context: ServerRequestContext[Any, Any]) -> str:
    """What the client calls itself."""
    params = context.session.client_params
    return params.client_info.name if params is not None else ""


def to_call_result(answer: ToolResponse) -> types.CallToolResult:
    """An answer as it goes over the wire: structured, and the same as text for clients that know no structure."""
    if answer.denial:
        return types.CallToolResult(content=[types.TextContent(type="text", text=answer.denial)], is_error=True)
    text = json.dumps(answer.payload, ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], structured_content=answer.payload)


def _tool(name: str, description: str, schema: dict[str, Any]) -> types.Tool:
    hints = types.ToolAnnotations(read_only_hint=name in READ_ONLY, open_world_hint=True, destructive_hint=False)
    return types.Tool(name=name, description=description, input_schema=schema, annotations=hints)
