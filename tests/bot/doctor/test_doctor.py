from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer as LocalServer

from bot.app import LoadedConfig
from bot.config.settings import read_settings
from bot.config.team_file import parse_team_file
from bot.doctor.checks import check_space
from bot.doctor.models import check_endpoints
from bot.doctor.tools import check_tools
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.bot.conftest import Townhall
from tests.contract.store_values import guided, run_opened
from tests.support.store_files import run_sql

TEAM = '[[team.review.agents]]\nname = "one"\nmodel = "mine"\n[models.mine]\nbase_url = "{url}"\nkey_env = "MINE"\n'


def states(text: str) -> dict[str, str]:
    return {finding["about"]: finding["state"] for finding in json.loads(text)["findings"]}


def test_a_fresh_folder_is_healthy_and_stays_empty(townhall: Townhall, folder: Path) -> None:
    said = townhall("doctor", "--json")
    assert said.code == 0
    assert json.loads(said.out)["ok"]
    assert set(states(said.out)) == {
        "python",
        "settings",
        "data folder",
        "disk",
        "store",
        "team file",
        "model scripted/demo",
        "mcp server",
        "tokens",
    }
    assert list(folder.iterdir()) == []


def test_wrong_settings_are_reported_with_a_fix(townhall: Townhall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWNHALL_HTTP_PORT", "x")
    said = townhall("doctor")
    assert said.code == 1
    assert "WRONG settings: TOWNHALL_HTTP_PORT (the environment): 'x'\n      fix: expected a port number" in said.out
    assert "warn  other checks: skipped" in said.out


def test_a_variable_named_like_a_setting_gives_a_warning(townhall: Townhall, folder: Path) -> None:
    (folder / ".env").write_text("OPENAI_KEY=abc\n")
    expected = "OPENAI_KEY (.env, line 1) is not a setting and has no effect; did you mean 'OPENAI_API_KEY'?"
    assert f"warn  settings: {expected}\n" in townhall("doctor").out
    assert f"townhall: warning: {expected}\n" in townhall("models", "xx").err
    (folder / "townhall.toml").write_text(
        '[[team.x.agents]]\nname = "a"\nmodel = "m"\n[models.m]\nbase_url = "http://localhost:1"\nkey_env = "OPENAI_KEY"\n'
    )
    assert "OPENAI_API_KEY" not in townhall("doctor").out + townhall("models", "xx").err


def test_a_model_that_may_be_misspelt_gives_a_warning(townhall: Townhall, folder: Path) -> None:
    (folder / "townhall.toml").write_text('[[team.review.agents]]\nname = "one"\nmodel = "grok-4.4-fats"\n')
    said = townhall("doctor").out
    assert "warn  model grok-4.4-fats: not in the list of `townhall models`\n      fix: did you mean 'grok-4" in said


def test_a_wrong_team_file_is_reported_after_the_other_checks(townhall: Townhall, folder: Path) -> None:
    (folder / "townhall.toml").write_text("[tem]\n[roles.x]\n")
    said = townhall("doctor", "--json")
    assert said.code == 1
    assert states(said.out)["store"] == "ok"
    assert [finding["state"] for finding in json.loads(said.out)["findings"] if finding["about"] == "team file"] == [
        "wrong",
        "wrong",
    ]


def test_a_missing_key_is_an_error_for_the_default_team_and_a_warning_for_others(townhall: Townhall, folder: Path) -> None:
    (folder / "townhall.toml").write_text(
        '[[team.a.agents]]\nname = "a"\nmodel = "gpt-5"\n[[team.b.agents]]\nname = "b"\nmodel = "grok-4.3"\n'
    )
    said = townhall("doctor", "--json")
    assert said.code == 1
    assert states(said.out)["model gpt-5"] == "wrong"
    assert states(said.out)["model grok-4.3"] == "warn"
    assert "set OPENAI_API_KEY in .env" in said.out


def test_keys_that_are_set_are_named_and_not_shown(townhall: Townhall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAI_API_KEY", "xai-hunter22")
    said = townhall("doctor")
    assert "set: XAI_API_KEY" in said.out
    assert "hunter22" not in said.out


def test_a_store_is_checked_beside_a_running_bot(townhall: Townhall, folder: Path) -> None:
    async def run_and_look() -> str:
        store = await SqliteStore.open(folder / "data" / "townhall.db")
        said = await asyncio.to_thread(townhall, "doctor", "--json")
        await store.close()
        assert said.code == 0
        return str(said.out)

    assert "is intact" in asyncio.run(run_and_look())


def test_a_damaged_store_is_an_error(townhall: Townhall, folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "townhall.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 4000)
    said = townhall("doctor", "--json")
    assert said.code == 1
    assert states(said.out)["store"] == "wrong"


def test_an_unreadable_row_of_the_log_is_an_error_with_a_fix(townhall: Townhall, folder: Path) -> None:
    file = folder / "data" / "townhall.db"

    async def fill() -> None:
        store = await SqliteStore.open(file)
        await store.append(run=1, events=[guided("one"), guided("two")], rows=[run_opened(1)])
        await store.close()

    asyncio.run(fill())
    run_sql(file, "UPDATE log SET body = '{}' WHERE seq = 2")
    said = townhall("doctor")
    assert said.code == 1
    assert "WRONG store:" in said.out
    assert "event 2 of run 1" in said.out
    assert "quarantines run 1 and continues the others; `townhall export 1` prints its readable events" in said.out


def test_a_data_folder_that_is_a_file_is_an_error(townhall: Townhall, folder: Path) -> None:
    (folder / "data").write_text("")
    said = townhall("doctor", "--json")
    assert said.code == 1
    assert states(said.out)["data folder"] == "wrong"
    assert "move the file of this name" in said.out


def test_a_data_folder_that_other_users_can_read_is_a_warning(townhall: Townhall, folder: Path) -> None:
    data = folder / "data"
    data.mkdir(mode=0o700)
    (data / "townhall.log").touch(mode=0o600)
    assert states(townhall("doctor", "--json").out)["data folder"] == "ok"
    (data / "townhall.log").chmod(0o644)
    said = townhall("doctor")
    assert "warn  data folder: other users can read data/townhall.log\n      fix: chmod -R go= data\n" in said.out


def test_credentials_in_an_address_are_never_shown(townhall: Townhall, folder: Path) -> None:
    file = TEAM.format(url="http://ana:hunter2@127.0.0.1:9/v1?token=hunter2").replace('key_env = "MINE"\n', "")
    (folder / "townhall.toml").write_text(file)
    for command in (("doctor",), ("doctor", "--json"), ("doctor", "--online"), ("models",), ("models", "--json")):
        said = townhall(*command)
        assert "127.0.0.1:9/v1" in said.out
        assert "hunter2" not in said.out + said.err


@pytest.mark.parametrize(("free", "state"), [(5_000_000_000, "ok"), (500_000_000, "warn"), (10_000_000, "wrong")])
def test_little_free_space_is_a_warning_and_very_little_is_an_error(tmp_path: Path, free: int, state: str) -> None:
    assert check_space(tmp_path / "not" / "there", free).state == state


@pytest.fixture
async def endpoint() -> AsyncIterator[LocalServer]:
    """An endpoint that accepts one key, and fails for another."""

    async def list_models(request: web.Request) -> web.Response:
        status = {"Bearer good": 200, "Bearer ill": 503}.get(request.headers.get("authorization", ""), 401)
        return web.json_response({"data": [{"id": "mine"}]}, status=status)

    app = web.Application()
    app.router.add_get("/v1/models", list_models)
    server = LocalServer(app)
    await server.start_server()
    yield server
    await server.close()


def start_with(url: str, key: str) -> LoadedConfig:
    settings = read_settings(Path("none"), {"MINE": key})
    return LoadedConfig(settings=settings, team_file=parse_team_file(TEAM.format(url=url), Path("townhall.toml")))


@pytest.mark.parametrize(
    ("key", "state", "fix"), [("good", "ok", ""), ("bad", "wrong", "Check MINE: the key is wrong"), ("ill", "warn", "")]
)
async def test_an_endpoint_is_called_with_the_key(endpoint: LocalServer, key: str, state: str, fix: str) -> None:
    (finding,) = await check_endpoints(start_with(str(endpoint.make_url("/v1")), key))
    assert finding.state == state
    assert fix in finding.fix


async def test_an_endpoint_that_does_not_respond_is_an_error() -> None:
    (finding,) = await check_endpoints(start_with("http://127.0.0.1:9/v1", "good"))
    assert finding.state == "wrong"
    assert "no connection to http://127.0.0.1:9/v1: connection refused" in finding.found


def test_missing_settings_of_a_cloud_are_reported_before_its_optional_packages(
    townhall: Townhall, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "townhall.toml").write_text('[[team.a.agents]]\nname = "a"\nmodel = "vertex_ai/gemini-2.5-pro"\n')
    assert "VERTEXAI_PROJECT, VERTEXAI_LOCATION are not set" in townhall("doctor").out
    monkeypatch.setenv("VERTEXAI_PROJECT", "p")
    monkeypatch.setenv("VERTEXAI_LOCATION", "global")
    said = townhall("doctor")
    assert "the optional packages of the extra 'vertex' are not installed" in said.out
    assert "run `make vertex` once" in said.out


def test_clouds_have_no_list_to_ask_for(townhall: Townhall, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "townhall.toml").write_text('[[team.a.agents]]\nname = "a"\nmodel = "azure_ai/grok-4.3"\n')
    monkeypatch.setenv("AZURE_AI_API_KEY", "k")
    monkeypatch.setenv("AZURE_AI_API_BASE", "http://127.0.0.1:9")
    said = townhall("doctor", "--online", "--json")
    assert said.code == 0
    assert not any(about.startswith("endpoint") for about in states(said.out))


TOOLS = """
[team.docs]
tools = ["stub", "files.read_file", "stub.adddd"]
[[team.docs.agents]]
name = "one"
model = "scripted/demo"
[tools.stub]
command = [{python}, "-m", "tests.support.fake_tools.stub_server"]
approve = {{append = "deny", apend = "deny"}}
[tools.files]
command = ["no-such-program", "here"]
"""


async def test_tool_servers_are_started_and_names_of_tools_are_checked(tmp_path: Path) -> None:
    text = TOOLS.format(python=json.dumps(sys.executable))
    start = LoadedConfig(
        settings=read_settings(tmp_path / ".env", {}), team_file=parse_team_file(text, tmp_path / "townhall.toml")
    )
    found = {(finding.about, finding.state): finding async for finding in check_tools(start)}
    up, down = found["tools stub", "ok"], found["tools files", "wrong"]
    assert "allowed: add" in up.found
    assert "denied: append" in up.found
    assert "people are asked: die and grow" in up.found
    assert down.found == "files cannot be started: its command cannot be run (No such file or directory)"
    rule = found["tools.stub.approve", "warn"]
    assert (rule.found, rule.fix) == ("the server stub has no tool 'apend'", "did you mean 'append'?")
    assert found["team.docs", "warn"].fix == "did you mean 'add'?"
