"""The whole bot on the fake Slack: settings, team file, commands and engine, composed as by `townhall run`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.slack.adapter import SlackAdapter
from bot.app import App, LoadedConfig, create_adapters, create_autocomplete, open_app
from bot.config.settings import read_settings
from bot.config.team_file import read_team_file
from orchestrator_bridge.chat.testing import TIMEOUT
from tests.support.fake_slack.server import APP_TOKEN, BOT_TOKEN, SlackServer
from tests.support.fake_slack.shown import words
from tests.support.fake_slack.state import ANA, BOT_USER, GENERAL

ROOT = Path(__file__).parents[3]
RELEASE = (ROOT / "examples" / "own-script.toml").read_text(encoding="utf-8")
"""A writer, and a checker who asks the requester one yes-or-no question."""

Message = dict[str, Any]


class SlackBot:
    """A running bot, and what people see of it."""

    def __init__(self, server: SlackServer, app: App) -> None:
        self.server = server
        self.world = server.world
        self.people = server.people
        self.app = app

    async def until(self, true: Callable[[], Any]) -> None:
        """Wait until a condition holds."""
        try:
            async with asyncio.timeout(TIMEOUT):
                await self.server.until(true)
        except TimeoutError:
            raise AssertionError("\n---\n".join(words(message) for message in self.messages())) from None

    async def wait_for_message(self, text: str, channel: str = GENERAL) -> Message:
        """Wait for a message of the bot, also an ephemeral one, that contains a text; returns the newest."""
        await self.until(lambda: any(text in words(message) for message in self.messages(channel)))
        return [message for message in self.messages(channel) if text in words(message)][-1]

    def messages(self, channel: str = GENERAL) -> Iterator[Message]:
        """All messages of the bot in a channel."""
        yield from (message for message in self.world.channels[channel].messages.values() if message["user"] == BOT_USER)
        yield from (message for message in self.world.ephemeral if message["channel"] == channel)

    async def wait_for_home(self, text: str, user: str = ANA) -> Message:
        """Wait until a person's App Home contains a text."""
        await self.until(lambda: text in words(self.world.homes.get(user, {})))
        return self.world.homes[user]


@asynccontextmanager
async def start_slack_bot(folder: Path, team_file: str = RELEASE, server: SlackServer | None = None) -> AsyncIterator[SlackBot]:
    """A started bot with its store in `folder`, on a server of its own unless one is given."""
    if server is None:
        async with SlackServer() as made, start_slack_bot(folder, team_file, made) as bot:
            yield bot
            return
    file = folder / "townhall.toml"
    file.write_text(team_file, encoding="utf-8")
    tokens = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN, "SLACK_API_URL": server.url}
    scripts = read_team_file(file)
    start = LoadedConfig(settings=read_settings(folder / ".env", tokens), team_file=scripts)
    menu = create_autocomplete(start)
    adapters = create_adapters(start, menu)
    assert isinstance(adapters[0], SlackAdapter)
    async with open_app(start, adapters, folder / "townhall.db", menu=menu) as app:
        await app.engine.start()
        yield SlackBot(server, app)
    await server.wait_disconnected()
