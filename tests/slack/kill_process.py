"""The bot on the fake Slack, to be killed: `python -m tests.slack.kill_process API_URL STORE_FILE`, told by `nursery.py`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from adapters.slack.access import SlackConfig
from adapters.slack.adapter import SlackAdapter
from bot.commands import HELP
from tests.faults.nursery import raise_bots
from tests.servers.slack_server import APP_TOKEN, BOT_TOKEN
from tests.slack.card_menu import FixedMenu

SILENCE = 1.0
"""Seconds after which the bot takes an answer of Slack to be lost: longer than any that is merely late here."""


class Hasty(SlackAdapter):
    """Shows a run's end at once: lives are short here."""

    capabilities = replace(SlackAdapter.capabilities, edit_interval=0.1)


def main() -> None:
    """Raise bots for the server that the command line names."""
    url, file = sys.argv[1:]
    access = SlackConfig(bot_token=BOT_TOKEN, app_token=APP_TOKEN, url=url, silence=SILENCE, ping=0.5)
    raise_bots(lambda: [Hasty(access, FixedMenu(), names=tuple(HELP))], Path(file))


if __name__ == "__main__":
    main()
