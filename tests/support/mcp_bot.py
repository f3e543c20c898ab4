"""A bot in the test's process with its MCP server, a platform that is a list, and the real MCP client as its caller."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mcp_types as types
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from bot.app import App, LoadedConfig, open_app
from bot.config.settings import read_settings
from bot.config.team_file import parse_team_file
from bot.mcp_server.listener import McpListener, open_listener
from bot.mcp_server.tokens import TokenScope
from orchestrator_bridge.chat.adapter import Capabilities
from orchestrator_bridge.chat.inbound import Author, MessageReceived, Place
from orchestrator_bridge.chat.outbound import QuestionCard
from orchestrator_bridge.common.clock import Clock
from tests.support.clock import ManualClock
from tests.support.running_engine import ListPlatform

TEAM = """
[[team.default.agents]]
name = "one"
model = "scripted/play"
[team.default.policy]
settle_delay = 0
expire_after = "10m"
remind_after = 0

[team.other]
agents = [{name = "two", model = "scripted/play"}]
[team.other.policy]
settle_delay = 0

[people.alice]
slack = "U1"
[people.bob]
slack = "U2"
"""
SCRIPT = '[[agents."*"]]\ntext = "Done: {task}"\n'
CHANNELS = ("slack/C1", "slack/C2")


@dataclass
class McpBot:
    """One bot with its MCP server and the clients that are connected to it."""

    app: App
    server: McpListener
    platform: ListPlatform
    clock: ManualClock
    tokens: dict[str, str] = field(default_factory=dict)
    clients: list[asyncio.Task[None]] = field(default_factory=list)
    leave: asyncio.Event = field(default_factory=asyncio.Event)

    async def token(self, name: str = "laptop", **terms: Any) -> str:
        """Create a token for Alice's agents."""
        scope = TokenScope.model_validate({"person": "alice", "channels": CHANNELS, **terms})
        self.tokens[name] = await self.server.tokens.create(name, scope)
        return self.tokens[name]

    async def client(self, token: str, name: str = "Claude Code", mode: Any = "auto") -> Client:
        """Connect a client until `disconnect_all`, in a task of its own: its library opens and closes it in the same task."""
        connected: asyncio.Future[Client] = asyncio.get_running_loop().create_future()

        async def connect() -> None:
            async with connect_client(self.server.file.url, token, name, mode) as client:
                connected.set_result(client)
                await self.leave.wait()

        connection = asyncio.create_task(connect())
        self.clients.append(connection)
        either: list[asyncio.Future[Any]] = [connection, connected]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if connection.done():
            connection.result()
        return connected.result()

    async def disconnect_all(self) -> None:
        """Disconnect every client."""
        self.leave.set()
        await asyncio.gather(*self.clients)
        self.leave = asyncio.Event()
        self.clients.clear()

    async def reply(self, text: str, question: int, by: str = "U1") -> None:
        """Reply to a question by its number, as the person with the Slack id `by`."""
        place = Place(platform="slack", channel="C1")
        author = Author(platform="slack", id=by, name=by)
        message = f"m{len(self.platform.sent)}{text[:20]}"
        said = MessageReceived(place=place, message=message, author=author, text=text, at=self.clock.now(), question=question)
        await self.platform.deliver(said)

    async def card(self, number: int) -> QuestionCard:
        """Wait for a question's card."""
        await self.platform.until(lambda: number in {card.question for card in self.platform.questions})
        return next(card for card in self.platform.questions if card.question == number)

    @property
    def asked(self) -> int:
        """Number of questions that people were asked."""
        return len({card.question for card in self.platform.questions})


@asynccontextmanager
async def connect_client(url: str, token: str, name: str = "Claude Code", mode: Any = "auto") -> AsyncIterator[Client]:
    """Connect the real client, as a coding agent does."""
    async with (
        create_mcp_http_client(headers={"Authorization": f"Bearer {token}"}) as http,
        Client(
            streamable_http_client(url, http_client=http),
            client_info=types.Implementation(name=name, version="1"),
            mode=mode,
        ) as client,
    ):
        yield client


def load_config_in(folder: Path, team: str = TEAM, **environ: str) -> LoadedConfig:
    """The settings and the team file of a bot in a folder."""
    (folder / "play.toml").write_text(SCRIPT, encoding="utf-8")
    settings = read_settings(folder / "none", {"TOWNHALL_DATA": str(folder / "data"), **environ})
    return LoadedConfig(settings=settings, team_file=parse_team_file(team, folder / "townhall.toml"))


@asynccontextmanager
async def start_mcp_bot(
    folder: Path,
    team: str = TEAM,
    clock: Clock | None = None,
    *,
    kind: type[ListPlatform] = ListPlatform,
    **environ: str,
) -> AsyncIterator[McpBot]:
    """Start a bot that takes its list, of this `kind`, for Slack."""
    start, time = load_config_in(folder, team, **environ), clock or ManualClock()
    assert isinstance(time, ManualClock)
    platform = kind(time, platform="slack", capabilities=Capabilities(threads=True, edits=True))
    async with open_app(start, [platform], start.settings.store, clock=time) as app:
        await app.engine.start()
        async with open_listener(start, app) as server:
            bot = McpBot(app, server, platform, time)
            yield bot
            await bot.disconnect_all()


def payload_of(result: types.CallToolResult) -> dict[str, Any]:
    """Object that a tool returned."""
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return dict(result.structured_content)


def denial_of(result: types.CallToolResult) -> str:
    """Reason why a tool refused."""
    assert result.is_error, result.structured_content
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text


def question(text: str = "Which branch?", **more: Any) -> dict[str, Any]:
    """Arguments of `ask_team`."""
    return {"question": text, "assumption": "I take main.", **more}
