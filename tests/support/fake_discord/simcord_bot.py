"""The whole bot on SimCord: engine, commands and store, with a model on a local server.

Simulated people wait until all callbacks of the bot are done. The engine waits for them in turn, so it is started outside.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import discord
import simcord
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, GuildHandle

from adapters.discord.adapter import DiscordAdapter
from adapters.discord.posted_cards import card_controls, card_footer, card_sentence, component_texts
from bot.app import LoadedConfig, create_autocomplete, open_app
from bot.config.settings import read_settings
from bot.config.team_file import read_team_file
from orchestrator_bridge.chat.inbound import InboundEvent
from orchestrator_bridge.chat.outbound import OutboundPost, PostedMessage, PrivateReply
from orchestrator_bridge.engine.engine import Engine
from tests.support.fake_discord.simcord import SimClock, SimConnection
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.replies import Behaviour
from tests.support.fake_models.server import ModelServer

T = TypeVar("T")

TEAM_FILE = """
[team.house]
ask = ["humans"]
[[team.house.agents]]
name = "architect"
model = "local"
[[team.house.agents]]
name = "skeptic"
model = "local"
[team.house.policy]
settle_delay = 0
expire_after = "1d"

[models.local]
base_url = "{url}"
input = 3
output = 7
"""


class ReportingAdapter(DiscordAdapter):
    """An adapter that reports each post and private reply. Cards are edited at once."""

    capabilities = replace(DiscordAdapter.capabilities, edit_interval=0.0)
    changed: asyncio.Condition

    async def send(self, outbound: OutboundPost) -> PostedMessage:
        posted = await super().send(outbound)
        await self._report()
        return posted

    async def reply_privately(self, event: InboundEvent, reply: PrivateReply) -> None:
        await super().reply_privately(event, reply)
        await self._report()

    async def _report(self) -> None:
        async with self.changed:
            self.changed.notify_all()


@dataclass
class SimulatedServer:
    """A server with one channel, its manager Alice, Bob, and the bot with its store in `file`."""

    connection: SimConnection
    file: Path
    start: LoadedConfig
    models: ModelServer
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    env: simcord.Env = field(init=False)
    guild: GuildHandle = field(init=False)
    channel: ChannelHandle = field(init=False)
    alice: MemberActor = field(init=False)
    bob: MemberActor = field(init=False)

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[Engine]:
        """One process of the bot."""
        menu = create_autocomplete(self.start)
        servers = self.start.team_file.servers
        adapter = ReportingAdapter(self.connection, menu, SimClock(self.connection), servers=servers)
        adapter.changed = self.changed
        async with open_app(self.start, [adapter], self.file, menu=menu) as app:
            await app.engine.start()
            yield app.engine

    def create_server(self) -> None:
        """Wait until the bot is connected to the server."""
        env = self.connection.env
        assert env is not None
        self.env, self.guild = env, env.create_guild()
        self.channel = self.guild.create_text_channel("general")
        self.alice, self.bob = (self.guild.add_member(env.create_user(name)) for name in ("alice", "bob"))

    async def until(self, seen: Callable[[], T | None]) -> T:
        """Wait until the bot's posts fulfil a condition."""
        async with self.changed:
            found = await self.changed.wait_for(seen)
        await self.env.settle()
        assert found is not None
        return found

    def cards(self, kind: str) -> list[discord.Message]:
        """The run or question cards in the channel, oldest first."""
        return [message for message in self.channel.history() if (card_footer(message) or "").startswith(kind)]

    def card(self, kind: str) -> discord.Message:
        """The newest of the cards."""
        return self.cards(kind)[-1]

    def thread(self, kind: str) -> ChannelHandle:
        """The thread of the newest card."""
        return next(thread for thread in self.channel.threads if thread.id == self.card(kind).id)

    def thread_text(self, kind: str) -> str:
        """All messages in that thread."""
        return "\n".join(message.content for message in self.thread(kind).history())

    def finished(self) -> bool:
        """Wait until the run card has ended and the answer is in its thread."""
        return (
            bool(self.cards("Run"))
            and "finished" in card_sentence(self.card("Run"))
            and "Final answer" in self.thread_text("Run")
        )


@asynccontextmanager
async def simulated_server(
    folder: Path, play: Behaviour = asking_behaviour, *, more: str = "", members: bool = False, team: str = TEAM_FILE
) -> AsyncIterator[SimulatedServer]:
    """The server without its bot; `more` is added to the team file `team`."""
    async with ModelServer(play) as models, AsyncExitStack() as stack:
        (folder / "townhall.toml").write_text(team.format(url=models.url) + more, encoding="utf-8")
        start = LoadedConfig(
            settings=read_settings(folder / ".env", {}), team_file=read_team_file(folder / "townhall.toml", must_exist=True)
        )
        server = SimulatedServer(SimConnection(members=members), folder / "townhall.db", start, models)
        stack.push_async_callback(_shut_down, server)
        yield server


async def _shut_down(server: SimulatedServer) -> None:
    if server.connection.env is not None:
        await server.connection.env.shutdown()
        server.connection.env.raise_errors()


def card_text(message: discord.Message) -> str:
    """All that a card says, as an embed or as a container."""
    return "\n".join([message.content, *(str(embed.to_dict()) for embed in message.embeds), *component_texts(message.components)])


def components(message: discord.Message) -> Sequence[str]:
    """The custom ids of a message's components."""
    return [str(control.custom_id) for control in card_controls(message)]
