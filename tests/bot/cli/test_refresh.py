"""`townhall models --refresh`: prices and lists of models are downloaded, verified and stored; what is stored works offline."""

from __future__ import annotations

import json
import stat
from collections.abc import AsyncIterator, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer as LocalServer

from bot.app import LoadedConfig
from bot.cli.refresh import refresh
from bot.config.errors import ConfigError
from bot.config.settings import read_settings
from bot.config.team_file import parse_team_file
from bot.doctor.models import check_models
from orchestrator_bridge.model.catalogue.dated_prices import dated_price, prices_path, use_downloaded
from tests.bot.conftest import Townhall

TEAM = (
    '[[team.a.agents]]\nname = "one"\nmodel = "mine"\n[models.mine]\nbase_url = "{url}/v1"\nid = "qwen3"\ninput = 0\noutput = 0\n'
)
PROVIDERS = ("x-ai", "openai", "anthropic", "google", "mistral", "deepseek", "openrouter")


def listed(name: str) -> dict[str, Any]:
    """A provider with one model in the format of genai-prices."""
    model = {"id": "grok-4.3", "match": {"equals": "grok-4.3"}, "prices": {"input_mtok": 9, "output_mtok": 18}}
    return {"id": name, "name": name, "api_pattern": f"https://{name}", "models": [model]}


@pytest.fixture(autouse=True)
def _package_again() -> Iterator[None]:
    yield
    use_downloaded(None)


@pytest.fixture
async def server() -> AsyncIterator[str]:
    replies: dict[str, Any] = {
        "/prices.json": [listed(name) for name in PROVIDERS],
        "/few.json": [listed("x-ai")],
        "/object.json": {"no": "list"},
        "/v1/models": {"data": [{"id": "llama3"}]},
        "/llama.cpp/v1/models": {"data": [{"id": "gemma-4.gguf", "owned_by": "llamacpp"}]},
    }

    async def serve(request: web.Request) -> web.Response:
        if request.path not in replies:
            return web.Response(status=404, text="nothing here")
        return web.json_response(replies[request.path])

    app = web.Application()
    app.router.add_get("/{rest:.*}", serve)
    local = LocalServer(app)
    await local.start_server()
    yield str(local.make_url("")).rstrip("/")
    await local.close()


def config(folder: Path, url: str) -> LoadedConfig:
    settings = read_settings(Path("none"), {"TOWNHALL_DATA": str(folder)})
    return LoadedConfig(settings=settings, team_file=parse_team_file(TEAM.format(url=url), Path("townhall.toml")))


async def test_prices_and_lists_are_stored_and_used_offline(
    tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    start = config(tmp_path / "data", server)
    assert await refresh(start, f"{server}/prices.json") == 0
    said = capsys.readouterr()
    assert "7 providers, 7 models" in said.out
    assert f"{server}/v1: 1 model." in said.out
    use_downloaded(tmp_path / "data")
    price = dated_price("xai", "grok-4.3", date(2026, 11, 30))
    assert price is not None
    assert (price.input, price.output) == (Decimal(9), Decimal(18))
    assert price.source.startswith("genai-prices of 20")
    assert stat.S_IMODE(prices_path(tmp_path / "data").stat().st_mode) == 0o600
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == ["model-lists.json", "prices.json"]
    missing = [finding for finding in check_models(start) if "'qwen3' is not in the list" in finding.found]
    assert [finding.state for finding in missing] == ["warn"]


async def test_no_id_is_missing_at_a_server_that_takes_any(
    tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    start = config(tmp_path / "data", f"{server}/llama.cpp")
    assert await refresh(start, f"{server}/prices.json") == 0
    assert f"{server}/llama.cpp/v1: no list of ids to check." in capsys.readouterr().out
    assert [finding.state for finding in check_models(start)] == ["ok"]


@pytest.mark.parametrize(
    ("path", "found"), [("few.json", "no models of openai"), ("object.json", "dict in place of a list"), ("none.json", "404")]
)
async def test_a_download_that_cannot_be_right_leaves_the_stored_prices(
    tmp_path: Path, server: str, path: str, found: str
) -> None:
    start = config(tmp_path / "data", server)
    await refresh(start, f"{server}/prices.json")
    before = prices_path(tmp_path / "data").read_text()
    with pytest.raises(ConfigError) as caught:
        await refresh(start, f"{server}/{path}")
    assert found in str(caught.value)
    assert prices_path(tmp_path / "data").read_text() == before


async def test_an_endpoint_that_cannot_be_reached_is_a_warning(
    tmp_path: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await refresh(config(tmp_path / "data", "http://127.0.0.1:9"), f"{server}/prices.json") == 1
    assert "http://127.0.0.1:9/v1: no connection" in capsys.readouterr().err


def test_stored_prices_of_another_version_and_damaged_ones_are_not_used(tmp_path: Path) -> None:
    for text in (json.dumps({"as_of": "2026-01-01", "package": "0.0.1", "providers": []}), "{", "[]"):
        prices_path(tmp_path).write_text(text)
        use_downloaded(tmp_path)
        price = dated_price("xai", "grok-4.3", date(2026, 11, 30))
        assert price is not None
        assert price.input == Decimal("1.25")


def test_nothing_is_downloaded_without_being_asked(townhall: Townhall, folder: Path) -> None:
    assert townhall("models", "grok-4.3").code == 0
    assert not (folder / "data").exists()
