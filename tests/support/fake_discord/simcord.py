"""The adapter on SimCord, an independent simulation of Discord with its own reading of Discord's rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import discord
import simcord
from simcord.actors import MemberActor
from simcord.builders import ChannelHandle, GuildHandle

from adapters.discord.adapter import DiscordAdapter
from adapters.discord.client import DiscordClient, GatewayEvents, intents
from adapters.discord.posted_cards import card_footer
from orchestrator_bridge.chat.inbound import InboundEvent, Place
from orchestrator_bridge.chat.outbound import OutboundPost, Post, PostedMessage
from orchestrator_bridge.common.clock import SystemClock
from tests.support.fake_discord.autocomplete import FixedAutocomplete


class SimConnection:
    """A connection to the simulation. When opened again, it acts as the next process of the same bot."""

    def __init__(self, *, members: bool = False) -> None:
        self.env: simcord.Env | None = None
        self._flags = discord.ApplicationFlags(gateway_message_content=True, gateway_guild_members=members)
        self._client: DiscordClient | None = None

    @property
    def client(self) -> DiscordClient | None:
        return self._client

    async def open(self, events: GatewayEvents, prepare: Callable[[DiscordClient], None]) -> None:
        client = DiscordClient(intents(self._flags), events)
        prepare(client)
        self._client = client
        if self.env is None:
            self.env = simcord.Env(client, shard_count=1)
            await self.env.start()
        else:
            await self.env.restart_bot(client)

    async def close(self) -> None:
        self._client = None


class SimClock(SystemClock):
    """The simulation's clock."""

    def __init__(self, connection: SimConnection) -> None:
        self._connection = connection

    def now(self) -> float:
        env = self._connection.env
        return env.now().timestamp() if env is not None else 0.0


@dataclass
class Simulation:
    """A server with one channel, Alice and the adapter."""

    env: simcord.Env
    adapter: DiscordAdapter
    guild: GuildHandle
    channel: ChannelHandle
    alice: MemberActor
    received: asyncio.Queue[InboundEvent]

    def next_event(self) -> InboundEvent:
        """The next event that the adapter delivered: simulated people wait until the bot has handled their action."""
        return self.received.get_nowait()

    async def post(
        self, post: Post, *, key: str, place: Place | None = None, replaces: PostedMessage | None = None
    ) -> PostedMessage:
        where = place or self.place()
        return await self.adapter.send(OutboundPost(key=key, place=where, post=post, replaces=replaces))

    def card(self) -> discord.Message:
        """The newest card in the channel."""
        return next(message for message in reversed(self.channel.history()) if card_footer(message))

    def place(self, channel: ChannelHandle | None = None, thread: str | None = None) -> Place:
        return Place(platform="discord", channel=str((channel or self.channel).id), thread=thread)


@asynccontextmanager
async def simulation() -> AsyncIterator[Simulation]:
    """The simulation with the adapter started; errors that the bot swallowed are raised at the end."""
    received: asyncio.Queue[InboundEvent] = asyncio.Queue()
    connection = SimConnection()
    adapter = DiscordAdapter(connection, FixedAutocomplete(), SimClock(connection))
    await adapter.start(received.put)
    env = connection.env
    assert env is not None
    guild = env.create_guild()
    channel = guild.create_text_channel("general")
    alice = guild.add_member(env.create_user("alice"))
    try:
        with env.time_context():
            await env.settle()
            yield Simulation(env=env, adapter=adapter, guild=guild, channel=channel, alice=alice, received=received)
    finally:
        await env.shutdown()
    env.raise_errors()
