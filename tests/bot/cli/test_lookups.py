from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_bridge.model.interface import Usage
from orchestrator_bridge.run.events import Event
from orchestrator_bridge.run.records import PromptTokensObserved, QuestionClosed, Record
from orchestrator_bridge.store.sqlite.store import SqliteStore
from tests.bot.conftest import Townhall
from tests.contract.store_decisions import decision, stored
from tests.contract.store_values import booked, guided, question_opened, run_opened
from tests.docs.session import a_session
from tests.support.store_files import run_sql

ASKING = """
[[agents.asker]]
needs = ["ask_others"]
[[agents.asker.calls]]
tool = "ask_others"
[agents.asker.calls.arguments]
question = "Which?"
kind = "choice"
options = [{ id = "red", label = "Red", recommended = true }, { id = "blue", label = "Blue" }]
assumption = "I take the first."
"""
CLOSED = QuestionClosed(question=1, status="answered", line="Alice: yes", at=5.0)


@pytest.fixture
def file(folder: Path) -> Path:
    """A store file with two runs and two questions; no bot runs."""
    file = folder / "data" / "townhall.db"
    asked: list[Record] = [question_opened(1, run=1), question_opened(2, run=2), CLOSED]
    costs: list[Record] = [booked(1, "a1", "0.0123", usage=Usage(input=1200, output=30)), booked(2, "a2", None)]
    asyncio.run(_fill(file, [run_opened(1), run_opened(2), *asked, *costs], [guided("über"), guided("more")]))
    return file


async def _fill(file: Path, rows: Sequence[Record], events: Sequence[Event]) -> None:
    store = await SqliteStore.open(file)
    await store.append(run=1 if events else 0, events=events, rows=rows)
    await store.close()


@pytest.mark.parametrize(
    ("command", "empty"),
    [
        ("runs", {"runs": []}),
        ("questions", {"questions": []}),
        ("decisions", {"decisions": []}),
        ("cost", {"costs": [], "known_usd": "0", "complete": True, "counting": []}),
    ],
)
def test_before_the_first_run_nothing_is_listed_and_nothing_is_created(
    townhall: Townhall, folder: Path, command: str, empty: dict[str, object]
) -> None:
    assert json.loads(townhall(command, "--json").out) == empty
    assert townhall(command).out == ""
    assert list(folder.iterdir()) == []


@pytest.mark.usefixtures("file")
def test_runs_are_listed_newest_first(townhall: Townhall) -> None:
    found = json.loads(townhall("runs", "--json").out)["runs"]
    assert [(run["run"], run["task"], run["status"]) for run in found] == [(2, "task 2", "running"), (1, "task 1", "running")]
    assert json.loads(townhall("runs", "--json", "--limit", "1").out)["runs"] == found[:1]
    head, first, _ = townhall("runs").out.splitlines()
    assert head.split()[0] == "RUN"
    assert first.split()[:2] == ["2", "running"]
    assert first.endswith("task 2")


@pytest.mark.usefixtures("file")
def test_open_questions_are_listed_or_all_with_an_option(townhall: Townhall) -> None:
    waiting = json.loads(townhall("questions", "--json").out)["questions"]
    assert [(question["question"], question["text"]) for question in waiting] == [(2, "question 2?")]
    every = json.loads(townhall("questions", "--json", "--all").out)["questions"]
    assert [(question["question"], question["status"]) for question in every] == [(2, "open"), (1, "answered")]
    assert "question 1?" not in townhall("questions").out
    assert "answered: Alice: yes" in townhall("questions", "--all").out


def test_decisions_are_listed_with_their_people_and_found_by_their_words(townhall: Townhall, folder: Path) -> None:
    rows = [*stored(decision(1), decision(2, "Which queue?", "RabbitMQ", link="https://chat.example/2"))]
    asyncio.run(_fill(folder / "data" / "townhall.db", rows, []))
    found = json.loads(townhall("decisions", "--json").out)["decisions"]
    assert [(entry["decision"], entry["outcome"], entry["people"]) for entry in found] == [
        (2, "RabbitMQ", ["Alice", "Bob"]),
        (1, "PostgreSQL", ["Alice", "Bob"]),
    ]
    head, first, second = townhall("decisions").out.splitlines()
    assert head.split() == ["DECISION", "DATE", "BY", "QUESTION", "OUTCOME", "LINK"]
    assert first.split("  ")[2:] != second.split("  ")[2:]
    assert "Alice and Bob (majority)" in first
    assert first.endswith("https://chat.example/2")
    assert second.endswith("fake/general")
    assert len(townhall("decisions", "postgres", "which").out.splitlines()) == 2
    assert townhall("decisions", "kafka").err == "No decision has these words.\n"


