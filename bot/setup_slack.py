"""`townhall setup slack`: the app manifest on standard output, and what to do with it on standard error."""

from __future__ import annotations

import json

import click

from adapters.slack.manifest import manifest
from bot.trouble import ConfigError, Problem

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
