"""Discord as a platform: settings, adapter, checks of `townhall doctor`, and `townhall setup discord`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from adapters.discord.application import PORTAL_INTENTS
from orchestrator_bridge.chat.adapter import Adapter, Autocomplete, DeliveryError
from orchestrator_bridge.chat.platform import Finding, Platform, PlatformContext, SetupGuide, SetupOption
from orchestrator_bridge.common.settings import EnvironmentSettings, Secret, SocketAddress, WebAddress

if TYPE_CHECKING:
    from adapters.discord.client import DiscordEndpoints
    from adapters.discord.permissions import ChannelDiagnostics, DiscordDiagnostics, GuildDiagnostics


def _validate_server_id(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:
    try:
        return validate(value)
    except ValidationError:
        raise ValueError(
            "expected a server's id, such as 123456789012345678; with Developer Mode on, right-click the server, Copy Server ID"
        ) from None


ServerId = Annotated[int, Field(ge=1, lt=2**63), WrapValidator(_validate_server_id)]


class DiscordSettings(EnvironmentSettings):
    """Discord's environment variables. The addresses replace Discord's own, for tests and proxies."""

    discord_token: Secret | None = None
    discord_api_url: WebAddress | None = None
    discord_gateway_url: SocketAddress | None = None
    discord_guild: ServerId | None = None
    """Register the commands on this server only, where they appear at once."""

    @property
    def endpoints(self) -> DiscordEndpoints:
        """Discord's addresses."""
        from adapters.discord.client import DiscordEndpoints

        return DiscordEndpoints(api=self.discord_api_url, gateway=self.discord_gateway_url)


class DiscordPlatform(Platform[DiscordSettings]):
    """Discord, through a bot token."""

    name = "discord"
    title = "Discord"
    channel_id = re.compile(r"[0-9]+")
    channel_example = "123456789012345678"
    person_id = role_id = re.compile(r"[0-9]+")
    person_example = role_example = "123456789012345678"
    id_help = "Discord: switch on the developer mode, then Copy ID in the menu of a channel, person or role"
    settings_model = DiscordSettings
    setup_help = "Print the link that invites the bot, with the permissions that it needs."
    setup_secrets = (SetupOption(name="DISCORD_TOKEN", help="Developer Portal, your application, Bot, Reset Token"),)

    def configured(self, settings: DiscordSettings) -> bool:
        """True with a token."""
        return settings.discord_token is not None

    def create_adapter(self, settings: DiscordSettings, context: PlatformContext, autocomplete: Autocomplete) -> Adapter:
        """Create the adapter; the token must be set."""
        from adapters.discord.adapter import DiscordAdapter
        from adapters.discord.connection import GatewayConnection
        from orchestrator_bridge.common.clock import SystemClock

        assert settings.discord_token is not None
        clock = SystemClock()
        return DiscordAdapter(
            GatewayConnection(settings.discord_token.get_secret_value(), settings.endpoints, clock),
            autocomplete,
            clock,
            listed=list(context.people),
            servers=context.servers,
            proxies=context.proxies,
            commands_file=context.data / "discord-commands",
            guild=settings.discord_guild,
            roles=context.roles,
        )

    async def check(self, settings: DiscordSettings, context: PlatformContext) -> AsyncIterator[Finding]:
        """Check token, intents, permissions, ids of the team file and commands."""
        if settings.discord_token is None:
            return
        from adapters.discord.permissions import diagnose

        token = settings.discord_token.get_secret_value()
        try:
            seen = await diagnose(token, settings.endpoints, roles=context.roles, people=context.people)
        except DeliveryError as error:
            yield Finding(about="discord", state="wrong", found=str(error), fix="fix this first; nothing else was checked")
            return
        for finding in _findings(seen, context, settings.discord_guild):
            yield finding

    async def setup(self, settings: DiscordSettings, options: Mapping[str, str]) -> SetupGuide:
        """Print the invite link of the bot whose token is set; without a token, the steps to get one."""
        if settings.discord_token is None:
            return SetupGuide(text=_GET_TOKEN)
        from adapters.discord.permissions import PERMISSIONS, diagnose, invite_url

        seen = await diagnose(settings.discord_token.get_secret_value(), settings.endpoints)
        permissions = [f"  {title}: {purpose}" for title, purpose in PERMISSIONS.values()]
        steps = [_INVITE, *_missing_intents(seen), "The link asks for these permissions only:", *permissions]
        return SetupGuide(text=invite_url(seen.application), steps="\n".join(steps))


PLATFORM = DiscordPlatform()

_GET_TOKEN = """\
1. discord.com/developers/applications, New Application. Then Bot: Reset Token, and put the token into .env as DISCORD_TOKEN.
2. On the same page, Privileged Gateway Intents: switch on Message Content, so that replies in threads can be read. Switch on
   Server Members if all or most members of a Discord role are to answer. Public Bot: off, unless others may invite the bot.
3. Run townhall setup discord again: with the token it prints the link that invites the bot."""

_INVITE = """\
1. Open the link as somebody who manages the server, choose the server, and leave every permission as it is.
2. Run townhall doctor, then townhall run. In Discord: /ask in a channel that the bot can see."""


def _missing_intents(seen: DiscordDiagnostics) -> Iterator[str]:
    if not seen.message_content:
        yield f"Message Content is off ({PORTAL_INTENTS}): without it only buttons, modals and mentions of the bot can be read."
    if not seen.members:
        yield f"Server Members is off ({PORTAL_INTENTS}): needed only if all or most members of a Discord role are to answer."


_MAX_NAMED = 8
"""Channels with missing permissions that are listed singly."""