@pytest.fixture
def asked(townhall: Townhall, folder: Path) -> None:
    """A bot has asked a question and has stopped."""
    (folder / "play.toml").write_text(ASKING)
    (folder / "townhall.toml").write_text('[[team.quick.agents]]\nname = "asker"\nmodel = "scripted/play"\n')

    async def ask_and_leave() -> None:
        async with a_session(folder / "townhall.toml", folder / "data") as session:
            await session.types("choose", until="is waiting for people")

    asyncio.run(ask_and_leave())


@pytest.mark.usefixtures("asked")
def test_an_open_question_is_listed_with_all_that_is_needed_to_answer_it(townhall: Townhall) -> None:
    text = townhall("questions").out
    assert text.startswith("Question 1 (run 1): asker asks ana\n  Which?\n  1. Red (recommended) · 2. Blue\n  Expires 20")
    assert "Then: Without an answer, asker takes the recommended option: Red." in text
    assert "Answer where the bot runs (`townhall run`): `1 1` or `1 2`, or `1 your words`." in text
    (question,) = json.loads(townhall("questions", "--json").out)["questions"]
    assert [(option["number"], option["label"]) for option in question["options"]] == [(1, "Red"), (2, "Blue")]
    assert (question["kind"], question["silence"]) == ("choice", "Without an answer, asker takes the recommended option: Red.")
    assert question["expires_at"] - question["posted_at"] == 1800


@pytest.mark.usefixtures("asked")
def test_a_question_of_a_damaged_run_is_listed_without_its_card(townhall: Townhall, folder: Path) -> None:
    run_sql(folder / "data" / "townhall.db", "UPDATE log SET body = '{}' WHERE run = 1 AND seq = 2")
    said = townhall("questions")
    assert (said.code, said.out) == (0, "Question 1 (run 1): asker asks ana\n  Which?\n")


@pytest.mark.usefixtures("asked")
def test_a_run_that_waits_for_people_only_is_shown_as_waiting(townhall: Townhall) -> None:
    assert "waiting for people" in townhall("runs").out
    (run,) = json.loads(townhall("runs", "--json").out)["runs"]
    assert (run["status"], run["busy"]) == ("running", False)


@pytest.mark.usefixtures("file")
def test_costs_are_exact_and_unknown_costs_are_marked(townhall: Townhall) -> None:
    found = json.loads(townhall("cost", "--json").out)
    assert (found["known_usd"], found["complete"]) == ("0.0123", False)
    assert {line["run"]: line["cost"] for line in found["costs"]} == {1: "0.0123", 2: None}
    assert json.loads(townhall("cost", "1", "--json").out)["complete"]
    table = townhall("cost").out
    assert "1,200" in table
    assert table.endswith("Total: $0.0123, plus calls of unknown cost\n")


@pytest.mark.usefixtures("file")
def test_costs_are_grouped_by_an_option(townhall: Townhall) -> None:
    found = json.loads(townhall("cost", "--by", "model", "--json").out)
    assert (found["by"], found["known_usd"], found["complete"]) == ("model", "0.0123", False)
    assert [(line["name"], line["calls"], line["cost"]) for line in found["costs"]] == [("grok", 2, "0.0123")]
    assert "calls without a price" in townhall("cost", "--by", "agent").out
    assert townhall("cost", "1", "--by", "day").out.splitlines()[1].split()[0] == "1970-01-01"


