"""The stub MCP server, started for a test over either transport."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator_bridge.tool.model import ToolServerSpec

STUB = (sys.executable, "-m", "tests.support.fake_tools.stub_server")
SECRETS = {"STUB_TOKEN": "hunter-2-hunter"}


@asynccontextmanager
async def stub_over_stdio(folder: Path) -> AsyncIterator[ToolServerSpec]:
    env = {"STUB_LOG": str(folder / "done"), "STUB_SECRET": "${STUB_TOKEN}"}
    yield ToolServerSpec(command=STUB, env=env)


class Restartable:
    """The stub at an HTTP address, which can be stopped and restarted there."""

    def __init__(self, env: Mapping[str, str]) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            self._port = taken.getsockname()[1]
        self._env = env
        self._process: asyncio.subprocess.Process | None = None
        self.spec = ToolServerSpec(url=f"http://127.0.0.1:{self._port}/mcp")

    async def start(self) -> None:
        self._process = process = await asyncio.create_subprocess_exec(
            *STUB, "--port", str(self._port), stderr=asyncio.subprocess.PIPE, env=self._env
        )
        assert process.stderr is not None
        while b"running on" not in (line := await process.stderr.readline()):
            assert line, "the stub did not start"

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.communicate()


@asynccontextmanager
async def restartable(env: Mapping[str, str] | None = None) -> AsyncIterator[Restartable]:
    """Yield a stub that is not started yet."""
    stub = Restartable(env or {})
    try:
        yield stub
    finally:
        await stub.stop()


@asynccontextmanager
async def stub_over_http(folder: Path, takes: float = 0.0) -> AsyncIterator[ToolServerSpec]:
    """Start the stub over HTTP. `takes` is how many seconds `append` waits after it has written."""
    env = {"STUB_LOG": str(folder / "done"), "STUB_SECRET": SECRETS["STUB_TOKEN"], "STUB_TAKES": str(takes)}
    async with restartable(env) as stub:
        await stub.start()
        yield stub.spec.model_copy(update={"headers": {"Authorization": "Bearer ${STUB_TOKEN}"}})


def appended_lines(folder: Path) -> list[str]:
    """Lines that `append` has written, one for each call."""
    file = folder / "done"
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []
