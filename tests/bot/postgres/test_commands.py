"""The command line on a PostgreSQL store: runs, look-ups, tokens, doctor, and a second process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator_bridge.store.postgres.address import DatabaseAddress
from tests.bot.conftest import Townhall
from tests.support.piped_bot import read_until, type_line
from tests.support.postgres.server import PostgresServer

ROOT = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "bot", "run"]


@pytest.fixture
def on_postgres(folder: Path, address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWNHALL_DATABASE", address.url)


@pytest.fixture
def environ(on_postgres: None, folder: Path) -> dict[str, str]:
    """The environment of a bot whose team has one quick agent."""
    (folder / "play.toml").write_text('[[agents."*"]]\ntext = "Done: {task}"\n')
    (folder / "townhall.toml").write_text('[[team.quick.agents]]\nname = "only"\nmodel = "scripted/play"\n')
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def findings(said: str) -> dict[str, str]:
    return {finding["about"]: finding["found"] for finding in json.loads(said)["findings"]}


@pytest.mark.usefixtures("on_postgres")
def test_a_run_is_stored_in_the_database_and_found_by_every_look_up(townhall: Townhall, folder: Path) -> None:
    asked = townhall("ask", "May the release go out?", "--no-input", "--json")
    assert asked.code == 0
    run = json.loads(asked.out)
    assert run["store"].startswith("postgresql://townhall@/test_")
    assert not (folder / "data" / "townhall.db").exists()
    (found,) = json.loads(townhall("runs", "--json").out)["runs"]
    assert (found["run"], found["status"], found["result"]) == (run["run"], "finished", run["result"])
    questions = json.loads(townhall("questions", "--all", "--json").out)["questions"]
    assert [question["question"] for question in questions] == [question["question"] for question in reversed(run["questions"])]
    costs = json.loads(townhall("cost", "1", "--json").out)
    assert sum(line["calls"] for line in costs["costs"]) == run["calls"]
    for by in ("call", "agent", "run", "channel", "person", "day", "model"):
        lines = json.loads(townhall("cost", "--by", by, "--json").out)["costs"]
        assert sum(line["calls"] for line in lines) == run["calls"]
    log = [json.loads(line) for line in townhall("export", "1").out.splitlines()]
    assert [event["seq"] for event in log] == list(range(1, len(log) + 1))


@pytest.mark.usefixtures("on_postgres")
def test_tokens_are_made_listed_and_withdrawn_in_the_database(townhall: Townhall) -> None:
    assert townhall("token", "make", "laptop").code == 0
    assert townhall("token", "withdraw", "laptop").code == 0
    (token,) = json.loads(townhall("token", "list", "--json").out)["tokens"]
    assert token["name"] == "laptop"
    assert token["withdrawn_at"] is not None
    assert findings(townhall("doctor", "--json").out)["tokens"] == "none; 1 revoked"


@pytest.mark.usefixtures("on_postgres")
def test_doctor_reads_the_whole_database_and_names_damage(
    townhall: Townhall, address: DatabaseAddress, postgres: PostgresServer
) -> None:
    assert "is empty; its tables will be created at the first start" in findings(townhall("doctor", "--json").out)["store"]
    townhall("ask", "one", "--no-input")
    found = findings(townhall("doctor", "--json").out)
    assert "is intact: " in found["store"]
    assert "1 run, " in found["store"]
    assert found["processes"] == "no bot is connected to the database"
    postgres.execute("UPDATE log SET body = '{}' WHERE run = 1 AND seq = 2", address.url)
    damaged = townhall("doctor")
    assert damaged.code == 1
    assert "event 2 of run 1" in damaged.out
    assert "postgresql://townhall@" in damaged.out


@pytest.fixture
def first(environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A bot that is active."""
    with _start(environ) as bot:
        read_until(bot, "Townhall: team")
        yield bot
        bot.kill()


def _start(environ: dict[str, str]) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(COMMAND, env=environ, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def test_a_second_bot_waits_as_a_standby_and_takes_over_when_the_first_is_killed(
    first: subprocess.Popen[str], environ: dict[str, str], townhall: Townhall
) -> None:
    type_line(first, "one")
    read_until(first, "Done: one")
    with _start({**environ, "TOWNHALL_DATA": "data2"}) as second:
        try:
            assert second.stderr is not None
            assert f"{first.pid} is active; this process takes over when it ends" in second.stderr.readline()
            processes = json.loads(townhall("workers", "--json").out)["processes"]
            workers = {process["name"].split()[-1]: process["role"] for process in processes}
            assert workers == {str(first.pid): "active", str(second.pid): "standby"}
            assert f"{second.pid} (standby)" in findings(townhall("doctor", "--json").out)["processes"]
            first.kill()
            read_until(second, "Townhall: team")
            type_line(second, "two")
            read_until(second, "Done: two")
            assert json.loads(townhall("workers", "--json").out)["owners"] == 2
            assert [run["run"] for run in json.loads(townhall("runs", "--json").out)["runs"]] == [2, 1]
        finally:
            second.kill()


def test_a_standby_is_stopped_by_a_signal(first: subprocess.Popen[str], environ: dict[str, str]) -> None:
    with _start(environ) as second:
        assert second.stderr is not None
        assert "is active" in second.stderr.readline()
        second.send_signal(signal.SIGTERM)
        assert second.wait() == 0


def test_one_task_beside_a_running_bot_is_stored_in_a_file_of_its_own(first: subprocess.Popen[str], townhall: Townhall) -> None:
    asked = townhall("ask", "May the release go out?", "--no-input", "--json")
    assert asked.code == 0
    assert "is in use by a running bot; this run is stored in " in asked.err
    assert json.loads(asked.out)["store"].endswith(".db")
    assert json.loads(townhall("runs", "--json").out)["runs"] == []
    assert [line["key"] for line in json.loads(townhall("cost", "--by", "run", "--json").out)["costs"]] == ["ask 1"]
