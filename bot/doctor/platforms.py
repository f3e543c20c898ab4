"""Discord: is the token taken, what may be read, where may be written, whom can be mentioned, are the commands known?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.app import discord_endpoints
from bot.doctor.checks import Finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from adapters.discord.permissions import ChannelDiagnostics, DiscordDiagnostics, GuildDiagnostics
    from adapters.slack.manifest import SlackDiagnostics
    from bot.app import LoadedConfig


_INTENTS_FIX = "developer portal, your application, Bot, Privileged Gateway Intents"
_NAMED = 8
"""Channels that are named one by one."""


async def check_discord(start: LoadedConfig) -> AsyncIterator[Finding]:
    """Findings about Discord; none if it is not set up. Discord is asked, and nothing there is changed."""
    settings = start.settings
    if settings.discord_token is None:
        return
    from adapters.discord.permissions import diagnose
    from orchestrator_bridge.chat.adapter import DeliveryError

    roles, people = _configured_ids(start)
    try:
        seen = await diagnose(settings.discord_token.get_secret_value(), discord_endpoints(settings), roles=roles, people=people)
    except DeliveryError as error:
        yield Finding(about="discord", state="wrong", found=str(error), mend="see to this first; the rest was not looked at")
        return
    for finding in _discord_findings(seen, roles, people):
        yield finding


def _configured_ids(start: LoadedConfig) -> tuple[list[str], list[str]]:
    """The roles and people of the team file, by their ids on Discord."""
    roles = [id_ for role in start.team_file.roles.values() if (id_ := role.ids.get("discord"))]
    return roles, [id_ for person in start.team_file.people.values() if (id_ := person.ids.get("discord"))]


def _discord_findings(seen: DiscordDiagnostics, roles: list[str], people: list[str]) -> Iterator[Finding]:
    yield _servers_finding(seen)
    yield from _intents_findings(seen, roles)
    for server in seen.servers:
        yield from _channel_findings(server)
        for role in server.silent_roles:
            mend = f"{server.name}, server settings, Roles, {role}: allow anyone to mention this role"
            yield Finding(about="discord roles", state="warn", found=f"@{role} cannot be mentioned by the bot", mend=mend)
    yield from _unknown_id_findings(seen, roles, people)
    yield _commands_finding(seen)


def _servers_finding(seen: DiscordDiagnostics) -> Finding:
    if not seen.servers:
        mend = "`townhall setup discord` prints the link that invites it"
        return Finding(about="discord", state="warn", found=f"the bot {seen.name} is on no server", mend=mend)
    return Finding(about="discord", state="ok", found=f"bot {seen.name} on {', '.join(one.name for one in seen.servers)}")


def _intents_findings(seen: DiscordDiagnostics, roles: list[str]) -> Iterator[Finding]:
    if seen.message_content:
        yield Finding(about="discord intents", state="ok", found="Message Content is on")
    else:
        found = "Message Content is off: typed replies cannot be read, only buttons, forms and mentions of the bot"
        yield Finding(about="discord intents", state="wrong", found=found, mend=f"switch it on: {_INTENTS_FIX}")
    if roles and not seen.members:
        found = "Server Members is off: who has a role is not known, so one answer of a role's members decides"
        yield Finding(
            about="discord intents", state="warn", found=found, mend=f"switch it on if more are to answer: {_INTENTS_FIX}"
        )


def _channel_findings(server: GuildDiagnostics) -> Iterator[Finding]:
    from adapters.discord.permissions import PERMISSIONS

    if not any(room.usable for room in server.channels):
        mend = "let the bot's role see a channel, send messages, embed links and read the history there"
        yield Finding(about=f"discord {server.name}", state="wrong", found="the bot can work in no channel", mend=mend)
    lame = [room for room in server.channels if room.missing]
    for room in lame[:_NAMED]:
        missing = ", ".join(f"{PERMISSIONS[name][0]} ({PERMISSIONS[name][1]})" for name in room.missing)
        yield _channel_finding(server, room, missing)
    if len(lame) > _NAMED:
        yield Finding(about=f"discord {server.name}", state="warn", found=f"{len(lame) - _NAMED} more channels lack something")
    if not lame and server.channels:
        yield Finding(about=f"discord {server.name}", state="ok", found=f"all permissions in {len(server.channels)} channels")


def _channel_finding(server: GuildDiagnostics, room: ChannelDiagnostics, missing: str) -> Finding:
    mend = "channel settings, Permissions: allow it for the bot's role, or hide the channel from the bot"
    return Finding(about=f"discord {server.name} #{room.name}", state="warn", found=f"missing: {missing}", mend=mend)


def _unknown_id_findings(seen: DiscordDiagnostics, roles: list[str], people: list[str]) -> Iterator[Finding]:
    """Ids of the team file that no server knows."""
    known = frozenset().union(*(server.roles | server.people for server in seen.servers))
    for one in [*roles, *people] if seen.servers else []:
        if one not in known:
            mend = "correct it in the team file; with Developer Mode on, a right click copies ids"
            kind = "role" if one in roles else "person"
            yield Finding(about="discord team file", state="wrong", found=f"no server knows the {kind} {one}", mend=mend)


def _commands_finding(seen: DiscordDiagnostics) -> Finding:
    from adapters.discord.commands import COMMAND_NAMES

    missing = sorted(COMMAND_NAMES - seen.commands)
    if not missing:
        return Finding(about="discord commands", state="ok", found=f"all {len(COMMAND_NAMES)} are known to Discord")
    found = f"Discord does not know {', '.join(missing)}"
    mend = "start the bot once: it makes them known; with DISCORD_GUILD set they are known on that server only"
    return Finding(about="discord commands", state="warn", found=found, mend=mend)


_REINSTALL = "compare the app with `townhall setup slack`, then reinstall it to the workspace"


async def check_slack(start: LoadedConfig) -> AsyncIterator[Finding]:
    """Findings about Slack; none if it is not set up. Slack is asked, and nothing there is changed."""
    settings = start.settings
    if settings.slack_bot_token is None:
        for name in ("SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
            if getattr(settings, name.lower()) is not None:
                yield Finding(about="slack", state="wrong", found=f"{name} without SLACK_BOT_TOKEN", mend="set SLACK_BOT_TOKEN")
        return
    from adapters.slack.manifest import diagnose
    from orchestrator_bridge.chat.adapter import NotSent, SendRejected

    people = [id_ for person in start.team_file.people.values() if (id_ := person.ids.get("slack"))]
    try:
        seen = await diagnose(settings.slack_bot_token.get_secret_value(), settings.slack_api_url, people)
    except (NotSent, SendRejected) as error:
        yield Finding(about="slack", state="wrong", found=str(error), mend="see to this first; the rest was not looked at")
        return
    for finding in _slack_findings(seen):
        yield finding
    yield await _transport_finding(start)
    yield _events_finding(start)


def _slack_findings(seen: SlackDiagnostics) -> Iterator[Finding]:
    where = f"bot {seen.workspace.user} in {seen.workspace.url or seen.workspace.team}"
    yield Finding(about="slack", state="ok", found=where)
    yield _scopes_finding(seen)
    yield _slack_channels_finding(seen)
    for user in seen.unknown:
        mend = "correct it under [people] in the team file; a person's profile in Slack has her member id"
        yield Finding(about="slack people", state="wrong", found=f"the workspace knows nobody with the id {user}", mend=mend)


def _scopes_finding(seen: SlackDiagnostics) -> Finding:
    from adapters.slack.manifest import BOT_SCOPES

    if not seen.missing:
        return Finding(about="slack scopes", state="ok", found=f"all {len(BOT_SCOPES)} are there")
    lacking = "; ".join(f"{scope} (to {BOT_SCOPES[scope]})" for scope in seen.missing)
    needed = "chat:write" in seen.missing or any(scope.endswith(":history") for scope in seen.missing)
    return Finding(about="slack scopes", state="wrong" if needed else "warn", found=f"missing: {lacking}", mend=_REINSTALL)


def _slack_channels_finding(seen: SlackDiagnostics) -> Finding:
    if seen.channels is None:
        return Finding(about="slack channels", state="warn", found="the bot may not ask in which it is", mend=_REINSTALL)
    if not seen.channels:
        mend = "type /invite @Townhall in a channel; direct messages work without"
        return Finding(about="slack channels", state="warn", found="the bot is in none", mend=mend)
    shown = ", ".join(f"#{name}" for name in seen.channels[:10])
    more = f" and {len(seen.channels) - 10} more" if len(seen.channels) > 10 else ""
    return Finding(about="slack channels", state="ok", found=f"the bot is in {shown}{more}")


async def _transport_finding(start: LoadedConfig) -> Finding:
    """How Slack's events come to us."""
    settings = start.settings
    if settings.slack_app_token is not None:
        return await _socket_mode_finding(settings.slack_app_token.get_secret_value(), settings.slack_api_url)
    if settings.slack_signing_secret is not None:
        found = f"HTTP mode on port {settings.http_port}, path /slack/events; your proxy has to lead there"
        return Finding(about="slack events", state="ok", found=found)
    mend = "set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP mode)"
    return Finding(about="slack events", state="wrong", found="there is no way in: neither token nor secret", mend=mend)


async def _socket_mode_finding(token: str, url: str | None) -> Finding:
    from adapters.slack.manifest import check_socket_mode
    from orchestrator_bridge.chat.adapter import NotSent, SendRejected

    try:
        await check_socket_mode(token, url)
    except (NotSent, SendRejected) as error:
        mend = "make an app-level token with the scope connections:write, switch Socket Mode on, set SLACK_APP_TOKEN"
        return Finding(about="slack events", state="wrong", found=f"Socket Mode: {error}", mend=mend)
    return Finding(about="slack events", state="ok", found="Socket Mode is open to the app token")


def _events_finding(start: LoadedConfig) -> Finding:
    """Which events an app gets is shown to its owner only, so this can but remind."""
    from adapters.slack.manifest import BOT_EVENTS

    found = f"Slack tells a bot not which events it gets; needed are {', '.join(BOT_EVENTS)}"
    return Finding(about="slack subscriptions", state="ok", found=found)
