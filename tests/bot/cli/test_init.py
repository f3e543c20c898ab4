"""`townhall init`: from an empty folder to a team that answers, without a file overwritten or a secret shown."""

from __future__ import annotations

import asyncio
import io
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer as LocalServer
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from bot.config.starter import with_team, with_variables
from bot.config.team_file import parse_team_file, read_team_file
from orchestrator_bridge.model.catalogue import PROVIDERS, resolve
from orchestrator_bridge.model.catalogue.route import lifecycle_stage
from tests.bot.conftest import Said, Townhall
from tests.docs.page import ROOT
from tests.support.terminal_window import Window

KEY = "xai-0123456789abcdef"
WRONG = "xai-nonsense"


async def serve(request: web.Request) -> web.Response:
    """A provider's list of models, for its key only; a server of one's own needs none."""
    if request.path == "/own/v1/models":
        return web.json_response({"data": [{"id": "llama3.3"}]})
    if request.path == "/openrouter/v1/models":  # public, so it proves no key
        return web.json_response({"data": [{"id": "x-ai/grok-4.3"}]})
    if request.headers.get("Authorization") != f"Bearer {KEY}":
        return web.json_response({"error": {"message": "Incorrect API key provided"}}, status=401)
    return web.json_response({"data": [{"id": "grok-4.3"}, {"id": "grok-4.5"}]})


@asynccontextmanager
async def provider() -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{rest:.*}", serve)
    local = LocalServer(app)
    await local.start_server()
    yield str(local.make_url("/")).rstrip("/")
    await local.close()


