"""The discord.py client: it hears, and hands on what it hears. What it may hear is decided by what the portal allows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord.errors import request_trace
from adapters.discord.render import NO_MENTIONS

_LOG = logging.getLogger(__name__)

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # we do not speak

GUILDS_READY = 0.2
"""Seconds without a further server after which the start is over; one that comes later is known then."""


IDENTIFY_PAUSE = 5.0
"""Seconds between two sessions that are begun: Discord's limit."""


class GatewayEvents(Protocol):
    """Who is told of what happens on Discord."""

    async def ready(self, client: DiscordClient) -> None:
        """The first session has begun."""
        ...

    async def session_restarted(self) -> None:
        """Another session has begun after one that could not be resumed: what happened in between is unheard."""
        ...

    async def message_created(self, message: discord.Message) -> None:
        """Somebody wrote."""
        ...

    async def message_edited(self, message: discord.Message) -> None:
        """A message was changed, by its author or by Discord."""
        ...

    async def message_deleted(self, message: int) -> None:
        """A message was deleted."""
        ...

    async def thread_deleted(self, thread: int, parent: int) -> None:
        """A thread was deleted; `parent` is its channel."""
        ...

    async def channels_deleted(self, channels: Collection[int]) -> None:
        """Channels were deleted, or the bot was removed from their server."""
        ...

    async def component_used(self, interaction: discord.Interaction[Any]) -> None:
        """A control was used, or a form sent."""
        ...


class DiscordClient(discord.AutoShardedClient):
    """As many connections as Discord wants; one for a few servers."""

    def __init__(self, intents: discord.Intents, events: GatewayEvents, *, identify_pause: float = IDENTIFY_PAUSE) -> None:
        super().__init__(
            intents=intents,
            allowed_mentions=NO_MENTIONS,
            max_messages=None,
            http_trace=request_trace(),
            max_ratelimit_timeout=30.0,
            guild_ready_timeout=GUILDS_READY,
            chunk_guilds_at_startup=intents.members,
        )
        self._events = events
        self.tree: object = None
        self._tasks: set[asyncio.Task[object]] = set()
        self._identify_pause = identify_pause
        self._begun: set[int] = set()
        self._ready_sent = False
        self.logged_in = asyncio.Event()

    @property
    def me(self) -> int:
        """Our own id; 0 before the login."""
        return self.user.id if self.user else 0

    async def setup_hook(self) -> None:
        """discord.py calls it after the login; from then on one may wait until it is ready."""
        self.logged_in.set()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """discord.py waits here before it begins another session."""
        if not initial:
            await asyncio.sleep(self._identify_pause)

    async def on_ready(self) -> None:
        """discord.py's event, which comes again when every session has begun again."""
        if not self._ready_sent:
            self._ready_sent = True
            await self.run_tracked(self._events.ready(self))

    async def on_shard_ready(self, shard: int) -> None:
        """discord.py's event, of every session that is not resumed."""
        if shard in self._begun:
            await self.run_tracked(self._events.session_restarted())
        self._begun.add(shard)

    async def on_message(self, message: discord.Message) -> None:
        """discord.py's event."""
        await self.run_tracked(self._events.message_created(message))

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """discord.py's event, for messages of any age."""
        await self.run_tracked(self._events.message_edited(event.message))

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """discord.py's event, for messages of any age."""
        await self.run_tracked(self._events.message_deleted(event.message_id))

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """discord.py's event, such as a moderator's purge."""
        for message in sorted(event.message_ids):
            await self.run_tracked(self._events.message_deleted(message))

    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        """discord.py's event."""
        await self.run_tracked(self._events.thread_deleted(event.thread_id, event.parent_id))

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """discord.py's event."""
        await self.run_tracked(self._events.channels_deleted([channel.id]))

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """discord.py's event; a server that is only unavailable just now is none."""
        _LOG.error("the bot was removed from %s: `townhall setup discord` prints the link that invites it again", guild.name)
        await self.run_tracked(self._events.channels_deleted([one.id for one in (*guild.channels, *guild.threads)]))

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """discord.py's event; commands are heard by the tree."""
        if interaction.type in (discord.InteractionType.component, discord.InteractionType.modal_submit):
            await self.run_tracked(self._events.component_used(interaction))

    async def run_tracked(self, doing: Awaitable[None]) -> None:
        """Do this as a part of the task that is running, which `cancel_tracked` then ends."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await doing
        finally:
            self._tasks.discard(task)

    async def cancel_tracked(self) -> None:
        """End what is still being heard."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def intents(flags: discord.ApplicationFlags) -> discord.Intents:
    """What to listen to: what we need, and of what is privileged what the developer portal has switched on."""
    wanted = discord.Intents.none()
    wanted.guilds = wanted.guild_messages = wanted.dm_messages = True
    wanted.message_content = flags.gateway_message_content or flags.gateway_message_content_limited
    wanted.members = flags.gateway_guild_members or flags.gateway_guild_members_limited
    return wanted


# Where Discord is: unset, as discord.py knows it; set, a proxy or a test server for every request and every connection.
#
# discord.py takes a gateway's address from three places: its own constant, READY (for RESUME) and `/gateway/bot` (for shards).
# The
# one function through which it opens connections is wrapped, so that none of the three is followed past the setting.


_OFFICIAL = Route.BASE
_GATEWAYS: WeakKeyDictionary[discord.Client, yarl.URL] = WeakKeyDictionary()
_original_from_client = DiscordWebSocket.from_client.__func__  # type: ignore[attr-defined]  # a class method, of which mypy sees the bound form


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscordEndpoints:
    """`api` with its version, such as `https://discord.com/api/v10`; `gateway` as in `wss://gateway.discord.gg/`."""

    api: str | None = None
    gateway: str | None = None

    def apply_to(self, client: discord.Client) -> None:
        """Point the client here. The REST address holds for the whole process, as discord.py keeps it."""
        Route.BASE = (self.api or _OFFICIAL).rstrip("/")
        if self.gateway is not None:
            _GATEWAYS[client] = yarl.URL(self.gateway)


async def _from_client(cls: Any, client: discord.Client, **given: Any) -> Any:
    gateway = _GATEWAYS.get(client)
    if gateway is not None:
        given["gateway"] = gateway
    return await _original_from_client(cls, client, **given)


def _wrap_from_client(opens: Callable[..., Any]) -> None:
    DiscordWebSocket.from_client = classmethod(opens)  # type: ignore[assignment]  # the same, with another address


_wrap_from_client(_from_client)
