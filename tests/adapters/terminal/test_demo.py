"""The built-in demo in a real pseudo-terminal of 80 columns: how much of it a person has to read."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.terminal_window import Window

ROOT = Path(__file__).parents[3]
ENOUGH = 25
"""Lines from the start to the end of the run: a window of 24 lines and its edge."""


@pytest.fixture
async def window(tmp_path: Path) -> AsyncIterator[Window]:
    """A window in which the bot runs in an empty folder."""
    window = Window(columns=80, lines=40)
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "TOWNHALL_DATA": str(tmp_path / "data")}
    streams = {"stdin": window.stdin, "stdout": window.screen, "stderr": window.screen}
    bot = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", "run", cwd=tmp_path, env=environ, **streams)  # type: ignore[arg-type]
    yield window
    bot.kill()
    await bot.wait()
    window.close()


async def test_the_question_and_the_answer_of_the_demo_fit_on_a_screen(window: Window) -> None:
    await window.until("Type a task")
    await window.enter("May we release version 2.0 on Friday?")
    await window.until("Type 1 to 3, or your own words.")
    await window.until("skeptic: Wait until Tuesday.")
    await window.enter("2")
    await window.until("Run 1 finished")
    shown = [line for line in window.text().splitlines() if line.strip()]
    used = next(number for number, line in enumerate(shown, 1) if "Run 1 finished" in line)
    assert used <= ENOUGH, "\n".join(shown)
    assert any("planner: Release on Friday." in line for line in shown)
    assert any("operator asks: Three payment tests fail." in line for line in shown)
    assert any("Wait until Tuesday, decided by" in line for line in shown)
    assert any("Scripted: no model is called." in line for line in shown)
    assert not any("token" in line for line in shown)
