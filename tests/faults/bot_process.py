"""The bot on the fake platform, to be killed: `python -m tests.faults.bot_process CHAT_URL STORE_FILE`, told by `nursery.py`.

The team file is named by TOWNHALL_TEAM_FILE. Another platform's kill test has a file like this one with its own adapter.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.faults.nursery import raise_bots
from tests.servers.chat_adapter import LoopbackAdapter

SILENCE = 1.0
"""Seconds after which the bot takes an answer of the platform to be lost: longer than any that is merely late here."""


def main() -> None:
    """Raise bots for the platform that the command line names."""
    url, file = sys.argv[1:]
    raise_bots(lambda: [LoopbackAdapter(url, silence=SILENCE, pause=0.02)], Path(file))


if __name__ == "__main__":
    main()
