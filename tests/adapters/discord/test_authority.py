"""The tables of docs/security.md, carried out on SimCord's Discord."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.authority.matrix import IN_PLACE, LISTS, ON_RUN, answer, cells, shows_run
from tests.support.authority.on_discord import DiscordStage, discord_stage
from tests.support.fake_discord.simcord_bot import TEAM_FILE, simulated_server

ON_RUN_PEOPLE = (
    "requester",
    "person asked",
    "sees the channel",
    "sees it, in direct messages",
    "does not see it",
    "on another server",
    "cannot be checked",
)
IN_PLACE_PEOPLE = ("member", "in direct messages", "on a server that is not set up", "cannot be checked")
LIST_PEOPLE = ("requester, elsewhere", "in the channel", "sees it, in another channel", "in direct messages", "on another server")
ACTS = sorted({cell.act for cell in cells(ON_RUN, ON_RUN_PEOPLE)})


@pytest.mark.parametrize("act", ACTS)
async def test_acts_on_a_run_are_allowed_as_the_page_says(tmp_path: Path, act: str) -> None:
    row = [cell for cell in cells(ON_RUN, ON_RUN_PEOPLE) if cell.act == act]
    refused = [cell for cell in row if cell.answer != "yes"]
    for number, together in enumerate([refused, *([cell] for cell in row if cell.answer == "yes")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with discord_stage(folder, anyone="for anyone" in act) as stage:
            for cell in together:
                reply = await stage.act(cell.act, cell.person)
                assert answer(reply) == cell.answer, f"{cell}: {reply}"


async def test_acts_in_a_place_are_allowed_as_the_page_says(tmp_path: Path) -> None:
    async with discord_stage(tmp_path) as stage:
        for cell in cells(IN_PLACE, IN_PLACE_PEOPLE):
            reply = await stage.act(cell.act, cell.person)
            assert answer(reply) == cell.answer, f"{cell}: {reply}"


async def test_lists_show_what_the_page_says(tmp_path: Path) -> None:
    async with discord_stage(tmp_path) as stage:
        for cell in cells(LISTS, LIST_PEOPLE):
            reply = await stage.act(cell.act, cell.person)
            assert ("shown" if shows_run(reply) else "hidden") == cell.answer, f"{cell}: {reply}"


async def test_autocomplete_offers_nothing_on_a_server_that_is_not_set_up(tmp_path: Path) -> None:
    async with discord_stage(tmp_path) as stage:
        for person, offers in (("in the channel", True), ("on another server", False)):
            actor, channel = stage.where[person]
            assert channel is not None
            for command, field in (("ask", "team"), ("ask", "model"), ("model", "scope"), ("cancel", "run")):
                found = await actor.autocomplete(channel, command, field, "")
                assert (len(found) > (1 if field == "scope" else 0)) == offers


async def test_autocomplete_in_direct_messages_is_for_members_only(tmp_path: Path) -> None:
    async with discord_stage(tmp_path) as stage:
        for person, offers in (("in direct messages", True), ("on no server that is set up", False)):
            actor, _ = stage.where[person]
            await actor.user.autocomplete("ask", "team", "")  # a person who is not known yet is looked up
            found = await actor.user.autocomplete("ask", "team", "")
            assert bool(found) == offers, person


async def test_a_person_on_no_server_that_is_set_up_starts_nothing_in_direct_messages(tmp_path: Path) -> None:
    async with discord_stage(tmp_path) as stage:
        for act in ("/ask", "/model NAME", "/team"):
            assert "Only members" in await stage.act(act, "on no server that is set up")


@pytest.mark.parametrize(("servers", "answers"), [("{first}", ["yes", "no"]), ("1", ["no", "no"])])
async def test_the_team_file_lists_the_servers_that_are_set_up(tmp_path: Path, servers: str, answers: list[str]) -> None:
    (tmp_path / "before").mkdir()
    async with simulated_server(tmp_path / "before") as server, server.bot():
        server.create_server()
    # SimCord numbers its servers the same way in every simulation, so the next one has the id that is listed here.
    listed = servers.format(first=server.guild.id)
    async with simulated_server(tmp_path, team=f'servers = ["{listed}"]\n{TEAM_FILE}') as server, server.bot() as engine:
        server.create_server()
        elsewhere = server.env.create_guild()
        eve, there = elsewhere.add_member(server.env.create_user("eve")), elsewhere.create_text_channel("general")
        stage = DiscordStage(server, engine, {"here": (server.alice, server.channel), "there": (eve, there)})
        assert [answer(await stage.act("/ask", person)) for person in ("here", "there")] == answers


async def test_a_person_sees_a_channel_as_soon_as_they_get_a_role_for_it(tmp_path: Path) -> None:
    async with discord_stage(tmp_path) as stage:
        assert answer(await stage.act("/cost 1", "does not see it")) == "hidden"
        await stage.let_in("does not see it")
        assert answer(await stage.act("/cost 1", "does not see it")) == "yes"
