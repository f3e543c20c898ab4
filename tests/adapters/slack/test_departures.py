"""People who leave the workspace or a private channel while the bot waits for them."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import Author, PersonLeft
from orchestrator_bridge.chat.testing import question
from tests.adapters.slack.test_end_to_end import ASKED, BOTH, PEOPLE
from tests.support.fake_slack.fixture import SlackDriver, slack_driver
from tests.support.fake_slack.running_bot import ROOT, start_slack_bot
from tests.support.fake_slack.state import ANA, BEN, BOT_USER, GENERAL, GONE

THE_BEN = Author(platform="slack", id=BEN, name="Ben Ng")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples" / "scripts", tmp_path / "scripts")
    return tmp_path


async def why(driver: SlackDriver, person: Author, channel: str = GENERAL) -> str:
    return await driver.slack.absence(person, replace(driver.home, channel=channel))


async def test_the_private_channel_that_a_person_leaves_is_closed_to_them_and_a_public_one_is_not() -> None:
    async with slack_driver() as driver:
        await driver.post(question())
        assert await why(driver, THE_BEN) == ""
        driver.server.people.leave(BOT_USER, GENERAL)
        driver.server.people.leave(BEN, GENERAL)
        left = await driver.next_event()
        assert isinstance(left, PersonLeft)
        assert (left.author.id, left.place) == (BEN, driver.home)
        assert await why(driver, THE_BEN) == ""


async def test_who_leaves_a_private_channel_can_answer_by_direct_messages_only() -> None:
    async with slack_driver() as driver:
        room = driver.world.channels[GENERAL]
        room.private = True
        room.members.discard(BEN)
        assert await why(driver, THE_BEN) == ""
        driver.server.people.leave(BEN, GENERAL)
        await driver.next_event()
        assert await why(driver, THE_BEN) == "has left this private channel"
        assert await why(driver, THE_BEN, f"@{BEN}") == ""
        assert await why(driver, driver.person) == ""


async def test_a_deactivated_account_is_gone_everywhere() -> None:
    async with slack_driver() as driver:
        gus = Author(platform="slack", id=GONE, name="Gus")
        assert await why(driver, gus) == await why(driver, gus, f"@{GONE}") == "has a deactivated account"


async def test_a_look_up_that_fails_leaves_the_question_open() -> None:
    async with slack_driver() as driver:
        driver.server.faults.put("error", "users.info", name="internal_error")
        assert await why(driver, THE_BEN) == ""
        driver.server.faults.put("error", "conversations.info", name="internal_error")
        assert await why(driver, THE_BEN) == ""


async def test_a_person_who_leaves_the_private_channel_is_no_longer_waited_for(folder: Path) -> None:
    team = BOTH.replace("direct = true", 'quorum = "all"') + PEOPLE
    async with start_slack_bot(folder, team) as bot:
        bot.world.channels[GENERAL].private = True
        bot.people.command(ANA, GENERAL, "ask May the release go out?")
        card = await bot.wait_for_message(ASKED)
        bot.people.leave(BEN, GENERAL)
        await bot.wait_for_message("ben has left this private channel, so question 1 no longer waits for ben.")
        bot.people.say(ANA, GENERAL, "yes", card["ts"])
        await bot.wait_for_message("Answered by ana: Yes")
