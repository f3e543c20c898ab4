"""`townhall bench` reports figures for every row. Targets are not checked here: tests measure no time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bot.bench.live import bench_live
from bot.bench.main import Sizes, bench
from bot.bench.report import Figure, percentile
from orchestrator_bridge.model.client import ModelClient
from tests.bot.conftest import Townhall
from tests.support.fake_models.replies import ScriptedReply, Tokens
from tests.support.fake_models.server import ModelServer

ROOT = Path(__file__).parents[3]
TINY = Sizes(call=2, overhead=1, at_once=1, reply=2, one_by_one=2, crowd=24, burst=5, idle=0.05, help=1, processes=1)


async def test_every_row_gives_figures_with_their_targets_and_the_machine(capsys: pytest.CaptureFixture[str]) -> None:
    await bench(sizes=TINY, as_json=True)
    found = json.loads(capsys.readouterr().out)
    rows = {figure["row"] for figure in found["figures"]}
    assert rows == {"installed", "call", "overhead", "at-once", "reply", "ask", "asleep", "burst"}
    assert all(figure["ours"] >= 0 and figure["target"] > 0 and figure["samples"] > 0 for figure in found["figures"])
    assert all(figure["times"] > 0 for figure in found["figures"] if figure["bare"] is not None)
    assert found["machine"]["cores"] >= 1


async def test_single_calls_are_measured_whole_streamed_and_as_the_first_of_a_process(capsys: pytest.CaptureFixture[str]) -> None:
    await bench(only=["call"], sizes=TINY, as_json=True)
    figures = {figure["name"]: figure for figure in json.loads(capsys.readouterr().out)["figures"]}
    assert [*figures] == [
        "one call of a model",
        "… beside HTTP alone, without a client",
        "a streamed call of 64 pieces",
        "the first call of a process",
        "… memory before it, both platforms loaded",
    ]
    assert figures["… memory before it, both platforms loaded"]["ours"] > 50
    assert figures["… beside HTTP alone, without a client"]["times"] > 0


async def test_the_table_reports_which_targets_were_met(capsys: pytest.CaptureFixture[str]) -> None:
    await bench(only=["overhead"], sizes=TINY)
    out = capsys.readouterr().out
    assert "a run of 8 agents, 17 calls" in out
    assert "2.5 x" in out
    assert "one durable commit takes" in out


def test_an_unknown_row_is_refused_with_the_known_rows(townhall: Townhall) -> None:
    said = townhall("bench", "--only", "everything")
    assert said.code == 2
    assert "'installed', 'call', 'overhead', 'at-once', 'reply', 'asleep'" in said.err


def test_a_target_can_be_a_multiple_of_the_baseline() -> None:
    figure = Figure(row="r", name="n", ours=20.0, bare=10.0, target=2.5, of_bare=True, unit="ms", samples=1)
    assert (figure.judged_value, figure.is_met) == (2.0, True)


def test_a_target_can_be_independent_of_the_baseline() -> None:
    figure = Figure(row="r", name="n", ours=20.0, bare=10.0, target=2.5, unit="ms", samples=1)
    assert (figure.judged_value, figure.times, figure.is_met) == (20.0, 2.0, False)


def test_the_percentile_of_a_few_values_is_the_largest() -> None:
    assert percentile([3.0, 1.0, 2.0]) == 3.0
    assert percentile([float(number) for number in range(1000)]) == 990.0


async def test_real_models_are_measured_by_their_streams(capsys: pytest.CaptureFixture[str]) -> None:
    plays = [
        ScriptedReply(text="one, two, three, four, five", served="grok-4.3", usage=Tokens(input=30, output=20, reasoning=5))
    ] * 2
    async with ModelServer([*plays, ScriptedReply(status=401, body="{}")]) as server:
        models = ModelClient(keys={"XAI_API_KEY": "k"}, base_urls={"xai": server.url})
        assert await bench_live(models, ["grok-4.3"], samples=2, as_json=True) == 0
        (found,) = json.loads(capsys.readouterr().out)["live"]
        assert await bench_live(models, ["grok-4.3"], samples=2) == 1
        await models.close()
    assert (found["served"], found["samples"], found["output_tokens"], found["failure"]) == ("grok-4.3", 2, 20, None)
    assert 0 < found["first_token_s"] <= found["whole_s"]
    assert found["cost_usd"] is not None
    assert all(asked.body["stream"] for asked in server.requests)
    assert "Check XAI_API_KEY" in capsys.readouterr().err


def test_a_real_model_without_its_key_is_not_called_and_its_setting_is_named(townhall: Townhall) -> None:
    said = townhall("bench", "--live", "grok-4.3", "scripted/nowhere")
    assert said.code == 1
    assert "townhall: grok-4.3: XAI_API_KEY is not set, and 'grok-4.3' needs it. Put XAI_API_KEY=… into .env." in said.err
    assert "townhall: scripted/nowhere: " in said.err
    assert "calls …" not in said.err


def test_the_live_tests_refuse_without_a_key_in_one_line(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    live, settings = str(ROOT / "tests" / "live"), str(ROOT / "pyproject.toml")
    command = [sys.executable, "-m", "pytest", "-m", "live", live, "-n", "0", "-c", settings]
    said = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert "XAI_API_KEY is not set: put it into the environment or into .env" in said.stdout
    assert "Traceback" not in said.stdout + said.stderr


def test_models_without_live_are_refused(townhall: Townhall) -> None:
    said = townhall("bench", "grok-4.3")
    assert said.code == 2
    assert "townhall bench --live grok-4.3" in said.err
