"""Permissions of the bot with their purposes, the invite link, and diagnostics for `townhall doctor`."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import discord
from discord import app_commands

from adapters.discord.application import ApplicationProblem, application_problems
from adapters.discord.client import DiscordEndpoints, intents
from adapters.discord.errors import bounded_attempt, request_trace
from orchestrator_bridge.chat.adapter import NotSent
from orchestrator_bridge.common.text import listed

PERMISSIONS = {
    "view_channel": ("View Channels", "to see the channel"),
    "send_messages": ("Send Messages", "to post runs and questions"),
    "send_messages_in_threads": ("Send Messages in Threads", "to answer in a run's thread"),
    "create_public_threads": ("Create Public Threads", "to open a thread for each run and question"),
    "read_message_history": ("Read Message History", "to read replies that were posted while I was offline"),
    "add_reactions": ("Add Reactions", "to acknowledge replies"),
    "attach_files": ("Attach Files", "to post very long answers as a file"),
    "embed_links": ("Embed Links", "to show cards"),
    "manage_threads": ("Manage Threads", "to work in threads that are archived or locked"),
}
"""Permission, its name in Discord's settings, and its purpose."""

RUN_PERMISSIONS: tuple[str, ...] = ("view_channel", "send_messages", "embed_links", "read_message_history")
"""Permissions without which a run cannot be shown; without the others it is shown with less."""

OAUTH_SCOPES = ("bot", "applications.commands")

DIAGNOSIS_TIMEOUT = 120.0
"""Seconds for all questions of a diagnosis: Discord may limit requests for minutes, which nobody waits for on a command line."""

_TEXT_CHANNELS = (discord.TextChannel, discord.ForumChannel, discord.VoiceChannel, discord.StageChannel)


def invite_permissions() -> discord.Permissions:
    """All permissions that the invite asks for."""
    return discord.Permissions(**dict.fromkeys(PERMISSIONS, True))


def invite_url(application: int) -> str:
    """The link that adds the bot to a server, with its permissions and commands."""
    return discord.utils.oauth_url(application, permissions=invite_permissions(), scopes=OAUTH_SCOPES)


def missing_permissions(allowed: discord.Permissions, wanted: tuple[str, ...] = tuple(PERMISSIONS)) -> tuple[str, ...]:
    """The wanted permissions that are missing."""
    return tuple(name for name in wanted if not allowed.is_superset(discord.Permissions(**{name: True})))


def missing_for_run(allowed: discord.Permissions, channel: object) -> tuple[str, ...]:
    """The permissions that are missing to show a run in this channel.

    Inside a thread, Send Messages in Threads takes the place of Send Messages. Where the bot opens threads, it needs both: the
    cards stand in the channel, the answer in the thread (docs.discord.com/developers/topics/permissions#inherited-permissions).
    """
    wanted = RUN_PERMISSIONS
    if isinstance(channel, discord.Thread):
        wanted = tuple("send_messages_in_threads" if name == "send_messages" else name for name in RUN_PERMISSIONS)
    elif isinstance(channel, discord.ForumChannel) or (
        isinstance(channel, discord.TextChannel) and allowed.create_public_threads
    ):
        wanted = (*RUN_PERMISSIONS, "send_messages_in_threads")
    return missing_permissions(allowed, wanted)


def missing_run_permissions(interaction: discord.Interaction[Any]) -> tuple[str, ...]:
    """The permissions that are missing to show a run in the channel of a command, as Discord reports them with it."""
    # Direct messages have no permissions to set.
    return () if interaction.guild_id is None else missing_for_run(interaction.app_permissions, interaction.channel)


def missing_permissions_in(channel: discord.abc.MessageableChannel) -> tuple[str, ...]:
    """The permissions that are missing to show a run in the channel of a message, from memory; all if they are not known."""
    guild = channel.guild
    if guild is None:
        return ()
    if not isinstance(channel, discord.abc.GuildChannel | discord.Thread) or guild.me is None:
        return RUN_PERMISSIONS
    try:
        return missing_for_run(channel.permissions_for(guild.me), channel)
    except discord.ClientException:  # a thread whose channel is hidden from the bot
        return RUN_PERMISSIONS


def missing_permissions_text(missing: tuple[str, ...]) -> str:
    """A message that names missing permissions."""
    names = listed([f"{PERMISSIONS[name][0]} ({PERMISSIONS[name][1]})" for name in missing])
    return f"I cannot work in this channel yet. I need {names}. A server manager can allow this in the channel's settings."


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelDiagnostics:
    """A channel that the bot sees, and its missing permissions there; without the `blocking` ones no run can be shown."""

    name: str
    missing: tuple[str, ...]
    blocking: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """True if a run can be shown there."""
        return not self.blocking


