"""`townhall setup slack`, `townhall doctor` and `townhall run` with Slack's settings, on the fake Slack."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.slack.manifest import BOT_EVENTS, BOT_SCOPES, manifest
from bot.app import LoadedConfig
from bot.config.settings import read_settings
from bot.config.team_file import parse_team_file
from bot.doctor.checks import check_platforms
from orchestrator_bridge.chat.platform import Finding
from tests.bot.conftest import Townhall, folder, townhall
from tests.docs.page import ROOT
from tests.support.fake_slack.limits import wrong_in_manifest
from tests.support.fake_slack.server import APP_TOKEN, BOT_TOKEN, SlackServer
from tests.support.fake_slack.shown import words
from tests.support.fake_slack.state import ANA, BOT_USER, GENERAL, Message

__all__ = ["folder", "townhall"]

TEAM = """\
[people.ana]
slack = "{ana}"
[[team.quick.agents]]
name = "asker"
model = "scripted/play"
"""
PLAY = """\
[[agents."*"]]
unused = ["ask_others"]
[[agents."*".calls]]
tool = "ask_others"
[agents."*".calls.arguments]
question = "Now or later?"
kind = "choice"
options = [{ id = "now", label = "Now", recommended = true }, { id = "later", label = "Later" }]
assumption = "Now will do."
to = ["humans"]
[[agents."*"]]
text = "Done: {task} ({reply})"
"""


@pytest.fixture
async def server() -> AsyncIterator[SlackServer]:
    async with SlackServer() as server:
        yield server


# Setting up ---------------------------------------------------------------------------------------------------------------


def test_setup_prints_a_manifest_and_the_next_steps(townhall: Townhall) -> None:
    said = townhall("setup", "slack")
    assert said.code == 0
    assert json.loads(said.out) == manifest()
    assert wrong_in_manifest(json.loads(said.out)) == []
    assert "SLACK_APP_TOKEN" in said.err


def test_setup_for_http_puts_the_address_everywhere(townhall: Townhall) -> None:
    address = "https://bot.example/slack/events"
    said = townhall("setup", "slack", "--url", address)
    made = json.loads(said.out)
    assert made["settings"]["socket_mode_enabled"] is False
    assert said.out.count(address) == 4
    assert wrong_in_manifest(made) == []
    assert "SLACK_SIGNING_SECRET" in said.err


@pytest.mark.parametrize("address", ["http://bot.example", "https://bot.example/" + "a" * 3000])
def test_an_address_to_which_slack_cannot_post_is_refused(townhall: Townhall, address: str) -> None:
    said = townhall("setup", "slack", "--url", address)
    assert said.code == 1
    assert "begins with https:// and has at most 3,000 characters" in said.err


def test_the_fake_refuses_the_manifests_that_slack_refuses() -> None:
    made = manifest("http://bot.example")
    made["features"]["shortcuts"][0]["name"] = "Ask the agents about this"
    made["display_information"]["description"] = "a" * 141
    assert len(wrong_in_manifest(made)) == 6


def test_the_manifest_has_the_events_and_scopes_that_are_needed_and_no_admin_scopes() -> None:
    made = manifest()
    assert set(made["settings"]["event_subscriptions"]["bot_events"]) == set(BOT_EVENTS)
    assert "chat:write" in made["oauth_config"]["scopes"]["bot"]
    assert not [scope for scope in BOT_SCOPES if scope.startswith(("admin", "chat:write.public")) or scope.endswith(":manage")]
    assert made["features"]["slash_commands"][0]["should_escape"]


# The doctor ---------------------------------------------------------------------------------------------------------------


def start_with(server: SlackServer, ana: str = ANA, **settings: str) -> LoadedConfig:
    given = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN, "SLACK_API_URL": server.url} | settings
    team_file = parse_team_file(TEAM.format(ana=ana).replace("play", "demo"), Path("townhall.toml"))
    return LoadedConfig(settings=read_settings(Path("none"), given), team_file=team_file)


async def findings(start: LoadedConfig) -> dict[str, Finding]:
    return {item.about: item async for item in check_platforms(start)}


async def test_a_whole_installation_is_healthy(server: SlackServer) -> None:
    server.world.scopes = frozenset(BOT_SCOPES)
    found = await findings(start_with(server))
    assert {message.state for message in found.values()} == {"ok"}
    assert f"#{GENERAL.lower()}" in found["slack channels"].found


async def test_missing_scopes_are_reported_with_their_purpose(server: SlackServer) -> None:
    server.world.scopes = frozenset(BOT_SCOPES) - {"files:write"}
    server.world.channels[GENERAL].members.discard(BOT_USER)
    found = await findings(start_with(server, ana="U9NOBODY"))
    assert "files:write (to post answers that are too long" in found["slack scopes"].found
    assert "/invite @Townhall" in found["slack channels"].fix
    assert "U9NOBODY" in found["slack people"].found
    assert (found["slack scopes"].state, found["slack people"].state) == ("warn", "wrong")


@pytest.mark.parametrize(("token", "about"), [(BOT_TOKEN, "slack"), (APP_TOKEN, "slack events")])
async def test_a_rejected_token_is_wrong(server: SlackServer, token: str, about: str) -> None:
    server.tokens[token] = "token_revoked"
    found = await findings(start_with(server))
    assert found[about].state == "wrong"
    assert "token_revoked" in found[about].found


async def test_a_bot_token_alone_is_wrong(server: SlackServer) -> None:
    assert (await findings(start_with(server, SLACK_APP_TOKEN="")))["slack events"].state == "wrong"
    assert (await findings(start_with(server, SLACK_BOT_TOKEN="")))["slack"].state == "wrong"
    http = await findings(start_with(server, SLACK_APP_TOKEN="", SLACK_SIGNING_SECRET="s3cret"))
    assert "port 3000" in http["slack events"].found


# The bot ------------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def a_bot(server: SlackServer, folder: Path, **settings: str) -> AsyncIterator[Process]:
    (folder / "play.toml").write_text(PLAY)
    (folder / "townhall.toml").write_text(TEAM.format(ana=ANA))
    tokens = {"SLACK_BOT_TOKEN": BOT_TOKEN, "SLACK_APP_TOKEN": APP_TOKEN, "SLACK_API_URL": server.url}
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **tokens, **settings}
    bot = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", cwd=folder, env=environ, stdin=asyncio.subprocess.DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        yield bot
    finally:
        if bot.returncode is None:
            bot.kill()
        await bot.communicate()


def posts(server: SlackServer, words_in_it: str) -> list[Message]:
    return [message for message in server.world.messages() if message["user"] == BOT_USER and words_in_it in words(message)]


async def test_a_task_goes_from_slash_command_to_answer(server: SlackServer, tmp_path: Path) -> None:
    async with a_bot(server, tmp_path) as bot:
        assert bot.stdout is not None
        assert b"on Slack. Ctrl-C stops it." in await bot.stdout.readline()
        server.people.command(ANA, GENERAL, "ask ship it")
        await server.until(lambda: posts(server, "Now or later?"))
        (card,) = posts(server, "Now or later?")
        server.people.open_home(ANA)
        await server.until(lambda: ANA in server.world.homes)
        assert "1 question waits for you." in words(server.world.homes[ANA])
        reply = server.people.say(ANA, GENERAL, "later", card["ts"])
        await server.until(lambda: posts(server, "Done: ship it"))
        await server.until(lambda: server.world.channels[GENERAL].messages[reply["ts"]].get("reactions"))
        await server.until(lambda: posts(server, "Answered by"))
        bot.send_signal(signal.SIGTERM)
        assert await bot.wait() == 0
    run: Any = posts(server, "Run 1")
    assert len(run) == 1


async def test_an_invalid_token_ends_the_start_with_the_fix(server: SlackServer, tmp_path: Path) -> None:
    server.tokens[BOT_TOKEN] = "token_revoked"
    async with a_bot(server, tmp_path) as bot:
        _, said = await bot.communicate()
    assert bot.returncode == 1
    assert b"SLACK_BOT_TOKEN" in said
    assert b"reinstall the app" in said
    assert BOT_TOKEN.encode() not in said


async def test_a_bot_token_alone_ends_the_start(server: SlackServer, tmp_path: Path) -> None:
    async with a_bot(server, tmp_path, SLACK_APP_TOKEN="") as bot:
        _, said = await bot.communicate()
    assert bot.returncode == 1
    assert b"set SLACK_APP_TOKEN for Socket Mode" in said
