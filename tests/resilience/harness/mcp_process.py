"""The bot on the fake platform with its MCP server, to be killed.

Started as `python -m tests.resilience.harness.mcp_process CHAT_URL STORE_FILE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from bot.mcp_server.listener import open_listener
from tests.resilience.harness.bot_process import SILENCE
from tests.resilience.harness.bot_spawner import raise_bots
from tests.support.fake_chat.adapter import LoopbackAdapter


def main() -> None:
    """Raise bots for the platform that the command line names."""
    url, file = sys.argv[1:]
    raise_bots(lambda: [LoopbackAdapter(url, silence=SILENCE, pause=0.02)], Path(file), open_listener)


if __name__ == "__main__":
    main()