async def init(*arguments: str, **environ: str) -> Said:
    """Run `townhall init` as a process, while this one serves."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "init", *arguments),
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await process.communicate()
    return Said(code=process.returncode or 0, out=out.decode(), err=err.decode())


def is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())


async def test_a_key_that_is_set_becomes_a_team_that_the_doctor_accepts(folder: Path) -> None:
    async with provider() as url:
        said = await init("--yes", XAI_API_KEY=KEY, XAI_BASE_URL=f"{url}/v1")
    assert said.code == 0, said.out + said.err
    assert "xAI: XAI_API_KEY works, 2 models" in said.out
    assert "Ready. Start the bot: townhall run" in said.out
    team = read_team_file(folder / "townhall.toml").team()
    assert {agent.model for agent in team.agents} == {"grok-4.3"}
    assert KEY not in said.out + said.err
    assert not (folder / ".env").exists()


async def test_a_second_time_changes_nothing(folder: Path) -> None:
    async with provider() as url:
        await init("--yes", XAI_API_KEY=KEY, XAI_BASE_URL=f"{url}/v1")
        before = (folder / "townhall.toml").read_text()
        said = await init("--yes", "--model", "grok-4.5", XAI_API_KEY=KEY, XAI_BASE_URL=f"{url}/v1")
    assert "team main stays as it is" in said.out
    assert (folder / "townhall.toml").read_text() == before


async def test_a_refused_key_makes_no_team_and_no_green_words(folder: Path) -> None:
    async with provider() as url:
        said = await init("--yes", XAI_API_KEY=WRONG, XAI_BASE_URL=f"{url}/v1")
    assert said.code == 1
    assert "Not finished: XAI_API_KEY does not work" in said.out
    assert "Ready" not in said.out
    assert WRONG not in said.out + said.err
    assert is_empty(folder)


async def test_a_key_that_no_host_answered_for_is_not_called_wrong(folder: Path) -> None:
    said = await init("--yes", XAI_API_KEY=KEY, XAI_BASE_URL="http://127.0.0.1:9/v1")
    assert said.code == 1
    assert "Not finished: XAI_API_KEY could not be checked." in said.out


@pytest.mark.parametrize(("key", "code"), [(KEY, 0), (WRONG, 1)])
async def test_a_key_is_checked_where_the_list_of_models_is_public(folder: Path, key: str, code: int) -> None:
    async with provider() as url:
        said = await init("--yes", OPENROUTER_API_KEY=key, OPENROUTER_BASE_URL=f"{url}/openrouter/v1")
    assert said.code == code, said.out + said.err
    assert ("OPENROUTER_API_KEY does not work" in said.out) == bool(code)


async def test_a_platform_without_its_tokens_is_not_finished(folder: Path) -> None:
    said = await init("--yes", "--platform", "slack")
    assert said.code == 1
    assert '"display_information"' in said.out
    assert "Not finished: SLACK_BOT_TOKEN and SLACK_APP_TOKEN are not set" in said.out


async def test_a_server_of_ones_own_needs_no_key(folder: Path) -> None:
    async with provider() as url:
        said = await init("--yes", "--server", f"{url}/own/v1")
    assert "townhall.toml: team main with llama3.3 is the default team now" in said.out, said.out + said.err
    assert "it responds and lists 1 model" in said.out
    loaded = read_team_file(folder / "townhall.toml")
    assert loaded.models["llama3.3"].base_url == f"{url}/own/v1"
    assert {agent.model for agent in loaded.team().agents} == {"llama3.3"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "no terminal"),
        (("--yes", "--platform", "matrix"), "'matrix'"),
        (("--yes", "--server", "localhost"), "http://localhost:11434/v1"),
        (("--yes", "--model", "grok-4.33"), "grok-4.3"),
        (("--yes", "--model", "no-such-thing"), "no-such-thing"),
        (("--yes", "--model", "grok-4.3"), "without XAI_API_KEY"),
    ],
)
async def test_what_cannot_be_done_is_said_and_writes_nothing(folder: Path, arguments: tuple[str, ...], expected: str) -> None:
    said = await init(*arguments)
    assert said.code != 0
    assert expected in said.err
    assert is_empty(folder)


@asynccontextmanager
async def in_a_window(*arguments: str, **environ: str) -> AsyncIterator[tuple[Window, asyncio.subprocess.Process]]:
    window = Window(columns=120)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "init", *arguments),
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        stdin=window.stdin,
        stdout=window.screen,
        stderr=window.screen,
        start_new_session=True,
    )
    try:
        yield window, process
    finally:
        if process.returncode is None:
            process.kill()
        window.close()


async def test_a_new_user_is_led_to_a_team(folder: Path) -> None:
    async with provider() as url, in_a_window(XAI_BASE_URL=f"{url}/v1") as (window, process):
        await window.until("Platforms [terminal]:")
        await window.type("\n")
        await window.until("Number [")
        await window.type("1\n")
        await window.until("Enter skips")
        await window.type(f"{WRONG}\n")
        await window.until(lambda text: text.count("Enter skips") == 2)
        await window.type(f"{KEY}\n")
        await window.until("Models [grok-4.3]:")
        await window.type("grok-4.3, grok-4.5\n")
        text = await window.until("Ready. Start the bot")
        assert await process.wait() == 0
    assert KEY not in text
    assert WRONG not in text
    env = folder / ".env"
    assert dotenv_values(env)["XAI_API_KEY"] == KEY
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    agents = read_team_file(folder / "townhall.toml").team().agents
    assert [agent.model for agent in agents] == ["grok-4.3", "grok-4.5", "grok-4.3"]


def test_the_shipped_team_file_gets_a_team_and_keeps_its_text() -> None:
    shipped = (ROOT / "townhall.toml").read_text(encoding="utf-8")
    changed = with_team(shipped, "main", ["grok-4.3"])
    assert parse_team_file(changed, Path("townhall.toml")).default_team == "main"
    lost = set(shipped.splitlines()) - set(changed.splitlines())
    assert lost == {'default_team = "demo"'}


def test_a_file_with_no_default_team_gets_one_before_its_first_table() -> None:
    text = '# mine\n[team.old]\n[[team.old.agents]]\nname = "a"\nmodel = "scripted/demo"\n'
    changed = parse_team_file(with_team(text, "main", ["grok-4.3"]), Path("townhall.toml"))
    assert changed.default_team == "main"
    assert set(changed.teams) == {"old", "main"}


def test_empty_variables_are_filled_where_they_stand() -> None:
    shipped = (ROOT / ".env.example").read_text(encoding="utf-8")
    changed = with_variables(shipped, {"XAI_API_KEY": KEY, "OTHER": "new"})
    assert len(changed.splitlines()) == len(shipped.splitlines()) + 1
    assert f"\nXAI_API_KEY={KEY}\n" in changed


PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)


@given(value=PRINTABLE, before=st.sampled_from(["", "A=1", "NAME=\nB=2\n"]))
def test_every_value_is_read_back_as_it_was(value: str, before: str) -> None:
    read = dotenv_values(stream=io.StringIO(with_variables(before, {"NAME": value})), interpolate=False)
    assert read["NAME"] == value


@pytest.mark.parametrize("name", [name for name, provider in PROVIDERS.items() if provider.suggested])
def test_every_suggested_model_can_be_used(name: str) -> None:
    found = PROVIDERS[name]
    route = resolve(found.suggested, have=found.needs, today=date(2026, 11, 30))
    assert route.provider == found.name
    assert route.price is not None
    assert route.tools is not False
    assert lifecycle_stage(route.lifecycle, date(2026, 11, 30)) in ("current", "unknown")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_of_a_shell_names_the_commands(shell: str, townhall: Townhall) -> None:
    said = townhall("completion", shell)
    assert said.code == 0
    assert "_TOWNHALL_COMPLETE" in said.out
