from __future__ import annotations

import asyncio
import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.ask import dropped_parameters, with_model
from orchestrator_bridge.store.sqlite.store import SqliteStore
from orchestrator_bridge.team.team import AgentSpec, Team
from tests.bot.conftest import Said, Townhall
from tests.docs.session import a_session

ROOT = Path(__file__).parents[3]

SCRIPT = """
[[agents.asker]]
needs = ["ask_others"]
unused = ["ask_others"]
[[agents.asker.calls]]
tool = "ask_others"
arguments = { question = "Which?", kind = "text", assumption = "I take the first." }

[[agents."*"]]
text = "Done: {task}"
"""
TEAMS = """
[[team.quick.agents]]
name = "only"
model = "scripted/play"

[team.careful.policy]
fallback = ["assume"]
[[team.careful.agents]]
name = "asker"
model = "scripted/play"

[team.strict.policy]
fallback = ["fail"]
[[team.strict.agents]]
name = "asker"
model = "scripted/play"
"""


@pytest.fixture(autouse=True)
def _teams(folder: Path) -> None:
    (folder / "play.toml").write_text(SCRIPT)
    (folder / "townhall.toml").write_text(TEAMS)


def test_the_answer_goes_to_standard_output_and_everything_else_to_standard_error(townhall: Townhall) -> None:
    said = townhall("ask", "count to three", "--no-input")
    assert (said.code, said.out) == (0, "Done: count to three\n")
    assert "team quick" in said.err.lower()


def test_json_is_one_object_on_standard_output(townhall: Townhall) -> None:
    said = townhall("ask", "count to three", "--no-input", "--json")
    assert said.code == 0
    found = json.loads(said.out)
    assert (found["run"], found["status"], found["result"]) == (1, "finished", "Done: count to three")
    assert (found["team"], found["agents"], found["calls"]) == ("quick", [{"name": "only", "model": "scripted/play"}], 1)


def test_with_no_input_questions_fall_back_at_once(townhall: Townhall) -> None:
    said = townhall("ask", "choose", "--no-input", "--json", "--team", "careful")
    assert said.code == 0
    (question,) = json.loads(said.out)["questions"]
    assert (question["text"], question["status"]) == ("Which?", "fallen_back")


def test_a_failed_run_ends_with_1_and_the_reason(townhall: Townhall) -> None:
    said = townhall("ask", "choose", "--no-input", "--json", "--team", "strict")
    assert said.code == 1
    found = json.loads(said.out)
    assert found["status"] == "failed"
    assert found["result"]


def test_an_option_replaces_the_model_of_every_agent(townhall: Townhall, folder: Path) -> None:
    (folder / "other.toml").write_text('[[agents."*"]]\ntext = "Another."\n')
    assert townhall("ask", "x", "--no-input", "--model", "scripted/other").out == "Another.\n"


def test_look_ups_show_the_run_afterwards(townhall: Townhall) -> None:
    townhall("ask", "count", "--no-input")
    (run,) = json.loads(townhall("runs", "--json").out)["runs"]
    assert (run["task"], run["status"]) == ("count", "finished")
    events = [json.loads(line)["event"] for line in townhall("export", "1").out.splitlines()]
    assert (events[0], events[-1]) == ("run_started", "run_finished")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["   "], "task is empty"),
        (["x" * 200_000], "200,000 characters"),
        (["x", "--team", "quik"], "did you mean 'quick'?"),
        (["x", "--model", "grak"], "'grak' is not known"),
        (["x", "--model", "scripted/none"], "there is no script 'none'"),
        (["x", "--model", "gpt-5"], "OPENAI_API_KEY"),
    ],
)
def test_a_run_that_cannot_start_is_reported_in_one_block(townhall: Townhall, arguments: list[str], expected: str) -> None:
    said = townhall("ask", *arguments, "--no-input", "--json")
    assert (said.code, said.out) == (1, "")
    assert expected in said.err
    assert "internal error" not in said.err
    assert len(said.err) < 1000


