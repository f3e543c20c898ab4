"""The whole bot on the fake Discord: settings, team file, commands and engine, composed as by `townhall run`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from adapters.discord.adapter import DiscordAdapter
from bot.app import App, LoadedConfig, create_autocomplete, open_app
from bot.config.settings import read_settings
from bot.config.team_file import read_team_file
from orchestrator_bridge.chat.testing import TIMEOUT
from tests.support.fake_discord.fixture import DiscordDriver, create_discord_adapter
from tests.support.fake_discord.server import DiscordServer
from tests.support.fake_discord.simcord_bot import TEAM_FILE
from tests.support.fake_discord.wire import BOT, Message
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.replies import Behaviour
from tests.support.fake_models.server import ModelServer

ME = f"<@{BOT}>"


class DiscordBot:
    """A running bot, and what people see of it; Ana writes in the channel `general` and in direct messages."""

    def __init__(self, server: DiscordServer, app: App, models: ModelServer, adapter: DiscordAdapter) -> None:
        self.server = server
        self.world = server.world
        self.app = app
        self.models = models
        self.driver = DiscordDriver(server, adapter)
        self.ana = self.driver.ana
        self.general = self.world.general.id
        self.direct = self.world.direct(self.ana.id).id

    def say(self, text: str, channel: int = 0, **more: Any) -> Message:
        """Ana writes in a channel."""
        return self.world.write(self.ana.id, channel or self.general, text, **more)

    def posts(self, channel: int = 0) -> list[Message]:
        """The bot's messages in a channel, or everywhere."""
        known = self.world.messages.values()
        return [message for message in known if message.author == BOT and channel in (0, message.channel)]

    async def until(self, true: Callable[[], Any]) -> None:
        """Wait until a condition holds."""
        try:
            async with asyncio.timeout(TIMEOUT):
                await self.server.until(true)
        except TimeoutError:
            raise AssertionError("\n---\n".join(message.text for message in self.posts())) from None

    async def wait_for(self, text: str, channel: int = 0) -> Message:
        """Wait for a post of the bot that contains a text; returns the newest."""
        await self.until(lambda: any(text in message.text for message in self.posts(channel)))
        return [message for message in self.posts(channel) if text in message.text][-1]

    def card(self, kind: str, channel: int = 0) -> Message:
        """The newest run or question card."""
        return next(message for message in reversed(self.posts(channel)) if f"{kind} " in message.footer)

    async def wait_card(self, kind: str, channel: int = 0) -> Message:
        """Wait for a run or question card."""
        await self.until(lambda: any(f"{kind} " in message.footer for message in self.posts(channel)))
        return self.card(kind, channel)

    @property
    def calls(self) -> int:
        """Model calls so far: nothing else costs money."""
        return len(self.models.requests)


@asynccontextmanager
async def start_discord_bot(
    folder: Path, play: Behaviour = asking_behaviour, *, more: str = "", server: DiscordServer | None = None, **options: Any
) -> AsyncIterator[DiscordBot]:
    """A started bot with its store in `folder`, whose agents ask the requester one question; `more` is added to the team file."""
    if server is None:
        async with DiscordServer() as made, start_discord_bot(folder, play, more=more, server=made, **options) as bot:
            yield bot
            return
    async with ModelServer(play) as models:
        file = folder / "townhall.toml"
        file.write_text(TEAM_FILE.format(url=models.url) + more, encoding="utf-8")
        start = LoadedConfig(settings=read_settings(folder / ".env", {}), team_file=read_team_file(file, must_exist=True))
        menu = create_autocomplete(start)
        adapter = create_discord_adapter(server, autocomplete=menu, **options)
        async with open_app(start, [adapter], folder / "townhall.db", menu=menu) as app:
            await app.engine.start()
            yield DiscordBot(server, app, models, adapter)