def _findings(seen: DiscordDiagnostics, context: PlatformContext, guild: int | None) -> Iterator[Finding]:
    yield _servers_finding(seen)
    yield from _served_findings(seen, context.servers, guild)
    yield from _intents_findings(seen, context)
    for server in seen.servers:
        yield from _channel_findings(server)
        for role in server.silent_roles:
            fix = f"{server.name}, server settings, Roles, {role}: allow anyone to mention this role"
            yield Finding(about="discord roles", state="warn", found=f"the bot may not mention @{role}", fix=fix)
    yield from _unknown_id_findings(seen, context)
    yield from _commands_findings(seen, guild)


def _servers_finding(seen: DiscordDiagnostics) -> Finding:
    if not seen.servers:
        fix = "open the link that `townhall setup discord` prints"
        return Finding(about="discord", state="warn", found=f"the bot {seen.name} is on no server", fix=fix)
    return Finding(about="discord", state="ok", found=f"bot {seen.name} on {', '.join(server.name for server in seen.servers)}")


def _served_findings(seen: DiscordDiagnostics, servers: Collection[str], guild: int | None) -> Iterator[Finding]:
    """Servers that invited the bot but on which it does not work, and ids of the team file that are no server of the bot's."""
    from adapters.discord.standing import served_ids

    allowed = served_ids({server.id: server.joined_at for server in seen.servers}, servers, guild)
    for server in seen.servers:
        if str(server.id) not in allowed:
            fix = f'if it should work there, list it in the team file: servers = ["{server.id}", ...]; otherwise remove the bot'
            found = f"the bot is on {server.name}, but not set up for it: no run starts there"
            yield Finding(about="discord servers", state="warn", found=found, fix=fix)
    for id_ in sorted(allowed):
        if seen.servers and all(str(server.id) != id_ for server in seen.servers):
            fix = "invite it with the link of `townhall setup discord`, or correct the id"
            yield Finding(about="discord servers", state="wrong", found=f"the bot is not on the server {id_}", fix=fix)


def _intents_findings(seen: DiscordDiagnostics, context: PlatformContext) -> Iterator[Finding]:
    for problem in seen.problems:
        yield Finding(about="discord application", state="wrong", found=problem.found, fix=problem.fix)
    if seen.message_content:
        yield Finding(about="discord intents", state="ok", found="Message Content is on")
    if context.roles and not seen.members:
        found = "Server Members is off: the members of a role are unknown, so one answer of a role decides"
        fix = f"switch it on if more members are to answer: {PORTAL_INTENTS}"
        yield Finding(about="discord intents", state="warn", found=found, fix=fix)


def _channel_findings(server: GuildDiagnostics) -> Iterator[Finding]:
    about = f"discord {server.name}"
    if not any(channel.usable for channel in server.channels):
        fix = "let the bot's role view a channel, send messages, embed links and read the message history there"
        yield Finding(about=about, state="wrong", found="the bot can work in no channel", fix=fix)
    restricted = [channel for channel in server.channels if channel.missing]
    for channel in restricted[:_MAX_NAMED]:
        yield _channel_finding(about, channel)
    if len(restricted) > _MAX_NAMED:
        yield Finding(about=about, state="warn", found=f"{len(restricted) - _MAX_NAMED} more channels lack permissions")
    if server.channels and not restricted:
        count = len(server.channels)
        yield Finding(about=about, state="ok", found=f"all permissions in {count} {'channel' if count == 1 else 'channels'}")


def _channel_finding(about: str, channel: ChannelDiagnostics) -> Finding:
    from adapters.discord.permissions import PERMISSIONS

    missing = ", ".join(f"{PERMISSIONS[name][0]} ({PERMISSIONS[name][1]})" for name in channel.missing)
    fix = "channel settings, Permissions: allow it for the bot's role, or hide the channel from the bot"
    return Finding(about=f"{about} #{channel.name}", state="warn", found=f"missing: {missing}", fix=fix)


def _unknown_id_findings(seen: DiscordDiagnostics, context: PlatformContext) -> Iterator[Finding]:
    """Ids of the team file that no server of the bot knows."""
    if not seen.servers:
        return
    known = frozenset().union(*(server.roles | server.people for server in seen.servers))
    fix = "correct it in the team file; with Developer Mode on, a right click copies ids"
    for kind, ids in (("role", context.roles), ("person", context.people)):
        for id_ in ids:
            if id_ not in known:
                yield Finding(about="discord team file", state="wrong", found=f"no server knows the {kind} {id_}", fix=fix)


def _commands_findings(seen: DiscordDiagnostics, guild: int | None) -> Iterator[Finding]:
    """Commands that are missing, and commands that people see twice. `guild` is the only server that is to have them."""
    from adapters.discord.commands import COMMAND_NAMES

    on_servers = {server.name: server.commands for server in seen.servers if server.commands}
    registered = next((server.commands for server in seen.servers if server.id == guild), frozenset()) if guild else seen.commands
    if missing := sorted(COMMAND_NAMES - registered):
        found = f"not registered: {', '.join(missing)}"
        fix = "start the bot: it registers them, and retries until Discord accepts them; its log has the reason if it cannot"
        yield Finding(about="discord commands", state="warn", found=found, fix=fix)
    if seen.commands and on_servers:
        found = f"listed twice on {', '.join(on_servers)}: they are registered globally and on this server"
        fix = "start the bot once: it removes those of the earlier choice (`DISCORD_GUILD`)"
        yield Finding(about="discord commands", state="warn", found=found, fix=fix)
    elif not missing:
        yield Finding(about="discord commands", state="ok", found=f"all {len(COMMAND_NAMES)} are registered")
