"""`townhall` as a process on the fake Discord: commands, output, exit."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from pathlib import Path

import pytest

from adapters.discord.components import DiscordControl
from tests.support.fake_discord.fixture import DiscordDriver
from tests.support.fake_discord.server import DiscordServer
from tests.support.fake_discord.simcord_bot import TEAM_FILE
from tests.support.fake_models.players import asking_behaviour
from tests.support.fake_models.server import ModelServer

NOWHERE = {"DISCORD_TOKEN": "a-token", "DISCORD_API_URL": "http://127.0.0.1:9/api/v10", "DISCORD_GATEWAY_URL": "ws://127.0.0.1:9"}
"""Addresses at which nobody listens."""


async def townhall(folder: Path, *arguments: str, **settings: str) -> Process:
    """Start the process in this folder, with these settings and no others."""
    environ: Mapping[str, str] = {"PATH": os.environ["PATH"], "TOWNHALL_DATA": str(folder / "data"), **settings}
    command = [sys.executable, "-m", "bot", *arguments]
    kept = {"PYTHONPATH": os.pathsep.join(sys.path), **environ}
    return await asyncio.create_subprocess_exec(*command, cwd=folder, env=kept, stdout=PIPE, stderr=PIPE)


async def ended(process: Process) -> tuple[int | None, str]:
    """The exit code and the standard error."""
    _, error = await process.communicate()
    return process.returncode, error.decode()


async def test_a_bot_that_is_started_works_on_a_task_asks_and_stops_when_told(tmp_path: Path) -> None:
    async with DiscordServer() as server, ModelServer(asking_behaviour) as model:
        (tmp_path / "townhall.toml").write_text(TEAM_FILE.format(url=model.url), encoding="utf-8")
        world, driver = server.world, DiscordDriver(server)
        settings = {"DISCORD_TOKEN": server.token, "DISCORD_API_URL": server.api, "DISCORD_GATEWAY_URL": server.gateway_url}
        process = await townhall(tmp_path, "run", **settings)
        await server.until(lambda: world.commands)
        driver.send_command("ask", task="Choose a database")
        sqlite = DiscordControl(kind="option", number=1, value="sqlite").id
        await server.until(lambda: driver.message_with(sqlite))
        driver.click(sqlite)
        await server.until(lambda: any("Final answer of run 1" in message.content for message in world.messages.values()))
        process.send_signal(signal.SIGTERM)
        assert await ended(process) == (0, "")
        assert server.strays == []
        assert server.token not in (tmp_path / "data" / "townhall.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("arguments", [["setup", "discord"], ["doctor"]], ids=" ".join)
async def test_an_unreachable_discord_is_reported_as_such(tmp_path: Path, arguments: list[str]) -> None:
    process = await townhall(tmp_path, *arguments, **NOWHERE)
    said, error = await process.communicate()
    assert process.returncode == 1
    assert b"Discord cannot be reached" in said + error
    assert b"please report" not in said + error
