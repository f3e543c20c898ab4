"""`townhall setup discord` and `townhall doctor` against the fake Discord."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.discord.commands import COMMAND_NAMES
from adapters.discord.platform import PLATFORM
from bot.cli.setup import print_setup
from bot.doctor.report import run_checks
from orchestrator_bridge.chat.platform import Finding
from tests.support.fake_discord import wire
from tests.support.fake_discord.fixture import DiscordDriver
from tests.support.fake_discord.server import DiscordServer


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordServer]:
    monkeypatch.chdir(tmp_path)
    for name in ("XAI_API_KEY", "SLACK_BOT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    async with DiscordServer() as server:
        monkeypatch.setenv("DISCORD_TOKEN", server.token)
        monkeypatch.setenv("DISCORD_API_URL", server.api)
        monkeypatch.setenv("DISCORD_GATEWAY_URL", server.gateway_url)
        yield server


def write_team_file(text: str) -> None:
    Path("townhall.toml").write_text(text, encoding="utf-8")


def name_in_team_file(role: int) -> None:
    """A team file with a role, and with Alice, who is on no server."""
    write_team_file(f'[people.alice]\ndiscord = "424242424242424242"\n[roles.backend]\ndiscord = "{role}"\n')


async def found() -> dict[str, list[Finding]]:
    """The doctor's findings about Discord, by subject."""
    made: dict[str, list[Finding]] = {}
    async for finding in run_checks():
        if finding.about.startswith("discord"):
            made.setdefault(finding.about, []).append(finding)
    return made


async def test_setup_prints_the_link_alone_on_standard_output(server: DiscordServer, capsys: pytest.CaptureFixture[str]) -> None:
    await print_setup(PLATFORM, {})
    said = capsys.readouterr()
    assert said.out.strip() == (
        f"https://discord.com/oauth2/authorize?client_id={wire.APPLICATION}"
        "&scope=bot+applications.commands&permissions=326417632320"
    )
    assert "Send Messages: to post runs and questions" in said.err
    assert "Server Members is off" in said.err
    assert "Message Content is off" not in said.err
    assert server.token not in said.out + said.err


async def test_setup_without_a_token_explains_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCORD_TOKEN", raising=False)
    await print_setup(PLATFORM, {})
    said = capsys.readouterr()
    assert "Reset Token" in said.out
    assert "oauth2" not in said.out


async def test_the_doctor_finds_nothing_wrong_where_all_is_well(server: DiscordServer) -> None:
    driver = DiscordDriver(server)
    await driver.start()
    await server.until(lambda: driver.world.commands)
    await driver.adapter.stop()
    findings = await found()
    assert {item.state for about in findings.values() for item in about} == {"ok"}
    assert findings["discord"][0].found == "bot townhall on The house"
    assert findings["discord commands"][0].found == f"all {len(COMMAND_NAMES)} are registered"
    assert findings["discord The house"][0].found == "all permissions in 1 channel"


async def test_the_doctor_names_what_is_missing_and_the_fix(server: DiscordServer) -> None:
    world = server.world
    world.flags = 0
    world.general.denied = (1 << 11) | (1 << 38)
    role = world.add_role("backend", mentionable=False)
    world.everyone = (1 << 10) | (1 << 11) | (1 << 14) | (1 << 16) | (1 << 35) | (1 << 38) | (1 << 6) | (1 << 15) | (1 << 34)
    name_in_team_file(role)
    findings = await found()
    assert findings["discord application"][0].state == "wrong"
    assert "typed replies cannot be read" in findings["discord application"][0].found
    assert "Server Members is off" in findings["discord intents"][0].found
    assert findings["discord The house"][0].found == "the bot can work in no channel"
    room = findings["discord The house #general"][0]
    assert "Send Messages (to post runs and questions)" in room.found
    assert "allow it for the bot's role" in room.fix
    assert findings["discord roles"][0].found == "the bot may not mention @backend"
    assert findings["discord team file"][0].found == "no server knows the person 424242424242424242"
    assert "not registered: " in findings["discord commands"][0].found


async def test_the_doctor_names_servers_on_which_the_bot_does_not_work(server: DiscordServer) -> None:
    write_team_file('servers = ["424242"]\n')
    unserved, missing = (await found())["discord servers"]
    assert (unserved.state, unserved.found) == ("warn", "the bot is on The house, but not set up for it: no run starts there")
    assert f'servers = ["{wire.GUILD}", ...]' in unserved.fix
    assert (missing.state, missing.found) == ("wrong", "the bot is not on the server 424242")


async def test_the_doctor_reports_a_rejected_token_and_stops_there(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "another-token")
    findings = await found()
    (only,) = findings["discord"]
    assert only.state == "wrong"
    assert "rejects DISCORD_TOKEN" in only.found
    assert "another-token" not in only.found


async def test_without_a_token_the_doctor_says_nothing_of_discord(server: DiscordServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISCORD_TOKEN")
    assert await found() == {}


async def test_the_doctor_fails_while_an_endpoint_url_diverts_every_click(server: DiscordServer) -> None:
    server.world.endpoint = "https://example.com/interactions"
    (finding,) = (await found())["discord application"]
    assert finding.state == "wrong"
    assert "no click reaches the bot" in finding.found
    assert "General Information, Interactions Endpoint URL" in finding.fix


async def test_the_doctor_names_servers_that_list_every_command_twice(
    server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = DiscordDriver(server)
    await driver.start()
    await server.until(lambda: driver.world.commands)
    await driver.adapter.stop()
    server.world.registered[wire.GUILD] = server.world.registered[0]
    assert "listed twice on The house" in (await found())["discord commands"][0].found
    server.world.registered[0] = []
    assert "not registered: " in (await found())["discord commands"][0].found
    monkeypatch.setenv("DISCORD_GUILD", str(wire.GUILD))
    assert (await found())["discord commands"][0].state == "ok"
