"""`townhall setup discord`: the invite link on standard output, and what to do with it on standard error. First, how to begin."""

from __future__ import annotations

import click

from bot.discord_access import discord_endpoints
from bot.settings import Settings

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
    from adapters.discord.checkup import diagnose
    from adapters.discord.permissions import PERMISSIONS, invite_url

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
