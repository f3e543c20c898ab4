"""Channels and threads by their ids, from memory where Discord keeps us told of them."""

from __future__ import annotations

from collections.abc import Callable

import discord

from adapters.discord.attempt import bounded_attempt
from adapters.discord.client import DiscordClient
from adapters.discord.memory import LruMap
from adapters.discord.places import AnyChannel, ThreadKind, direct_user_id, thread_kind
from orchestrator_bridge.chat import NotSent

REMEMBERED = 2000
"""Channels kept that the client itself forgets: threads that are archived, direct messages."""

NOT_STARTED = "the connection to Discord is not there, or was stopped"


class ChannelCache:
    """The channels of whatever client there is."""

    def __init__(self, client: Callable[[], DiscordClient | None]) -> None:
        self._client = client
        self._known: LruMap[int, AnyChannel] = LruMap(REMEMBERED)

    def client(self) -> DiscordClient:
        """The client.

        Raises:
            NotSent: there is none just now.
        """
        client = self._client()
        if client is None or client.is_closed():
            raise NotSent(NOT_STARTED)
        return client

    async def resolve(self, channel: str) -> AnyChannel:
        """A channel by its name in a `Place`.

        Raises:
            NotSent: it cannot be looked up just now.
            SendRejected: it is gone, or we may not see it.
        """
        person = direct_user_id(channel)
        if person is not None:
            return await self.direct_channel(person)
        return await self.get(int(channel))

    async def get(self, id_: int) -> AnyChannel:
        """A channel or thread by its id; raises as `resolve` does."""
        known = self.client().get_channel(id_) or self._known.get(id_)
        if known is not None:
            return known
        async with bounded_attempt():
            found = await self.client().fetch_channel(id_)
        return self._remember(found)

    async def direct_channel(self, person: int) -> discord.DMChannel:
        """The direct messages with somebody; raises as `resolve` does."""
        async with bounded_attempt():
            channel = await self.client().create_dm(discord.Object(person))
        self._remember(channel)
        return channel

    def thread_kind(self, channel: int) -> ThreadKind:
        """What a card becomes in a channel, from memory."""
        client = self._client()
        return thread_kind(client.get_channel(channel) if client is not None else None)

    def forget(self, id_: int) -> None:
        """Look it up anew next time."""
        self._known.pop(id_)

    def guild_of(self, channel: str) -> int | None:
        """The server that a channel is on, from memory."""
        client = self._client()
        known = client.get_channel(int(channel)) if client is not None and channel.isdecimal() else None
        return known.guild.id if isinstance(known, discord.abc.GuildChannel | discord.Thread) else None

    def _remember(self, channel: AnyChannel) -> AnyChannel:
        self._known.put(getattr(channel, "id", 0), channel)
        return channel