def test_beside_a_running_bot_a_run_uses_a_store_file_of_its_own(townhall: Townhall, folder: Path) -> None:
    async def ask_beside() -> Said:
        store = await SqliteStore.open(folder / "data" / "townhall.db")
        said: Said = await asyncio.to_thread(townhall, "ask", "count", "--no-input", "--json")
        await store.close()
        return said

    said = asyncio.run(ask_beside())
    assert said.code == 0
    assert "this run is stored in" in said.err
    assert json.loads(said.out)["store"] != str(Path("data", "townhall.db"))
    assert json.loads(townhall("runs", "--json").out)["runs"] == []


def test_a_task_of_several_lines_is_read_from_standard_input(folder: Path) -> None:
    command, environ = [sys.executable, "-m", "bot", "ask", "-", "--team", "careful", "--json"], {"PYTHONPATH": str(ROOT)}
    task = "count:\n\n- one\n- größer\n".encode()
    ended = subprocess.run(command, input=task, capture_output=True, cwd=folder, env=environ, timeout=60, check=False)
    found = json.loads(ended.stdout)
    assert (ended.returncode, found["task"]) == (0, "count:\n\n- one\n- größer")
    assert [question["status"] for question in found["questions"]] == ["fallen_back"]


def test_unfinished_runs_of_the_same_store_are_left_alone_and_open(townhall: Townhall, folder: Path) -> None:
    async def ask_and_leave() -> None:
        async with a_session(folder / "townhall.toml", folder / "data") as session:
            await session.types("/ask team=careful choose", until="Which?")

    asyncio.run(ask_and_leave())
    said = townhall("ask", "count", "--no-input")
    assert (said.code, said.out) == (0, "Done: count\n")
    assert "Which?" not in said.err
    assert "Run 1" not in said.err
    (question,) = json.loads(townhall("questions", "--json").out)["questions"]
    assert (question["question"], question["run"], question["status"]) == (1, 1, "open")


def test_ctrl_c_cancels_the_run_so_that_it_is_not_resumed(townhall: Townhall, folder: Path, interruptible: None) -> None:
    command = [sys.executable, "-m", "bot", "ask", "choose", "--team", "careful"]
    environ = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environ) as asked:
        assert asked.stderr is not None
        for line in asked.stderr:
            if "Which?" in line:
                break
        asked.send_signal(signal.SIGINT)
        asked.stderr.read()
        assert asked.wait() == 130
    (run,) = json.loads(townhall("runs", "--json").out)["runs"]
    assert run["status"] == "cancelled"
    assert json.loads(townhall("questions", "--json").out)["questions"] == []


def test_an_unknown_model_is_reported_as_an_error_with_what_is_expected(townhall: Townhall) -> None:
    said = townhall("ask", "count", "--model", "nope", "--no-input")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith(
        "townhall: there is no such model\n  --model\n    found:    model 'nope' is not known\n    expected: "
    )


def test_a_run_ends_normally_although_nobody_reads_its_output(folder: Path) -> None:
    line = f"{shlex.quote(sys.executable)} -m bot ask 'count to three' --no-input 2>&1 | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(
        ["bash", "-c", line], capture_output=True, text=True, check=True, cwd=folder, env={"PYTHONPATH": str(ROOT)}, timeout=60
    )
    assert ended.stdout in ("0\n", "1\n", "120\n"), "120: the interpreter had nobody to flush to"
    assert "Traceback" not in ended.stderr


def test_another_model_loses_the_parameters_that_it_does_not_accept_and_a_warning_names_them() -> None:
    before = Team(agents=(AgentSpec(name="one", model="grok-4.3", effort="high", temperature=0.5),))
    after = before.model_copy(update={"agents": (with_model(before.agents[0], "grok-4.1-fast", {}),)})
    assert after.agents[0].parameters == {"temperature": 0.5}
    assert dropped_parameters(before, after) == ["grok-4.1-fast does not accept effort as set for one: left out."]


def test_another_model_that_accepts_every_parameter_loses_none() -> None:
    before = AgentSpec(name="one", model="grok-4.1-fast", temperature=0.5)
    assert with_model(before, "grok-4.3", {}) == before.model_copy(update={"model": "grok-4.3"})
