"""The team files of examples/: they are right, they say what they lack, and the one that needs nothing does its job."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from bot.config.team_file import parse_team_file, read_team_file
from orchestrator_bridge.model.catalogue import resolve
from orchestrator_bridge.team.team import Team
from tests.bot.conftest import Townhall
from tests.docs.page import ROOT, read
from tests.docs.session import a_session

EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))
LACKS = {
    "one-local-agent": set[str](),
    "own-script": set[str](),
    "three-agents": {"XAI_API_KEY", "OPENAI_API_KEY"},
    "tools": set[str](),
}
"""The keys that each example needs, by its name."""


@pytest.fixture(params=EXAMPLES, ids=lambda file: file.stem)
def example(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Path:
    """An example as the team file of an empty folder."""
    file = Path(request.param)
    monkeypatch.setenv("TOWNHALL_TEAM_FILE", str(file))
    return file


def test_the_page_of_examples_names_every_file() -> None:
    for file in (*EXAMPLES, *(ROOT / "examples" / "scripts").glob("*.toml")):
        assert f"({file.relative_to(ROOT / 'examples')})" in read("examples/README.md")


def test_an_example_says_how_to_start_it(example: Path) -> None:
    assert f"TOWNHALL_TEAM_FILE=examples/{example.name} make run" in example.read_text(encoding="utf-8")


def test_the_doctor_says_which_keys_an_example_lacks(example: Path, townhall: Townhall) -> None:
    said = townhall("doctor", "--json")
    findings = json.loads(said.out)["findings"]
    lacking = {finding["found"].partition(" is not set")[0] for finding in findings if finding["state"] == "wrong"}
    assert lacking == LACKS[example.stem]
    assert said.code == (1 if lacking else 0)


def test_a_run_without_its_keys_is_refused_with_the_name_of_the_key(example: Path, townhall: Townhall) -> None:
    if lacks := LACKS[example.stem]:
        said = townhall("ask", "Plan our move", "--no-input")
        assert said.code == 1
        assert any(f"{key} is not set" in said.err for key in lacks)


def test_prices_and_bounds_of_an_example_fit_together(example: Path) -> None:
    team_file = read_team_file(example)
    for team in team_file.teams.values():
        for agent in team.agents:
            route = resolve(agent.model, team_file.models)
            assert route.price is not None or route.provider == "scripted", f"{agent.name}: money could not be bounded"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [("yes, on Monday", "Yes. Checked: ana says"), ("2", "No. Checked: ana wrote “2”"), ("/pass", "Checked: nobody said")],
)
async def test_the_script_goes_by_what_the_person_says(reply: str, answer: str, tmp_path: Path) -> None:
    async with a_session(ROOT / "examples" / "own-script.toml", tmp_path) as session:
        await session.types("May the release go out?", until="Was the migration tried")
        await session.types(reply, until="Final answer of run 1")
        await session.types("/runs", until=answer)


@pytest.mark.parametrize(
    ("reply", "answer", "written"),
    [
        ("approve", "It is written down: Buy bread", ["Buy bread\n\nWritten by keeper."]),
        ("not in here, please", "you did not want it", []),
    ],
)
async def test_the_agent_with_tools_writes_only_what_is_approved(
    reply: str, answer: str, written: list[str], tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    async with a_session(tmp_path / "examples" / "tools.toml", tmp_path) as session:
        await session.types("Buy bread", until="May I use the tool write_note of notes?")
        await session.types(reply, until="Final answer of run 1")
        await session.types("/runs", until=answer)
    assert [file.read_text() for file in (tmp_path / "data" / "notes").glob("*.md")] == written


def test_the_team_file_is_right_with_its_remarks_taken_away_and_names_the_defaults() -> None:
    text = re.sub(r"^# (?=\[|[\w.\"-]+ = )", "", read("townhall.toml"), flags=re.MULTILINE)
    team = parse_team_file(text, ROOT / "townhall.toml").team("review")
    defaults = Team(agents=team.agents)
    assert (team.policy, team.bounds, team.limits) == (defaults.policy, defaults.bounds, defaults.limits)
