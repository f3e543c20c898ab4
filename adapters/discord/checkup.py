"""Looks at what Discord allows this bot, without a connection to the gateway: for `townhall doctor` and `townhall setup`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import discord

from adapters.discord.addresses import DiscordEndpoints
from adapters.discord.attempt import bounded_attempt, request_trace
from adapters.discord.client import intents
from adapters.discord.permissions import PERMISSIONS, RUN_PERMISSIONS, missing_permissions

_TEXT_CHANNELS = (discord.TextChannel, discord.ForumChannel, discord.VoiceChannel, discord.StageChannel)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelDiagnostics:
    """A channel that the bot sees, and the permissions that it lacks there."""

    name: str
    missing: tuple[str, ...]

    @property
    def usable(self) -> bool:
        """A run can be shown there."""
        return not set(self.missing) & set(RUN_PERMISSIONS)


@dataclass(frozen=True, kw_only=True, slots=True)
class GuildDiagnostics:
    """A server that the bot is on. `silent_roles`: names of wanted roles that it may not mention."""

    name: str
    channels: tuple[ChannelDiagnostics, ...]
    roles: frozenset[str]
    silent_roles: tuple[str, ...]
    people: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscordDiagnostics:
    """What Discord says of this bot. `commands` are the names that it knows."""

    application: int
    name: str
    message_content: bool
    members: bool
    servers: tuple[GuildDiagnostics, ...]
    commands: frozenset[str]


async def diagnose(
    token: str, addresses: DiscordEndpoints, *, roles: Collection[str] = (), people: Collection[str] = ()
) -> DiscordDiagnostics:
    """Ask Discord; `roles` and `people` are ids to look for.

    Raises:
        Unsent, Doubtful: Discord cannot be asked just now.
        SendRejected: it refuses the token, or an answer.
    """
    client = discord.Client(intents=discord.Intents(guilds=True), http_trace=request_trace(), max_ratelimit_timeout=30.0)
    addresses.apply_to(client)
    try:
        async with bounded_attempt():
            await client.login(token)
        return await _diagnose_application(client, roles, people)
    finally:
        await client.close()


async def _diagnose_application(client: discord.Client, roles: Collection[str], people: Collection[str]) -> DiscordDiagnostics:
    allowed = intents(client.application_flags)
    async with bounded_attempt():
        guilds = [guild async for guild in client.fetch_guilds(limit=None)]
        known = await client.http.get_global_commands(client.application_id or 0)
    return DiscordDiagnostics(
        application=client.application_id or 0,
        name=client.user.name if client.user else "",
        message_content=allowed.message_content,
        members=allowed.members,
        servers=tuple([await _diagnose_guild(client, guild.id, roles, people) for guild in guilds]),
        commands=frozenset(str(one["name"]) for one in known),
    )


async def _diagnose_guild(
    client: discord.Client, guild_id: int, roles: Collection[str], people: Collection[str]
) -> GuildDiagnostics:
    async with bounded_attempt():
        guild = await client.fetch_guild(guild_id)
        me = await guild.fetch_member(client.user.id if client.user else 0)
        channels = await guild.fetch_channels()
    found = [role for role in guild.roles if str(role.id) in roles]
    may_mention_all = me.guild_permissions.mention_everyone
    return GuildDiagnostics(
        name=guild.name,
        channels=_diagnose_channels(channels, me),
        roles=frozenset(str(role.id) for role in found),
        silent_roles=tuple(role.name for role in found if not role.mentionable and not may_mention_all),
        people=frozenset([one for one in people if await _has_member(guild, one)]),
    )


def _diagnose_channels(channels: Sequence[discord.abc.GuildChannel], me: discord.Member) -> tuple[ChannelDiagnostics, ...]:
    rooms = []
    for channel in channels:
        allowed = channel.permissions_for(me)
        if isinstance(channel, _TEXT_CHANNELS) and allowed.view_channel:
            rooms.append(ChannelDiagnostics(name=channel.name, missing=missing_permissions(allowed, tuple(PERMISSIONS))))
    return tuple(rooms)


async def _has_member(guild: discord.Guild, person: str) -> bool:
    try:
        async with bounded_attempt():
            await guild.fetch_member(int(person))
    except Exception as failure:
        if isinstance(failure.__cause__, discord.NotFound) or not person.isdecimal():
            return False
        raise
    return True