@dataclass(frozen=True, kw_only=True, slots=True)
class GuildDiagnostics:
    """A server of the bot. `silent_roles`: names of wanted roles that the bot may not mention; `joined_at` is when the bot did,
    in seconds since the epoch; `commands`: names of the commands that are registered on this server alone."""

    id: int
    joined_at: float
    name: str
    commands: frozenset[str]
    channels: tuple[ChannelDiagnostics, ...]
    roles: frozenset[str]
    silent_roles: tuple[str, ...]
    people: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscordDiagnostics:
    """The state of the application and its servers. `commands` are the names of the commands that are registered globally."""

    application: int
    name: str
    message_content: bool
    members: bool
    servers: tuple[GuildDiagnostics, ...]
    commands: frozenset[str]
    problems: tuple[ApplicationProblem, ...]


async def diagnose(
    token: str, addresses: DiscordEndpoints, *, roles: Collection[str] = (), people: Collection[str] = ()
) -> DiscordDiagnostics:
    """Read the state of the application; `roles` and `people` are ids to look for.

    Raises:
        NotSent, SendUncertain: Discord cannot be reached now.
        SendRejected: Discord rejects the token, or a request.
    """
    client = discord.Client(intents=discord.Intents(guilds=True), http_trace=request_trace())
    addresses.apply_to(client)
    try:
        async with asyncio.timeout(DIAGNOSIS_TIMEOUT):
            async with bounded_attempt():
                await client.login(token)
            return await _diagnose_application(client, roles, people)
    except TimeoutError as error:
        raise NotSent("Discord limits the rate of requests; fix: run this again in some minutes") from error
    finally:
        await client.close()


async def _diagnose_application(client: discord.Client, roles: Collection[str], people: Collection[str]) -> DiscordDiagnostics:
    allowed, tree = intents(client.application_flags), app_commands.CommandTree(client)
    async with bounded_attempt():
        guilds = [guild async for guild in client.fetch_guilds(limit=None)]
        commands = await tree.fetch_commands()
    return DiscordDiagnostics(
        application=client.application_id or 0,
        name=client.user.name if client.user else "",
        message_content=allowed.message_content,
        members=allowed.members,
        servers=tuple([await _diagnose_guild(tree, guild.id, roles, people) for guild in guilds]),
        commands=frozenset(command.name for command in commands),
        problems=tuple(application_problems(client)),
    )


async def _diagnose_guild(
    tree: app_commands.CommandTree[discord.Client], guild_id: int, roles: Collection[str], people: Collection[str]
) -> GuildDiagnostics:
    client = tree.client
    async with bounded_attempt():
        guild = await client.fetch_guild(guild_id)
        me = await guild.fetch_member(client.user.id if client.user else 0)
        channels = await guild.fetch_channels()
        commands = await tree.fetch_commands(guild=guild)
    found = [role for role in guild.roles if str(role.id) in roles]
    may_mention_all = me.guild_permissions.mention_everyone
    return GuildDiagnostics(
        id=guild.id,
        joined_at=me.joined_at.timestamp() if me.joined_at else math.inf,
        name=guild.name,
        commands=frozenset(command.name for command in commands),
        channels=_diagnose_channels(channels, me),
        roles=frozenset(str(role.id) for role in found),
        silent_roles=tuple(role.name for role in found if not role.mentionable and not may_mention_all),
        people=frozenset([person for person in people if await _has_member(guild, person)]),
    )


def _diagnose_channels(channels: Sequence[discord.abc.GuildChannel], me: discord.Member) -> tuple[ChannelDiagnostics, ...]:
    diagnostics = []
    for channel in channels:
        allowed = channel.permissions_for(me)
        if isinstance(channel, _TEXT_CHANNELS) and allowed.view_channel:
            missing, blocking = missing_permissions(allowed, tuple(PERMISSIONS)), missing_for_run(allowed, channel)
            diagnostics.append(ChannelDiagnostics(name=channel.name, missing=missing, blocking=blocking))
    return tuple(diagnostics)


async def _has_member(guild: discord.Guild, person: str) -> bool:
    try:
        async with bounded_attempt():
            await guild.fetch_member(int(person))
    except Exception as failure:
        if isinstance(failure.__cause__, discord.NotFound) or not person.isdecimal():
            return False
        raise
    return True
