from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.mcp_server.listener import ENDPOINT_FILE
from tests.support.piped_bot import read_until, type_line
from tests.support.store_files import run_sql

ROOT = Path(__file__).parents[3]
TEAM = '[[team.quick.agents]]\nname = "only"\nmodel = "scripted/play"\n'


@pytest.fixture
def environ(folder: Path) -> dict[str, str]:
    """The environment of a bot whose team has one quick agent."""
    (folder / "play.toml").write_text('[[agents."*"]]\ntext = "Done: {task}"\n')
    (folder / "townhall.toml").write_text(TEAM)
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def run(environ: dict[str, str], typed: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bot", "run"]
    return subprocess.run(command, input=typed, capture_output=True, text=True, env=environ, check=False)


@pytest.fixture
def running(environ: dict[str, str], interruptible: None) -> Iterator[subprocess.Popen[str]]:
    """A started bot that waits for a task."""
    command = [sys.executable, "-m", "bot", "run"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ
    ) as bot:
        read_until(bot, "Type a task")
        yield bot
        bot.kill()


def test_a_task_from_a_pipe_runs_to_its_end(environ: dict[str, str]) -> None:
    ended = run(environ, "count to three\n")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "Done: count to three" in ended.stdout


@pytest.mark.parametrize("typed", ["", "\n  \n"])
def test_an_input_without_a_task_is_an_error(environ: dict[str, str], typed: str) -> None:
    ended = run(environ, typed)
    assert ended.returncode == 1
    assert ended.stderr.startswith("townhall: standard input has ended without a task\n  standard input\n    found:    no line\n")


def modes(data: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in (data, *data.iterdir())}


def test_only_the_owner_can_read_what_the_bot_writes(running: subprocess.Popen[str], folder: Path) -> None:
    type_line(running, "one")
    read_until(running, "Done: one")
    names = ("townhall.db", "townhall.db-wal", "townhall.db-shm", "townhall.db.lock", "townhall.log", ENDPOINT_FILE)
    assert modes(folder / "data") == {"data": 0o700, **dict.fromkeys(names, 0o600)}


def test_files_of_an_earlier_release_are_closed_to_other_users_at_the_start(environ: dict[str, str], folder: Path) -> None:
    run(environ, "one\n")
    data = folder / "data"
    (data / "townhall.log.1").write_text("old")
    (data / "notes").write_text("not ours")
    for file in (*data.iterdir(), data):
        file.chmod(0o755 if file == data else 0o644)
    ended = run(environ, "two\n")
    assert ended.returncode == 0
    assert f"other users could read {Path('data')}, {Path('data') / 'townhall.log'}" in (data / "townhall.log").read_text()
    found = modes(data)
    assert (found.pop("notes"), found.pop("data")) == (0o644, 0o700)
    assert set(found.values()) == {0o600}
    assert run(environ, "three\n").stderr == ""


def test_a_folder_that_is_not_for_the_bot_alone_stays_open_and_its_files_are_not(environ: dict[str, str], folder: Path) -> None:
    folder.chmod(0o755)
    assert run({**environ, "TOWNHALL_DATA": "."}, "one\n").stderr == ""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert {modes(folder)[name] for name in ("townhall.db", "townhall.db.lock", "townhall.log")} == {0o600}


def test_a_task_from_a_pipe_is_not_affected_by_a_damaged_run(environ: dict[str, str], folder: Path) -> None:
    run(environ, "the first\n")
    busy = "UPDATE runs SET status = 'running', busy = 1 WHERE run = 1"
    run_sql(folder / "data" / "townhall.db", busy, "UPDATE log SET body = '{}' WHERE run = 1 AND seq = 2")
    ended = run(environ, "the second\n")
    assert ended.returncode == 0
    assert "Done: the second" in ended.stdout
    assert ended.stderr.count("\n") == 1
    assert "run 1 is quarantined until the next start; the other runs continue" in ended.stderr


def test_every_line_of_a_pipe_is_a_run_and_the_exit_code_covers_all(environ: dict[str, str], folder: Path) -> None:
    assert run(environ, "one\ntwo\n").returncode == 0
    (folder / "townhall.toml").write_text(
        f'{TEAM}[team.silent.bounds]\ncalls = 1\n[[team.silent.agents]]\nname = "dumb"\nmodel = "scripted/dumb"\n'
    )
    (folder / "dumb.toml").write_text('[[agents."*"]]\ncalls = [{ tool = "nothing", arguments = {} }]\n')
    ended = run(environ, "one\n/ask team=silent two\n")
    assert ended.returncode == 1
    assert "Run 3 finished" in ended.stdout
    assert "Run 4 failed" in ended.stdout


@pytest.mark.parametrize("line", ["/ask", "/ask team=nobody x", "x" * 60_000, "7", "/nonsense"])
def test_a_rejected_line_of_a_pipe_is_reported_by_the_exit_code(environ: dict[str, str], line: str) -> None:
    ended = run(environ, f"{line}\n")
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "Run 1" not in ended.stdout


def test_the_first_start_says_that_agents_are_scripted_and_names_the_settings(environ: dict[str, str], folder: Path) -> None:
    said = run(environ, "").stdout
    assert "These agents follow a script; no model is called" in said
    assert "XAI_API_KEY into .env" in said


def test_a_missing_key_is_reported_at_the_start(environ: dict[str, str], folder: Path) -> None:
    (folder / "townhall.toml").write_text(TEAM.replace("scripted/play", "grok-4.3"))
    said = run(environ, "").stdout
    assert "XAI_API_KEY is not set, so grok-4.3 cannot be called" in said
    assert "script" not in said


def test_several_tasks_run_while_the_input_stays_open(running: subprocess.Popen[str]) -> None:
    for task in ("one", "two"):
        type_line(running, task)
        assert f"Done: {task}" in read_until(running, f"Done: {task}")
    type_line(running, "/runs")
    read_until(running, "Runs, newest first")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_bot_cleanly(running: subprocess.Popen[str], number: signal.Signals) -> None:
    running.send_signal(number)
    assert running.wait() == 0
    assert running.stderr is not None
    assert running.stderr.read() == ""


def test_ctrl_c_ends_with_130_and_no_traceback(running: subprocess.Popen[str]) -> None:
    running.send_signal(signal.SIGINT)
    assert running.wait() == 130
    assert running.stderr is not None
    assert running.stderr.read().strip() == ""


def test_a_second_bot_on_the_same_folder_is_refused_with_the_process_id_of_the_first(
    running: subprocess.Popen[str], environ: dict[str, str]
) -> None:
    second = run(environ, "a task\n")
    assert second.returncode == 1
    assert f"in use by process {running.pid}" in second.stderr
    assert "TOWNHALL_DATA" in second.stderr
