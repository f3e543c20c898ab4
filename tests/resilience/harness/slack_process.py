"""The bot on the fake Slack, to be killed.

Started as `python -m tests.resilience.harness.slack_process API_URL STORE_FILE` by `bot_spawner.py`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from adapters.slack.adapter import SlackAdapter
from adapters.slack.session import SlackConfig
from bot.commands.dispatch import HELP
from tests.resilience.harness.bot_spawner import raise_bots
from tests.support.fake_slack.autocomplete import FixedMenu
from tests.support.fake_slack.server import APP_TOKEN, BOT_TOKEN

SILENCE = 1.0
"""Seconds after which the bot takes an answer of Slack to be lost: longer than any that is merely late here."""


class Hasty(SlackAdapter):
    """Shows a run's end at once: lives are short here."""

    capabilities = replace(SlackAdapter.capabilities, edit_interval=0.1)


def main() -> None:
    """Raise bots for the server that the command line names."""
    url, file = sys.argv[1:]
    config = SlackConfig(bot_token=BOT_TOKEN, app_token=APP_TOKEN, url=url, response_timeout=SILENCE, ping_interval=0.5)
    raise_bots(lambda: [Hasty(config, FixedMenu(), names=tuple(HELP))], Path(file))


if __name__ == "__main__":
    main()
