"""The discord.py client: forwards gateway events, with the intents that the developer portal allows."""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from collections.abc import Awaitable, Collection
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord.errors import error_text, request_trace
from adapters.discord.render import NO_MENTIONS
from orchestrator_bridge.common.network import proxy_for

_LOG = logging.getLogger(__name__)

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # the bot joins no voice channel

GUILDS_READY = 0.2
"""Seconds without a further server after which the client counts as ready; a server that arrives later is added then."""


IDENTIFY_PAUSE = 5.0
"""Seconds between two IDENTIFY requests: Discord's limit for starting sessions."""

_OFFICIAL = Route.BASE
_GATEWAYS: WeakKeyDictionary[discord.Client, yarl.URL] = WeakKeyDictionary()
_original_from_client = DiscordWebSocket.from_client.__func__  # type: ignore[attr-defined]  # a class method, of which mypy sees the bound form


class GatewayEvents(Protocol):
    """Handler of gateway events."""

    async def ready(self, client: DiscordClient) -> None:
        """The first session has started."""
        ...

    async def session_restarted(self) -> None:
        """A new session has replaced one that could not be resumed; the events in between are lost."""
        ...

    async def message_created(self, message: discord.Message) -> None:
        """A message was posted."""
        ...

    async def message_edited(self, message: discord.Message) -> None:
        """A message was changed, by its author or by Discord."""
        ...

    async def message_deleted(self, message: int) -> None:
        """A message was deleted."""
        ...

    async def reaction_added(self, event: discord.RawReactionActionEvent) -> None:
        """Somebody reacted to a message."""
        ...

    async def reaction_removed(self, event: discord.RawReactionActionEvent) -> None:
        """Somebody removed a reaction to a message."""
        ...

    async def thread_deleted(self, thread: int, parent: int) -> None:
        """A thread was deleted; `parent` is its channel."""
        ...

    async def channels_deleted(self, channels: Collection[int]) -> None:
        """Channels were deleted, or the bot was removed from their server."""
        ...

    async def member_removed(self, guild: int, user: discord.User | discord.Member) -> None:
        """A person left a server, or was removed from it."""
        ...

    async def component_used(self, interaction: discord.Interaction[Any]) -> None:
        """A button or select was used, or a modal was submitted."""
        ...


