from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bot.cli.errors import run_command
from tests.bot.conftest import Townhall

ROOT = Path(__file__).parents[3]
HEAVY = ("aiosqlite", "asyncio", "openai", "prompt_toolkit", "pydantic", "rich", "sqlite3", "dotenv")


def test_help_imports_no_heavy_module() -> None:
    code = f"""
import sys
from bot.cli.main import main
try:
    main(["--help"])
except SystemExit as ended:
    assert not ended.code
print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert ended.stderr == "[]\n"
    for command in ("run", "ask", "runs", "questions", "cost", "models", "export", "doctor"):
        assert f"\n  {command} " in ended.stdout


def test_a_command_that_does_not_exist_ends_with_2(townhall: Townhall) -> None:
    said = townhall("bogus")
    assert (said.code, said.out) == (2, "")
    assert "No such command 'bogus'" in said.err


def test_wrong_settings_are_one_block_on_standard_error(townhall: Townhall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWNHALL_HTTP_PORT", "none")
    said = townhall("models", "--json")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("townhall: settings: 1 problem\n  TOWNHALL_HTTP_PORT (the environment)\n")
    assert "Traceback" not in said.err


@pytest.mark.parametrize("command", [("runs",), ("models",), ("doctor",), ("ask", "hi"), ("run",), ("token", "list")])
def test_a_working_folder_that_was_deleted_is_reported(
    townhall: Townhall, folder: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "gone").mkdir()
    monkeypatch.chdir(folder / "gone")
    (folder / "gone").rmdir()
    said = townhall(*command)
    assert said.code == 1
    assert "a folder that was deleted" in said.err + said.out
    assert "internal error" not in said.err


def test_a_wrong_team_file_is_one_block_on_standard_error(townhall: Townhall, folder: Path) -> None:
    (folder / "townhall.toml").write_text("[tem.review]\n")
    said = townhall("models")
    assert said.code == 1
    assert "did you mean 'team'?" in said.err


def test_a_misspelt_setting_gives_a_warning_only(townhall: Townhall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWNHALL_TEAMFILE", "x")
    said = townhall("models", "--json")
    assert said.code == 0
    assert json.loads(said.out)
    assert "did you mean 'TOWNHALL_TEAM_FILE'?" in said.err


def test_a_closed_pipe_gives_no_error_message(folder: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m bot models | true; echo ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=True)
    assert ended.stdout in ("1\n", "0\n"), "0 where the reader was too slow to leave"
    assert ended.stderr == ""


def test_ctrl_c_ends_with_130(capfd: pytest.CaptureFixture[str]) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    assert run_command(interrupted) == 130
    assert "Traceback" not in capfd.readouterr().err


def test_an_internal_error_shows_its_place_and_no_secret(capfd: pytest.CaptureFixture[str]) -> None:
    def faulty() -> None:
        raise KeyError("sent with hunter22")

    assert run_command(faulty, lambda: {"MY_KEY": "hunter22"}) == 1
    said = capfd.readouterr().err
    assert "internal error; please report it" in said
    assert "KeyError: 'sent with [MY_KEY]'" in said
    assert "tests/bot/cli/test_main.py, line" in said
    assert "Traceback" not in said
