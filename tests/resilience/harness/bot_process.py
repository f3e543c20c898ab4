"""The bot on the fake platform, to be killed.

Started as `python -m tests.resilience.harness.bot_process CHAT_URL STORE_FILE` by `bot_spawner.py`.

The team file is named by TOWNHALL_TEAM_FILE. Another platform's kill test has a file like this one with its own adapter.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.resilience.harness.bot_spawner import raise_bots
from tests.support.fake_chat.adapter import LoopbackAdapter

SILENCE = 1.0
"""Seconds after which the bot takes an answer of the platform to be lost: longer than any that is merely late here."""


def main() -> None:
    """Raise bots for the platform that the command line names."""
    url, file = sys.argv[1:]
    raise_bots(lambda: [LoopbackAdapter(url, silence=SILENCE, pause=0.02)], Path(file))


if __name__ == "__main__":
    main()
