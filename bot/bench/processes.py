"""Other processes of a benchmark: Python of this installation, ended with the benchmark whatever happens."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_ROOT = Path(__file__).parents[2]
"""The folder from which this process imports `bot`."""


@asynccontextmanager
async def run_module(module: str, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """A module run as a program; gives its standard output. Its input stays open until the end, and then it is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def run_model_server() -> AsyncIterator[str]:
    """The model server; gives its base address."""
    async with run_module("bot.bench.model_server") as output:
        port = int(await output.readline())
        yield f"http://127.0.0.1:{port}/v1"
