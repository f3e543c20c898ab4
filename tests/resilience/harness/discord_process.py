"""The bot on the fake Discord, to be killed: `python -m tests.resilience.harness.discord_process API GATEWAY TOKEN STORE_FILE`.

Told by `nursery.py`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from adapters.discord.adapter import DiscordAdapter
from adapters.discord.client import DiscordEndpoints
from adapters.discord.connection import GatewayConnection
from orchestrator_bridge.common.clock import SystemClock
from tests.resilience.harness.bot_spawner import raise_bots
from tests.support.fake_discord.autocomplete import SmallMenu

SILENCE = 1.0
"""Seconds after which the bot takes an answer of Discord to be lost: longer than any that is merely late here."""


class Hasty(DiscordAdapter):
    """Shows a run's end at once: lives are short here."""

    capabilities = replace(DiscordAdapter.capabilities, edit_interval=0.1)


def main() -> None:
    """Raise bots for the server that the command line names."""
    api, gateway, token, file = sys.argv[1:]
    clock = SystemClock()

    def adapter() -> DiscordAdapter:
        connection = GatewayConnection(token, DiscordEndpoints(api=api, gateway=gateway), clock)
        known = Path(file).with_name("discord-commands")
        return Hasty(connection, SmallMenu(), clock, commands_file=known, response_timeout=SILENCE)

    raise_bots(lambda: [adapter()], Path(file))


if __name__ == "__main__":
    main()