class DiscordClient(discord.AutoShardedClient):
    """Client with as many shards as Discord asks for: one for a few servers."""

    def __init__(self, intents: discord.Intents, events: GatewayEvents, *, identify_pause: float = IDENTIFY_PAUSE) -> None:
        super().__init__(
            intents=intents,
            allowed_mentions=NO_MENTIONS,
            max_messages=None,
            http_trace=request_trace(),
            guild_ready_timeout=GUILDS_READY,
            chunk_guilds_at_startup=False,
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
        """The bot's user id; 0 before the login."""
        return self.user.id if self.user else 0

    async def setup_hook(self) -> None:
        """Called by discord.py after the login; `wait_until_ready` is allowed from then on."""
        self.logged_in.set()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Called by discord.py before each new session."""
        if not initial:
            await asyncio.sleep(self._identify_pause)

    async def on_ready(self) -> None:
        """Called by discord.py after the start, and again after all shards have started new sessions."""
        if not self._ready_sent:
            self._ready_sent = True
            await self.run_tracked(self._events.ready(self))

    async def on_shard_ready(self, shard: int) -> None:
        """Called by discord.py for each session that starts anew instead of being resumed."""
        # The first READY of a shard belongs to the start; only a later one means that a session was lost.
        if shard in self._begun:
            await self.run_tracked(self._events.session_restarted())
        self._begun.add(shard)

    async def on_message(self, message: discord.Message) -> None:
        """Called by discord.py for each new message."""
        await self.run_tracked(self._events.message_created(message))

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """Called by discord.py for edits of messages of any age."""
        await self.run_tracked(self._events.message_edited(event.message))

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Called by discord.py for deleted messages of any age."""
        await self.run_tracked(self._events.message_deleted(event.message_id))

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Called by discord.py for bulk deletions, such as a moderator's purge."""
        for message in sorted(event.message_ids):
            await self.run_tracked(self._events.message_deleted(message))

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Called by discord.py for reactions to messages of any age."""
        await self.run_tracked(self._events.reaction_added(event))

    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Called by discord.py for reactions that were removed from messages of any age."""
        await self.run_tracked(self._events.reaction_removed(event))

    async def on_raw_thread_delete(self, event: discord.RawThreadDeleteEvent) -> None:
        """Called by discord.py for deleted threads."""
        await self.run_tracked(self._events.thread_deleted(event.thread_id, event.parent_id))

    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Called by discord.py for deleted channels."""
        await self.run_tracked(self._events.channels_deleted([channel.id]))

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Called by discord.py when the bot has left a server; a server outage does not cause it."""
        _LOG.error(
            "the bot was removed from the server %s; fix: invite it with the link that `townhall setup discord` prints",
            guild.name,
        )
        await self.run_tracked(self._events.channels_deleted([channel.id for channel in (*guild.channels, *guild.threads)]))

    async def on_raw_member_remove(self, event: discord.RawMemberRemoveEvent) -> None:
        """Called by discord.py for people who leave a server, if the bot has the Server Members intent."""
        await self.run_tracked(self._events.member_removed(event.guild_id, event.user))

    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """Called by discord.py for interactions; slash commands go to the command tree."""
        if interaction.type in (discord.InteractionType.component, discord.InteractionType.modal_submit):
            await self.run_tracked(self._events.component_used(interaction))

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """Called by discord.py if a handler of an event failed."""
        error = sys.exception()
        assert error is not None
        _log_malformed(f"the event {event_method}", error)

    async def run_tracked(self, work: Awaitable[object]) -> None:
        """Await `work` and register the current task, so that `cancel_tracked` cancels it."""
        # discord.py starts a task for each event and does not return it; registered from within, it can be cancelled at a stop.
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await work
        finally:
            self._tasks.discard(task)

    async def cancel_tracked(self) -> None:
        """Cancel the event handlers that are still running."""
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def intents(flags: discord.ApplicationFlags) -> discord.Intents:
    """The intents that the bot needs; the privileged ones only where the developer portal has switched them on."""
    wanted = discord.Intents.none()
    wanted.guilds = wanted.guild_messages = wanted.dm_messages = True
    wanted.guild_reactions = wanted.dm_reactions = True
    wanted.message_content = flags.gateway_message_content or flags.gateway_message_content_limited
    wanted.members = flags.gateway_guild_members or flags.gateway_guild_members_limited
    return wanted


# discord.py takes the gateway address from three places: its own constant, READY (for RESUME) and `/gateway/bot` (for shards).
# `from_client`, the one function that opens connections, is wrapped, so that a configured address replaces all three, and so that
# it creates connections that survive a malformed payload and read the channel of every interaction.


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscordEndpoints:
    """Addresses of Discord's servers, or of a proxy or a test server; None stands for Discord's own.

    `api` includes the version, such as `https://discord.com/api/v10`; `gateway` is such as `wss://gateway.discord.gg/`.
    """

    api: str | None = None
    gateway: str | None = None

    def apply_to(self, client: discord.Client) -> None:
        """Point the client at these addresses. The REST address applies to the whole process, since discord.py stores it
        globally."""
        Route.BASE = (self.api or _OFFICIAL).rstrip("/")
        client.http.proxy = proxy_for(Route.BASE)
        if self.gateway is not None:
            _GATEWAYS[client] = yarl.URL(self.gateway)


_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""Errors of code that reads a payload which is not as Discord documents it."""


class _TolerantWebSocket(DiscordWebSocket):
    """Gateway connection that skips a payload which discord.py cannot read: otherwise it would end the session."""

    async def received_message(self, msg: Any, /) -> None:
        try:
            await super().received_message(msg)
        except _MALFORMED as error:
            _log_malformed("a payload of the gateway", error)


def _log_malformed(what: str, error: BaseException) -> None:
    """Log an error in one line with its place; the traceback, which quotes the payload, only for debugging."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    _LOG.error("%s could not be read and was skipped: %s (%s:%d)", what, error_text(error), where.filename, where.lineno or 0)
    _LOG.debug("its traceback", exc_info=error)


async def _from_client(cls: Any, /, client: discord.Client, **options: Any) -> Any:
    gateway = _GATEWAYS.get(client)
    if gateway is not None:
        options["gateway"] = gateway
    websocket = await _original_from_client(_TolerantWebSocket, client, **options)
    parsers = websocket._discord_parsers
    parse = parsers["INTERACTION_CREATE"]
    websocket._discord_parsers = {**parsers, "INTERACTION_CREATE": lambda payload: parse(_with_channel(payload))}
    return websocket


def _with_channel(payload: dict[str, Any]) -> dict[str, Any]:
    """An interaction with its channel: Discord may give the id alone, which discord.py does not read."""
    if payload.get("channel") or not payload.get("channel_id"):
        return payload
    return {**payload, "channel": {"id": payload["channel_id"]}}


DiscordWebSocket.from_client = classmethod(_from_client)  # type: ignore[assignment]  # the same, with another address
