"""Acts on runs, questions and costs by people who can and cannot see their places."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Author, CommandReceived, ControlUsed, Place
from orchestrator_bridge.chat.outbound import QuestionCard
from tests.bot.commands.test_models import ELSEWHERE, Bot, start_bot
from tests.bot.commands.test_visibility import TEAMS, asks_the_requester, cells
from tests.support.authority.knowing_platform import KnowingPlatform
from tests.support.fake_models.server import ModelServer
from tests.support.running_engine import ANA, PLACE

BO = Author(platform="list", id="bo", name="Bo")
DIRECT = Place(platform="list", channel="@bo")
ANYONE = TEAMS.replace("[people.bo]", '[team.docs.policy]\nresponders = "anyone"\n[people.bo]')


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[Bot]:
    """A bot with run 1 of Ana's in a channel, which only she sees, and its question 1 that anyone may answer."""
    async with ModelServer(asks_the_requester) as server, start_bot(tmp_path, server, ANYONE, platform=KnowingPlatform) as bot:
        knowing(bot).seen = {ELSEWHERE.channel: {"ana"}, PLACE.channel: {"ana", "bo"}}
        task = CommandReceived(place=ELSEWHERE, interaction="r", author=ANA, name="ask", text="the secret plan", at=1.0)
        await bot.platform.deliver(task)
        await bot.platform.until(lambda: any(isinstance(sent.post, QuestionCard) for sent in bot.platform.sent))
        yield bot


def knowing(bot: Bot) -> KnowingPlatform:
    assert isinstance(bot.platform, KnowingPlatform)
    return bot.platform


async def click(bot: Bot, author: Author, place: Place) -> str:
    """Press the button of question 1 from a place, and wait for the private reply."""
    before = len(bot.platform.private_replies)
    clicked = ControlUsed(
        place=place, interaction=f"k{before}", question=1, press="write", author=author, at=bot.platform.now, value="Ten."
    )
    await bot.platform.deliver(clicked)
    await bot.platform.until(lambda: len(bot.platform.private_replies) > before)
    return bot.platform.private_replies[-1][1].text


@pytest.mark.parametrize("place", [PLACE, DIRECT])
async def test_a_run_in_a_channel_that_a_person_cannot_see_does_not_exist_for_them(bot: Bot, place: Place) -> None:
    assert (await bot.execute(BO, place, "cancel", "1")).text == "There is no run 1."
    assert (await bot.execute(BO, place, "cost", "1")).text == "There is no run 1."
    assert (await bot.execute(BO, place, "cost", "1 by call")).text == "There is no run 1."
    assert (await bot.execute(BO, place, "cancel", "2")).text == "There is no run 2."


@pytest.mark.parametrize("place", [PLACE, DIRECT])
async def test_a_question_for_anyone_is_for_those_who_can_see_its_channel(bot: Bot, place: Place) -> None:
    for words in ("1", "1 Ten.", "1 cancel", "1 more 1h", "1 pass"):
        assert (await bot.execute(BO, place, "questions", words)).text == "There is no question 1."
    assert await click(bot, BO, place) == "There is no question 1."
    knowing(bot).seen[ELSEWHERE.channel].add("bo")
    assert "How much" in cells(await bot.execute(BO, place, "questions", "1"))
    assert await click(bot, BO, place) == "You answered question 1."


async def test_costs_are_those_of_runs_that_a_person_may_see(bot: Bot) -> None:
    for words in ("", "by person", "by channel", "by run", "by day", "by model", "by agent", "by call"):
        assert "writer" not in cells(await bot.execute(BO, PLACE, "cost", words))
        assert not any(table.rows for table in (await bot.execute(BO, DIRECT, "cost", words)).tables)
    assert "writer" in cells(await bot.execute(ANA, PLACE, "cost"))
    assert "list/another" in cells(await bot.execute(ANA, PLACE, "cost", "by channel"))


async def test_a_person_who_sees_the_channel_cancels_its_run_from_another_one_but_not_in_direct_messages(bot: Bot) -> None:
    knowing(bot).seen[ELSEWHERE.channel].add("bo")
    assert "your own runs" in (await bot.execute(BO, DIRECT, "cancel", "1")).text
    await bot.platform.deliver(CommandReceived(place=PLACE, interaction="c", author=BO, name="cancel", text="1", at=2.0))
    await bot.app.engine.wait_ended(1)


async def test_what_cannot_be_looked_up_is_refused_with_what_to_do(bot: Bot) -> None:
    knowing(bot).trouble = OSError("no network")
    for name, words in (("ask", "plan"), ("model", "grok-4.7"), ("cancel", "1"), ("cost", "1"), ("questions", "1 Ten.")):
        assert "Try again in a minute" in (await bot.execute(BO, PLACE, name, words)).text


async def test_nothing_begins_on_a_server_that_is_not_set_up(bot: Bot) -> None:
    knowing(bot).unserved.add(PLACE.channel)
    for name, words in (("ask", "plan"), ("model", "grok-4.7"), ("model", ""), ("models", ""), ("team", "")):
        assert "not set up for this server" in (await bot.execute(BO, PLACE, name, words)).text
    assert (await bot.execute(BO, PLACE, "help")).tables


async def test_guests_start_no_runs_unless_the_team_file_allows_it(bot: Bot) -> None:
    knowing(bot).memberships["bo"] = "guest"
    for name, words in (("ask", "plan"), ("model", "grok-4.7")):
        assert "Guests are not allowed" in (await bot.execute(BO, PLACE, name, words)).text
    assert (await bot.execute(BO, PLACE, "team")).tables


async def test_people_of_other_organisations_start_nothing(bot: Bot) -> None:
    knowing(bot).memberships["bo"] = "external"
    assert "Only members" in (await bot.execute(BO, PLACE, "ask", "plan")).text


async def test_the_home_page_shows_the_models_of_a_channel_that_the_person_can_see(bot: Bot) -> None:
    await bot("model", "grok-4.7")
    shown = await bot.execute(BO, DIRECT, "home", channel=PLACE.channel)
    assert shown.place == PLACE
    assert "grok-4.7" in cells(shown)
    knowing(bot).seen[PLACE.channel].remove("bo")
    hidden = await bot.execute(BO, DIRECT, "home", channel=PLACE.channel)
    assert hidden.place == DIRECT
    assert "grok-4.7" not in cells(hidden)
