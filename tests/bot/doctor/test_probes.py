"""`doctor --online` probes free models for tool calls, and `--probe` the others, whose price it shows first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from bot.app import LoadedConfig
from bot.config.settings import read_settings
from bot.config.team_file import parse_team_file
from bot.doctor.models import check_models
from bot.doctor.probes import check_tool_modes
from orchestrator_bridge.chat.platform import Finding
from tests.support.fake_models.refusals import Rule, no_response_format, no_tool_parser
from tests.support.fake_models.replies import ModelCall, ScriptedReply, ToolUse
from tests.support.fake_models.server import ModelServer

USE = ToolUse(name="report", arguments={"status": "ready"})


def config(server: ModelServer, data: Path, own: str = "", settings: str = "") -> LoadedConfig:
    text = f'[[team.a.agents]]\nname = "one"\nmodel = "mine"\n[models.mine]\nbase_url = "{server.url}"\nid = "small"\n{own}'
    variables = {"TOWNHALL_DATA": str(data), **({"MY_KEY": "key-abcdef123"} if settings else {})}
    return LoadedConfig(settings=read_settings(Path("none"), variables), team_file=parse_team_file(text, Path("townhall.toml")))


def calling(asked: ModelCall) -> ScriptedReply:
    written = json.dumps({"name": USE.name, "arguments": USE.arguments})
    return ScriptedReply(tool_calls=[USE]) if asked.tools else ScriptedReply(text=written)


async def findings(start: LoadedConfig, *, paid: bool = False) -> list[Finding]:
    return [finding async for finding in check_tool_modes(start, paid=paid)]


@pytest.mark.parametrize(
    ("rules", "found"),
    [
        ((), "small makes tool calls"),
        ((no_tool_parser,), "small makes tool calls as JSON, whose form its server enforces"),
        ((no_tool_parser, no_response_format), "small makes tool calls as JSON, which it is asked for in words"),
    ],
)
async def test_a_model_of_your_own_is_probed_once(rules: Sequence[Rule], found: str, tmp_path: Path) -> None:
    async with ModelServer(calling, refuses=rules) as server:
        (finding,) = await findings(config(server, tmp_path))
        assert (finding.state, finding.found) == ("ok", found)
        calls = len(server.requests)
        assert await findings(config(server, tmp_path)) == []
        assert len(server.requests) == calls


async def test_a_model_that_makes_no_calls_is_refused_by_name(tmp_path: Path) -> None:
    async with ModelServer(lambda _: ScriptedReply(text="Ready!")) as server:
        start = config(server, tmp_path)
        (finding,) = await findings(start)
        assert (finding.state, finding.about) == ("wrong", "tool calls of mine")
        assert finding.found == "'small' at mine made no tool calls, neither its own nor as JSON, which agents need"
        assert finding.fix.startswith("Choose a model that supports tools.")
        (offline,) = [finding for finding in check_models(start) if finding.about == "model mine"]
        assert (offline.state, offline.found) == ("wrong", finding.found)


async def test_a_probe_that_may_cost_money_is_made_only_if_asked_and_its_price_comes_first(tmp_path: Path) -> None:
    async with ModelServer(calling) as server:
        start = config(server, tmp_path, 'key_env = "MY_KEY"\ninput = 2\noutput = 6', "MY_KEY")
        (finding,) = await findings(start)
        assert server.requests == []
        assert finding.found.startswith("not probed, since a probe may cost at most $0.0")
        assert finding.fix == "`townhall doctor --online --probe` makes the probe"
        seen = [(finding.found, len(server.requests)) async for finding in check_tool_modes(start, paid=True)]
    (price, before), (probed, after) = seen
    assert price.startswith("1 model with a price: mine at most $0.0")
    assert (probed, before, after) == ("small makes tool calls", 0, 1)


async def test_a_model_whose_price_is_unknown_is_not_probed_on_a_guess(tmp_path: Path) -> None:
    async with ModelServer(calling) as server:
        (finding,) = await findings(config(server, tmp_path, 'key_env = "MY_KEY"', "MY_KEY"))
        assert server.requests == []
    assert finding.found.startswith("not probed, since a probe may cost an unknown price")


async def test_a_server_that_does_not_run_is_a_warning(tmp_path: Path) -> None:
    async with ModelServer(calling) as server:
        start = config(server, tmp_path)
    (finding,) = await findings(start)
    assert finding.state == "warn"
    assert "no connection to" in finding.found
