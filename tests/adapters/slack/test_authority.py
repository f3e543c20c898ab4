"""The tables of docs/security.md, carried out on the fake Slack."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.authority.matrix import IN_PLACE, LISTS, ON_RUN, answer, cells, shows_run
from tests.support.authority.on_slack import slack_stage

ON_RUN_PEOPLE = (
    "requester",
    "person asked",
    "sees the channel",
    "sees it, in direct messages",
    "guest who sees it",
    "does not see it",
    "of another organisation",
    "cannot be checked",
)
IN_PLACE_PEOPLE = ("member", "in direct messages", "guest", "of another organisation", "cannot be checked")
LIST_PEOPLE = ("requester, elsewhere", "in the channel", "sees it, in another channel", "in direct messages")
ACTS = sorted({cell.act for cell in cells(ON_RUN, ON_RUN_PEOPLE)})


@pytest.mark.parametrize("act", ACTS)
async def test_acts_on_a_run_are_allowed_as_the_page_says(tmp_path: Path, act: str) -> None:
    row = [cell for cell in cells(ON_RUN, ON_RUN_PEOPLE) if cell.act == act]
    refused = [cell for cell in row if cell.answer != "yes"]
    for number, together in enumerate([refused, *([cell] for cell in row if cell.answer == "yes")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with slack_stage(folder, anyone="for anyone" in act) as stage:
            for cell in together:
                reply = await stage.act(cell.act, cell.person)
                assert answer(reply) == cell.answer, f"{cell}: {reply}"


async def test_acts_in_a_place_are_allowed_as_the_page_says(tmp_path: Path) -> None:
    async with slack_stage(tmp_path) as stage:
        for cell in cells(IN_PLACE, IN_PLACE_PEOPLE):
            reply = await stage.act(cell.act, cell.person)
            assert answer(reply) == cell.answer, f"{cell}: {reply}"


async def test_lists_show_what_the_page_says(tmp_path: Path) -> None:
    async with slack_stage(tmp_path) as stage:
        for cell in cells(LISTS, LIST_PEOPLE):
            reply = await stage.act(cell.act, cell.person)
            assert ("shown" if shows_run(reply) else "hidden") == cell.answer, f"{cell}: {reply}"
