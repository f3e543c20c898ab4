"""`townhall setup discord`: the invite link on standard output, and what to do with it on standard error. First, how to begin."""

from __future__ import annotations

import json

import click

from adapters.slack.manifest import manifest
from bot.app import discord_endpoints
from bot.config.errors import ConfigError, Problem
from bot.config.settings import Settings

_FIRST = """\
1. discord.com/developers/applications, New Application; then Bot: Reset Token, and put it into .env as DISCORD_TOKEN.
2. On the same page, Privileged Gateway Intents: switch on Message Content, so that words in threads can be read, and, if
   everyone of a Discord role is to answer, Server Members. Public Bot: off, unless others may invite it.
3. townhall setup discord, once more: with the token it prints the link that invites the bot."""

_THEN = """\
1. Open the link as somebody who manages the server, choose the server, leave every permission as it is.
2. townhall doctor, then townhall run. In Discord: /ask in a channel that the bot sees."""


async def print_invite(settings: Settings) -> None:
    """Print the link of the bot whose token is set; without a token, how to come by one.

    Raises:
        NotSent: Discord cannot be reached just now.
        SendRejected: it refuses the token.
    """
    if settings.discord_token is None:
        click.echo(_FIRST)
        return
    from adapters.discord.permissions import PERMISSIONS, diagnose, invite_url

    seen = await diagnose(settings.discord_token.get_secret_value(), discord_endpoints(settings))
    click.echo(_THEN, err=True)
    for off in _switched_off(message_content=seen.message_content, members=seen.members):
        click.echo(off, err=True)
    click.echo("The link asks for no more than this:", err=True)
    for name, purpose in PERMISSIONS.values():
        click.echo(f"  {name}: {purpose}", err=True)
    click.echo(invite_url(seen.application))


def _switched_off(*, message_content: bool, members: bool) -> list[str]:
    where = "developer portal, Bot, Privileged Gateway Intents"
    lines = []
    if not message_content:
        lines.append(f"Message Content is off ({where}): without it only buttons, forms and mentions of the bot can be read.")
    if not members:
        lines.append(f"Server Members is off ({where}): needed only if all or most members of a Discord role are to answer.")
    return lines


_SOCKET = """\
1. api.slack.com/apps, Create New App, From a manifest: choose the workspace, paste this as JSON, create.
2. Install App: install it to the workspace; put the Bot User OAuth Token (xoxb-) into SLACK_BOT_TOKEN.
3. Basic Information, App-Level Tokens: generate one with the scope connections:write; put it (xapp-) into SLACK_APP_TOKEN.
4. townhall doctor, then townhall run. In Slack: /invite @Townhall in a channel, then /townhall ask."""

_HTTP = """\
1. api.slack.com/apps, Create New App, From a manifest: choose the workspace, paste this as JSON, create.
2. Install the app; put its Bot User OAuth Token into SLACK_BOT_TOKEN, and Basic Information, Signing Secret into
   SLACK_SIGNING_SECRET. SLACK_APP_TOKEN stays empty.
3. Lead the address to the port of TOWNHALL_HTTP_PORT and start the bot: townhall run.
4. Event Subscriptions: let Slack verify the address. Then townhall doctor; in Slack /invite @Townhall in a channel."""


def print_manifest(url: str | None) -> None:
    """Print the manifest; `url` as for HTTP mode.

    Raises:
        Trouble: Slack cannot post to this address.
    """
    if url is not None and not url.startswith("https://"):
        problem = Problem(
            where="--url", found=url, expected="an address that begins with https://", fix="Slack posts to no other one"
        )
        raise ConfigError("this address is none for Slack", [problem])
    click.echo(_HTTP if url else _SOCKET, err=True)
    click.echo(json.dumps(manifest(url), indent=2))
