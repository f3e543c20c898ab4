"""Looks at what Discord allows this bot, without a connection to the gateway: for `townhall doctor` and `townhall setup`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import discord

from adapters.discord.addresses import Addresses
from adapters.discord.attempt import attempt, trace
from adapters.discord.client import intents
from adapters.discord.permissions import FOR_RUNS, NEEDED, lacking

_WRITTEN_IN = (discord.TextChannel, discord.ForumChannel, discord.VoiceChannel, discord.StageChannel)


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """A channel that the bot sees, and the permissions that it lacks there."""

    name: str
    lacking: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """A run can be shown there."""
        return not set(self.lacking) & set(FOR_RUNS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """A server that the bot is on. `silent_roles`: names of wanted roles that it may not mention."""

    name: str
    rooms: tuple[Room, ...]
    roles: frozenset[str]
    silent_roles: tuple[str, ...]
    people: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What Discord says of this bot. `commands` are the names that it knows."""

    application: int
    name: str
    message_content: bool
    members: bool
    servers: tuple[Server, ...]
    commands: frozenset[str]


async def look(token: str, addresses: Addresses, *, roles: Collection[str] = (), people: Collection[str] = ()) -> Seen:
    """Ask Discord; `roles` and `people` are ids to look for.

    Raises:
        Unsent, Doubtful: Discord cannot be asked just now.
        SendRejected: it refuses the token, or an answer.
    """
    client = discord.Client(intents=discord.Intents(guilds=True), http_trace=trace(), max_ratelimit_timeout=30.0)
    addresses.use(client)
    try:
        async with attempt():
            await client.login(token)
        return await _seen(client, roles, people)
    finally:
        await client.close()


async def _seen(client: discord.Client, roles: Collection[str], people: Collection[str]) -> Seen:
    allowed = intents(client.application_flags)
    async with attempt():
        guilds = [guild async for guild in client.fetch_guilds(limit=None)]
        known = await client.http.get_global_commands(client.application_id or 0)
    return Seen(
        application=client.application_id or 0,
        name=client.user.name if client.user else "",
        message_content=allowed.message_content,
        members=allowed.members,
        servers=tuple([await _server(client, guild.id, roles, people) for guild in guilds]),
        commands=frozenset(str(one["name"]) for one in known),
    )


async def _server(client: discord.Client, guild_id: int, roles: Collection[str], people: Collection[str]) -> Server:
    async with attempt():
        guild = await client.fetch_guild(guild_id)
        me = await guild.fetch_member(client.user.id if client.user else 0)
        channels = await guild.fetch_channels()
    found = [role for role in guild.roles if str(role.id) in roles]
    may_mention_all = me.guild_permissions.mention_everyone
    return Server(
        name=guild.name,
        rooms=_rooms(channels, me),
        roles=frozenset(str(role.id) for role in found),
        silent_roles=tuple(role.name for role in found if not role.mentionable and not may_mention_all),
        people=frozenset([one for one in people if await _is_there(guild, one)]),
    )


def _rooms(channels: Sequence[discord.abc.GuildChannel], me: discord.Member) -> tuple[Room, ...]:
    rooms = []
    for channel in channels:
        allowed = channel.permissions_for(me)
        if isinstance(channel, _WRITTEN_IN) and allowed.view_channel:
            rooms.append(Room(name=channel.name, lacking=lacking(allowed, tuple(NEEDED))))
    return tuple(rooms)


async def _is_there(guild: discord.Guild, person: str) -> bool:
    try:
        async with attempt():
            await guild.fetch_member(int(person))
    except Exception as failure:
        if isinstance(failure.__cause__, discord.NotFound) or not person.isdecimal():
            return False
        raise
    return True
