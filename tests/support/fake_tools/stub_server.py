"""A well-behaved MCP server, over stdio or HTTP: `python -m tests.support.fake_tools.stub_server [--port N]`.

Each call of `append` writes a line into the file named by `STUB_LOG`, so that tests can count the calls.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import ImageContent, TextContent, ToolAnnotations

server = MCPServer("stub")
READ_ONLY = ToolAnnotations(read_only_hint=True)


@server.tool(annotations=READ_ONLY)
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
async def append(line: str) -> str:
    """Write a line into a file, and take a while to say so."""
    _write(line)
    await asyncio.sleep(float(os.environ.get("STUB_TAKES", "0")))
    return "written"


def _write(line: str) -> None:
    with Path(os.environ["STUB_LOG"]).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


@server.tool(annotations=READ_ONLY)
def picture() -> list[Any]:
    """Give back a picture with a word on it."""
    return [TextContent(type="text", text="a dot"), ImageContent(type="image", data="iVBORw0KGgo=", mime_type="image/png")]


@server.tool(annotations=READ_ONLY)
def secret() -> str:
    """Tell what the environment holds."""
    return os.environ.get("STUB_SECRET", "nothing")


@server.tool(annotations=READ_ONLY)
def long(characters: int) -> str:
    """Talk for long."""
    return "word " * (characters // 5)


@server.tool(annotations=READ_ONLY)
async def hang() -> str:
    """Give no answer."""
    await asyncio.Event().wait()
    return "never"


@server.tool()
def die() -> str:
    """End the server in the middle of the call."""
    os._exit(3)


@server.tool(annotations=READ_ONLY)
def fail() -> str:
    """Fail."""
    raise ValueError("this tool fails")


@server.tool()
async def grow(context: Context) -> str:
    """Offer one more tool."""
    server.add_tool(lambda: "new", name="grown", description="It was not there before.")
    await context.notify_tools_changed()
    return "grown"


if __name__ == "__main__":
    sys.stderr.write("the stub begins\n")
    if "--port" in sys.argv:
        server.run(transport="streamable-http", port=int(sys.argv[sys.argv.index("--port") + 1]))
    else:
        server.run()