@pytest.mark.usefixtures("file")
def test_a_person_is_one_line_over_all_platforms(townhall: Townhall, folder: Path) -> None:
    (folder / "townhall.toml").write_text('[people.alice]\ndiscord = "42"\nslack = "U1"\n')
    opened = [replace(run_opened(3), person="discord:42"), replace(run_opened(4), person="slack:U1", by="Ali")]
    asyncio.run(_fill(folder / "data" / "townhall.db", [*opened, booked(3, "a", "0.1"), booked(4, "a", "0.2")], []))
    found = json.loads(townhall("cost", "--by", "person", "--json").out)["costs"]
    assert [(line["key"], line["name"], line["cost"]) for line in found] == [
        ("@alice", "alice", "0.3"),
        ("Alice", "Alice", "0.0123"),
    ]


@pytest.mark.usefixtures("file")
def test_export_prints_the_log_one_event_a_line(townhall: Townhall) -> None:
    lines = [json.loads(line) for line in townhall("export", "1").out.splitlines()]
    assert [(line["seq"], line["event"], line["text"]) for line in lines] == [(1, "guided", "über"), (2, "guided", "more")]


@pytest.mark.usefixtures("file")
def test_a_run_that_does_not_exist_is_reported(townhall: Townhall) -> None:
    said = townhall("export", "7")
    assert (said.code, said.out) == (1, "")
    assert "there is no such run" in said.err


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("number", ["7", "9223372036854775808", "12345678901234567890", "1" + "0" * 40])
@pytest.mark.parametrize("command", [("export",), ("cost",), ("cost", "--json"), ("cost", "--by", "model")])
def test_no_number_of_a_run_is_too_large_to_look_for(townhall: Townhall, command: tuple[str, ...], number: str) -> None:
    said = townhall(*command, number)
    assert (said.code, said.out) == (1, "")
    assert "there is no such run" in said.err
    assert f"found:    {number}" in said.err


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("command", ["runs", "questions"])
def test_a_limit_may_be_any_number(townhall: Townhall, command: str) -> None:
    assert townhall(command, "--limit", "12345678901234567890").out == townhall(command).out != ""


def test_a_file_that_is_not_a_store_is_reported_and_not_changed(townhall: Townhall, file: Path) -> None:
    file.write_bytes(b"not a database at all, whatever its name says")
    said = townhall("runs", "--json")
    assert (said.code, said.out) == (1, "")
    assert "townhall.db" in said.err
    assert file.read_bytes().startswith(b"not a database")


@pytest.mark.parametrize("damage", ["'{}'", "CAST(x'ff' AS TEXT)"], ids=["no event", "no UTF-8"])
def test_export_prints_the_readable_rows_and_then_reports_the_damaged_one(townhall: Townhall, file: Path, damage: str) -> None:
    run_sql(file, f"UPDATE log SET body = {damage} WHERE seq = 1")
    said = townhall("export", "1")
    assert said.code == 1
    assert [json.loads(line)["seq"] for line in said.out.splitlines()] == [2]
    assert "1 of the 2 events of run 1 cannot be read; the others were printed" in said.err
    assert "event 1 of run 1" in said.err


@pytest.mark.parametrize("command", [("runs",), ("questions", "--json"), ("cost",), ("export", "1")])
def test_a_data_folder_that_is_a_file_is_reported_with_a_fix(townhall: Townhall, folder: Path, command: tuple[str, ...]) -> None:
    (folder / "data").write_text("")
    said = townhall(*command)
    assert (said.code, said.out) == (1, "")
    assert "cannot be read (Not a directory)" in said.err
    assert "set TOWNHALL_DATA to the folder that the bot uses" in said.err


def test_costs_show_how_accurate_prompt_counts_are(townhall: Townhall, folder: Path) -> None:
    learned = PromptTokensObserved(model="xai/grok-4.3", by="estimate", counted=100, reported=125, at=1.0)
    asyncio.run(_fill(folder / "data" / "townhall.db", [run_opened(1), booked(1, "a1", "0.01"), learned], []))
    assert townhall("cost").out.splitlines()[-1] == (
        "Prompts of xai/grok-4.3: estimated by size, reported 1.25 times that (1 call)"
    )
    told = [{"model": "xai/grok-4.3", "counted_by": "estimate", "ratio": 1.25, "calls": 1}]
    assert json.loads(townhall("cost", "--json").out)["counting"] == told
