"""Kill -9 on both sides of the MCP server: a question is asked once, and its number is valid after the restart."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from bot.mcp_server import listener
from bot.mcp_server.tokens import TokenRegistry, TokenScope
from bot.mcp_server.tools import MAX_WAIT
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.resilience.harness.process import ROOT, BotProcess
from tests.support.fake_chat.server import ChatServer
from tests.support.fake_chat.state import Message
from tests.support.mcp_bot import connect_client, payload_of, question

KILLS = 5

pytestmark = pytest.mark.timeout(300)

TEAM = """
[[team.default.agents]]
name = "one"
model = "scripted/demo"
[team.default.policy]
settle_delay = 0
responders = "anyone"
"""


@dataclass
class KillableBot:
    """A bot process, its chat, and a token for its MCP server."""

    folder: Path
    chat: ChatServer
    process: BotProcess
    token: str = ""

    async def start(self) -> None:
        await self.process.start()
        await self.process.wait_ready()

    async def kill(self, how: str) -> None:
        self.process.kill(how)
        await self.process.wait_ended()

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        endpoint = listener.read_endpoint(self.folder / "data")
        assert endpoint is not None
        async with connect_client(endpoint.url, self.token) as client:
            yield client

    async def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        async with self.client() as client:
            return payload_of(await client.call_tool(tool, arguments))

    def cards(self) -> list[Message]:
        """The question cards in the chat."""
        return [message for message in self.chat.world.messages.values() if message.meta.get("kind") == "question_card"]

    def card(self, service: int) -> Message | None:
        """Card of the question about a service."""
        return next((card for card in self.cards() if f"service {service}?" in card.text), None)

    def thread(self, service: int) -> str:
        """Thread of that card; empty until it has one."""
        card = self.card(service)
        return card.id if card is not None and card.has_thread else ""


@asynccontextmanager
async def killable_bot(folder: Path) -> AsyncIterator[KillableBot]:
    """Create a bot with its token and its chat; it is not started yet."""
    data = folder / "data"
    store = await SqliteStore.open(data / "townhall.db")
    token = await TokenRegistry(store, lambda: 1.0).create(
        "laptop", TokenScope(channels=("loopback/general",), questions_a_day=1000)
    )
    await store.close()
    (folder / "townhall.toml").write_text(TEAM, encoding="utf-8")
    async with ChatServer() as chat:
        environ = {"TOWNHALL_DATA": str(data)}
        async with BotProcess("chat", data / "townhall.db", [chat.url], folder, environ, mcp=True) as process:
            yield KillableBot(folder, chat, process, token)


async def test_a_bot_killed_at_any_moment_asks_once_and_keeps_the_number(tmp_path: Path) -> None:
    chance = random.Random(5)
    async with killable_bot(tmp_path) as bot:
        for number in range(1, KILLS + 1):
            await bot.start()
            words = question(f"Which branch for service {number}?")
            asking = asyncio.create_task(bot.call("ask_team", words))
            if number % 2:
                await bot.chat.until(partial(bot.card, number))
            await asyncio.wait([asking], timeout=chance.uniform(0, 0.05))
            await bot.kill(f"while question {number} is asked")
            await asyncio.gather(asking, return_exceptions=True)
            await bot.start()
            known = await bot.call("ask_team", {**words, "wait_seconds": 0})
            assert (known["question"], known["status"]) == (number, "open")
            await bot.chat.until(partial(bot.thread, number))
            bot.chat.world.say("ana", "general", bot.thread(number), f"branch {number}")
            answer = await bot.call("check_question", {"question": number, "wait_seconds": MAX_WAIT})
            assert (answer["status"], answer["decision"]) == ("answered", f"branch {number}")
            await bot.kill("after all is said")
        await bot.start()
        again = await bot.call("ask_team", question("Which branch for service 1?"))
        assert (again["question"], again["decision"]) == (1, "branch 1")
        texts = [card.text for card in bot.cards()]
        assert len(texts) == len(set(texts)) == KILLS
        await bot.kill("the end")


async def test_a_run_started_by_an_agent_is_started_once(tmp_path: Path) -> None:
    async with killable_bot(tmp_path) as bot:
        await bot.start()
        starting = asyncio.create_task(bot.call("start_run", {"task": "Plan it.", "key": "k"}))
        await bot.chat.until(lambda: bool(bot.chat.world.messages))
        await bot.kill("while the answer is under way")
        await asyncio.gather(starting, return_exceptions=True)
        await bot.start()
        assert (await bot.call("start_run", {"task": "Plan it.", "key": "k"}))["run"] == 1
        await bot.kill("the end")


@asynccontextmanager
async def stdio(bot: KillableBot, pids: list[int]) -> AsyncIterator[Client]:
    """Start `townhall mcp` as a coding agent does, and append its process id to `pids`."""
    note = "import os,sys;print(os.getpid(),file=sys.stderr,flush=True);from bot.cli.main import main;main(['mcp'])"
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TOWNHALL_DATA": str(bot.folder / "data"), "TOWNHALL_TOKEN": bot.token}
    parameters = StdioServerParameters(command=sys.executable, args=["-c", note], env=environ)
    noted = bot.folder / f"pid{len(pids)}"
    with noted.open("w", encoding="utf-8") as errors:
        transport = stdio_client(parameters, errlog=errors)
        async with Client(transport, client_info=types.Implementation(name="Claude Code", version="1")) as client:
            pids.append(int(noted.read_text(encoding="utf-8").split()[0]))
            yield client


async def test_the_question_of_a_killed_proxy_is_found_by_the_next_one(tmp_path: Path) -> None:
    pids: list[int] = []
    async with killable_bot(tmp_path) as bot:
        await bot.start()
        async with stdio(bot, pids) as client:
            asking = asyncio.create_task(client.call_tool("ask_team", question()))
            await bot.chat.until(lambda: len(bot.cards()) == 1)
            os.kill(pids[0], signal.SIGKILL)
            assert [type(error).__name__ for error in await asyncio.gather(asking, return_exceptions=True)] == ["MCPError"]
        async with stdio(bot, pids) as client:
            assert payload_of(await client.call_tool("ask_team", question(wait_seconds=0)))["question"] == 1
            # The second question's card shows that the bot has received the call. A kill at any earlier moment may be seen by
            # the proxy before it calls, and is then another case: no bot runs.
            asking = asyncio.create_task(client.call_tool("ask_team", question("Which tag?")))
            await bot.chat.until(lambda: len(bot.cards()) == 2)
            await bot.kill("while the proxy waits")
            lost = await asking
            assert lost.is_error
            assert "was already asked stays open" in str(lost.content)
            await bot.start()
            await bot.chat.until(lambda: bot.cards()[0].has_thread)
            bot.chat.world.say("ana", "general", bot.cards()[0].id, "main")
            answer = payload_of(await client.call_tool("check_question", {"question": 1, "wait_seconds": MAX_WAIT}))
            assert answer["decision"] == "main"
        assert len(bot.cards()) == 2
        await bot.kill("the end")
