"""The bot on the fake platform with its door open, to be killed: `python -m tests.outside.kill_process CHAT_URL STORE_FILE`."""

from __future__ import annotations

import sys
from pathlib import Path

import bot.outside.http  # noqa: F401 - slow, so before the first child
from bot.outside.door import open_listener
from tests.faults.bot_process import SILENCE
from tests.faults.nursery import raise_bots
from tests.servers.chat_adapter import LoopbackAdapter


def main() -> None:
    """Raise bots for the platform that the command line names."""
    url, file = sys.argv[1:]
    raise_bots(lambda: [LoopbackAdapter(url, silence=SILENCE, pause=0.02)], Path(file), open_listener)


if __name__ == "__main__":
    main()
