"""docs/commands.md names every command, option and field, and its session can be typed as it stands."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import click
import pytest

from adapters.terminal.parser import OWN_COMMANDS
from bot.cli.main import cli
from bot.commands.dispatch import HELP
from tests.bot.conftest import Townhall
from tests.docs.page import ROOT, commands, table, tables
from tests.docs.session import a_session

PAGE = "docs/commands.md"
TEAM = ROOT / "examples" / "own-script.toml"


def told(heading: str, column: str) -> list[str]:
    return [row[column] for table in tables(PAGE) if table.heading == heading for row in table.rows if column in row]


def test_the_page_has_every_command_of_the_command_line() -> None:
    names = [command.split()[1] for command in told("The command line", "command")]
    assert sorted(names) == sorted(cli.commands)


def test_the_page_has_every_option_with_its_commands() -> None:
    options: dict[str, set[str]] = {}
    for name, command in cli.commands.items():
        for param in command.params:
            if isinstance(param, click.Option):
                options.setdefault(param.opts[0], set()).add(name)
    rows = {row["option"]: row["of"] for table in tables(PAGE) for row in table.rows if "option" in row}
    assert set(rows) == set(options)
    for option, of in rows.items():
        named = set(re.findall(r"`(\w+)`", f"`{of}`" if "`" not in of else of))
        assert (set(cli.commands) - named if of.startswith("all but") else named) == options[option], option


def test_the_page_has_every_command_of_the_chat() -> None:
    names = [command.split()[0].removeprefix("/") for command in told("In the chat", "command")]
    assert names == [*HELP, *OWN_COMMANDS]


@pytest.fixture
def with_the_example(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "examples", folder / "examples")
    monkeypatch.setenv("TOWNHALL_TEAM_FILE", "examples/own-script.toml")


@pytest.mark.usefixtures("with_the_example")
def test_the_commands_of_the_page_do_what_they_say(townhall: Townhall) -> None:
    for command in commands(PAGE):
        program, *arguments = shlex.split(command)
        if program == "townhall":
            said = townhall(*arguments)
            assert (said.code, bool(said.out)) == (0, True), f"{command}\n{said.err}"


@pytest.mark.usefixtures("with_the_example")
def test_the_page_has_every_field_of_the_json_of_ask(townhall: Townhall) -> None:
    printed = json.loads(townhall("ask", "May the release go out?", "--no-input", "--json").out)
    assert [row["field"] for row in table(PAGE, "The JSON of ask").rows] == list(printed)


async def test_the_session_of_the_page_can_be_typed_as_it_stands(tmp_path: Path) -> None:
    async with a_session(TEAM, tmp_path) as session:
        for row in table(PAGE, "A session").rows:
            await session.types(row["you type"], until=row["you read"])
