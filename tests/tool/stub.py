"""The stub server started for a test, over either transport."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator_bridge.team import ToolServerSpec

STUB = (sys.executable, "-m", "tests.tool.stub_server")
SECRETS = {"STUB_TOKEN": "hunter-2-hunter"}


@asynccontextmanager
async def over_stdio(folder: Path) -> AsyncIterator[ToolServerSpec]:
    env = {"STUB_LOG": str(folder / "done"), "STUB_SECRET": "${STUB_TOKEN}"}
    yield ToolServerSpec(command=STUB, env=env)


@asynccontextmanager
async def over_http(folder: Path, takes: float = 0.0) -> AsyncIterator[ToolServerSpec]:
    """`takes`: seconds that `append` takes after it has written."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    env = {"STUB_LOG": str(folder / "done"), "STUB_SECRET": SECRETS["STUB_TOKEN"], "STUB_TAKES": str(takes)}
    process = await asyncio.create_subprocess_exec(*STUB, "--port", str(port), stderr=asyncio.subprocess.PIPE, env=env)
    assert process.stderr is not None
    while b"running on" not in (line := await process.stderr.readline()):
        assert line, "the stub did not start"
    try:
        yield ToolServerSpec(url=f"http://127.0.0.1:{port}/mcp", headers={"Authorization": "Bearer ${STUB_TOKEN}"})
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


def done(folder: Path) -> list[str]:
    """What `append` has written, a line for each call."""
    file = folder / "done"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
