"""The worked examples of docs/tools.md: each is a team file that is taken, and says what the page says of it."""

from __future__ import annotations

import re

import pytest

from bot.config.team_file import parse_team_file
from bot.config.team_schema import TeamFile
from tests.docs.page import ROOT, read

BLOCKS = re.findall(r"^```toml\n(.*?)^```", read("docs/tools.md"), re.DOTALL | re.MULTILINE)
WEB, FILES, ELSEWHERE = BLOCKS


def taken(block: str) -> TeamFile:
    return parse_team_file(block, ROOT / "townhall.toml")


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_a_team_file(block: str) -> None:
    assert taken(block).tools


def test_in_the_example_with_files_one_agent_may_write_and_two_people_approve() -> None:
    team = taken(FILES).team()
    assert {agent.name: agent.tools for agent in team.agents} == {"planner": (), "keeper": ("notes.write_note",)}
    assert team.policy.quorum == 2


def test_the_token_of_the_server_elsewhere_comes_from_the_environment() -> None:
    file = taken(ELSEWHERE)
    assert file.tools["tickets"].variables == {"TICKETS_TOKEN"}
    assert file.secrets == {}


def test_the_web_needs_nothing_but_a_command() -> None:
    assert taken(WEB).team().tool_servers == ("web",)
