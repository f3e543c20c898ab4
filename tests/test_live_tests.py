"""The live tests, played against a local server: what they do with a key, and that the other providers are deselected."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from tests.support.fake_models.replies import ModelCall, ScriptedReply, Tokens, ToolUse
from tests.support.fake_models.server import ModelServer

ROOT = Path(__file__).parents[1]


def obey(asked: ModelCall) -> ScriptedReply:
    """Call the tool as the last message says."""
    words = str(asked.messages[-1]["content"]).rpartition("content: ")[2]
    use = ToolUse(name="new_answer", arguments={"content": words})
    return ScriptedReply(tool_calls=[use], usage=Tokens(input=1600, output=20, cached=1024))


async def test_only_providers_with_a_key_are_called_and_their_costs_are_printed(tmp_path: Path) -> None:
    async with ModelServer(obey) as server:
        environ = {name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))}
        environ |= {"OPENAI_API_KEY": "key-of-openai", "OPENAI_BASE_URL": server.url, "PYTHONPATH": str(ROOT)}
        live, settings = str(ROOT / "tests" / "live"), str(ROOT / "pyproject.toml")
        command = [sys.executable, "-m", "pytest", "-m", "live", live, "-n", "0", "-s", "-c", settings, "-p", "no:cacheprovider"]
        process = await asyncio.create_subprocess_exec(
            *command, cwd=tmp_path, env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    assert len(server.requests) == 2
    assert {asked.model for asked in server.requests} == {"gpt-6.1-terra"}
    assert "1600 tokens, 1024 from its cache, 20 out; booked $0.0007" in out.decode()
