"""Talking with a bot at a terminal that is a pipe."""

from __future__ import annotations

import subprocess


def type_line(bot: subprocess.Popen[str], line: str) -> None:
    assert bot.stdin is not None
    bot.stdin.write(f"{line}\n")
    bot.stdin.flush()


def read_until(bot: subprocess.Popen[str], words: str) -> str:
    """All that it says up to the line with these words."""
    assert bot.stdout is not None
    text = ""
    while words not in text:
        line = bot.stdout.readline()
        assert line, f"ended before it said {words!r}: {text}"
        text += line
    return text
