"""Kill the bot while its agent uses tools: what writes is never called twice, what only reads is called until it has answered."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from orchestrator_bridge.run.events import ToolReturned, ToolStarted
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.resilience.harness.kill_loop import KillLoop
from tests.resilience.harness.kill_points import model_points
from tests.resilience.harness.platforms.chat import chat_points
from tests.resilience.harness.process import BotProcess
from tests.support.fake_chat.server import ChatServer
from tests.support.fake_chat.state import Message
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer
from tests.support.fake_tools.stub import STUB, appended_lines, stub_over_http

STEPS = 30

TEAM = """
[models.local]
base_url = "{model}"

[tools.stub]
{stub}
approve = {{append = "allow"}}

[team.default]
tools = ["stub"]
bounds = {{tool_calls = 1000, tool_calls_per_agent = 1000, calls = 200}}
[[team.default.agents]]
name = "one"
model = "local"
"""


def works_in_steps(asked: ModelCall) -> ScriptedReply:
    """Read and write something new in every step, whatever became of the last one."""
    results = [message for message in asked.messages if message["role"] == "tool"]
    step = len(results) // 2
    if step < STEPS:
        read = ToolUse(name="stub__add", arguments={"a": step, "b": 1}, id="a")
        write = ToolUse(name="stub__append", arguments={"line": f"step {step}"}, id="b")
        return ScriptedReply(tool_calls=[read, write])
    return ScriptedReply(tool_calls=[ToolUse(name="new_answer", arguments={"content": "done"})])


def finals(chat: ChatServer) -> list[Message]:
    return [message for message in chat.world.messages.values() if message.meta.get("kind") == "final_answer"]


@asynccontextmanager
async def elsewhere(folder: Path) -> AsyncIterator[str]:
    """The server lives on when the bot is killed."""
    async with stub_over_http(folder, takes=0.1) as stub:
        yield f'url = "{stub.url}"'


@asynccontextmanager
async def beneath(folder: Path) -> AsyncIterator[str]:
    """The server is a process of the bot, and ends with it in the middle of what it does."""
    env = {"STUB_LOG": str(folder / "done"), "STUB_TAKES": "0.1", "PYTHONPATH": str(Path.cwd())}
    yield f"command = {json.dumps(STUB)}\nenv = {{{', '.join(f'{name} = {json.dumps(value)}' for name, value in env.items())}}}"


@pytest.mark.parametrize(("where", "kills"), [(elsewhere, 8), (beneath, 4)])
async def test_killed_while_it_uses_tools_the_bot_writes_nothing_twice(
    where: Callable[[Path], AbstractAsyncContextManager[str]], kills: int, tmp_path: Path
) -> None:
    file = tmp_path / "townhall.db"
    async with ChatServer() as chat, ModelServer(works_in_steps) as model, where(tmp_path) as stub:
        team_file = tmp_path / "townhall.toml"
        team_file.write_text(TEAM.format(model=model.url, stub=stub), encoding="utf-8")
        environ = {"TOWNHALL_TEAM_FILE": str(team_file), "STUB_TOKEN": "any"}
        async with BotProcess("chat", file, [chat.url], tmp_path, environ) as process:
            chat.world.command("ana", "general", "ask", "Work in steps.")
            chance = random.Random(7)
            points = [*chat_points(chat, chance), *model_points(model, chance)]
            loop = KillLoop(process, points, chance, weight=0.2)
            await loop.kill(kills)
            await loop.settle(lambda: chat.until(lambda: finals(chat)))
    store = await SqliteStore.open(file)
    log = await store.log(1)
    await store.close()
    started = Counter(event.action for event in log if isinstance(event, ToolStarted) and event.tool == "append")
    assert set(started.values()) == {1}
    assert max(Counter(appended_lines(tmp_path)).values()) == 1
    ended = {event.action: event.end for event in log if isinstance(event, ToolReturned)}
    written = [action for action in started if ended.get(action) == "done"]
    assert len(written) <= len(appended_lines(tmp_path)) <= STEPS
    reads = {event.action for event in log if isinstance(event, ToolStarted) and event.tool == "add"}
    assert {ended.get(action) for action in reads} == {"done"}
