"""The thread in which a task is given on Slack: mentions, the message shortcut, offers, and what is not read."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.inbound import CommandReceived, ThreadPosition
from orchestrator_bridge.chat.outbound import Confirmation, FinalAnswer, Note, PrivateReply
from orchestrator_bridge.chat.testing import RUN
from orchestrator_bridge.chat.thread_context import ThreadPage
from tests.support.fake_slack.fixture import SlackDriver, slack_driver
from tests.support.fake_slack.running_bot import RELEASE, ROOT, start_slack_bot
from tests.support.fake_slack.state import ANA, BEN, BOT_USER, GENERAL, ROBOT

ME = f"<@{BOT_USER}>"


@pytest.fixture
async def driver() -> AsyncIterator[SlackDriver]:
    async with slack_driver() as driver:
        yield driver


def write(driver: SlackDriver, *texts: str) -> str:
    """Write a thread as Ana; returns its timestamp."""
    root: str | None = None
    for text in texts:
        said = driver.server.people.say(ANA, GENERAL, text, root, delivered=False)
        root = root or said["ts"]
    assert root is not None
    return root


def mention(driver: SlackDriver, root: str, text: str) -> None:
    driver.server.people.say(ANA, GENERAL, f"{ME} {text}", root, raw=True)


async def command(driver: SlackDriver) -> CommandReceived:
    """The next command. Slack delivers a mention twice; without the author of the thread, its second event is a message to us."""
    event = await driver.next_event()
    while not isinstance(event, CommandReceived):
        event = await driver.next_event()
    return event


async def position(driver: SlackDriver) -> ThreadPosition:
    thread = (await command(driver)).thread
    assert thread is not None
    return thread


def texts(page: ThreadPage) -> list[str]:
    return [message.text for message in page.messages]


async def test_only_the_thread_is_read_and_not_the_channel_around_it(driver: SlackDriver) -> None:
    driver.server.people.say(BEN, GENERAL, "lunch?", delivered=False)
    root = write(driver, "The build is red", "since noon")
    driver.server.people.say(BEN, GENERAL, "pizza!", delivered=False)
    mention(driver, root, "why is that so?")
    assert texts(await driver.slack.read_context(await position(driver), 30)) == ["The build is red", "since noon"]


async def test_a_thread_of_several_pages_is_read_to_the_task_and_counted(driver: SlackDriver) -> None:
    root = write(driver, *(f"message {number}" for number in range(450)))
    mention(driver, root, "sum up what happened")
    page = await driver.slack.read_context(await position(driver), 3)
    assert texts(page) == ["message 447", "message 448", "message 449"]
    assert page.first is not None
    assert (page.first.text, page.left_out) == ("message 0", 446)
    assert sum(asked.path == "conversations.replies" for asked in driver.server.requests) == 3


async def test_a_rate_limit_is_waited_for(driver: SlackDriver) -> None:
    root = write(driver, "The build is red")
    mention(driver, root, "why is that so?")
    thread = await position(driver)
    driver.server.faults.put("limit", "conversations.replies")
    assert texts(await driver.slack.read_context(thread, 30)) == ["The build is red"]


async def test_the_shortcut_on_a_message_of_a_thread_reads_that_thread_without_the_message(driver: SlackDriver) -> None:
    root = write(driver, "The build is red", "since noon", "ok")
    about = list(driver.world.channels[GENERAL].messages.values())[1]
    driver.server.people.ask_about(ANA, GENERAL, about)
    await driver.server.until(lambda: driver.world.views)
    driver.server.people.submit(ANA, driver.world.views[-1], task="why?")
    given = await command(driver)
    assert given.place.thread == root
    assert given.thread is not None
    assert texts(await driver.slack.read_context(given.thread, 30)) == ["The build is red", "ok"]


async def test_the_shortcut_on_a_message_without_replies_reads_nothing(driver: SlackDriver) -> None:
    about = driver.server.people.say(ANA, GENERAL, "The build is red", delivered=False)
    driver.server.people.ask_about(ANA, GENERAL, about)
    await driver.server.until(lambda: driver.world.views)
    driver.server.people.submit(ANA, driver.world.views[-1], task="why?")
    assert (await command(driver)).thread is None


async def test_a_confirmed_offer_keeps_the_thread_and_does_not_read_the_words_that_led_to_it(driver: SlackDriver) -> None:
    root = write(driver, "The build is red")
    mention(driver, root, "hm, strange")
    doubtful = await command(driver)
    confirm = Confirmation(label="Start a run", name="ask", text="hm, strange", thread=doubtful.thread)
    await driver.slack.reply_privately(doubtful, PrivateReply(text="Should the agents work on this?", confirm=confirm))
    await driver.server.until(lambda: driver.world.ephemeral)
    driver.server.people.click(ANA, GENERAL, driver.world.ephemeral[-1], "command")
    confirmed = await command(driver)
    assert (confirmed.name, confirmed.thread) == ("ask", doubtful.thread)
    assert confirmed.thread is not None
    assert texts(await driver.slack.read_context(confirmed.thread, 30)) == ["The build is red"]


async def test_a_task_in_a_thread_of_the_direct_messages_reads_that_thread(driver: SlackDriver) -> None:
    channel = driver.world.direct(ANA).id
    root = driver.server.people.say(ANA, channel, "The build is red", delivered=False)["ts"]
    driver.server.people.say(ANA, channel, f"{ME} why is that so?", root, raw=True)
    assert texts(await driver.slack.read_context(await position(driver), 30)) == ["The build is red"]


async def test_markup_files_and_other_apps_are_read_as_in_a_task(driver: SlackDriver) -> None:
    root = write(driver, "a < b")
    people = driver.server.people
    people.say(BEN, GENERAL, f"ask <@{ANA}>", root, raw=True, delivered=False)
    people.say(BEN, GENERAL, "", root, files=[{"id": "F7", "name": "log.txt", "size": 3}], delivered=False)
    people.say(ROBOT, GENERAL, "", root, bot_id="B4", attachments=[{"title": "Alert", "text": "Disk full"}], delivered=False)
    people.say(BEN, GENERAL, "has joined", root, subtype="channel_join", delivered=False)
    mention(driver, root, "why is that so?")
    page = await driver.slack.read_context(await position(driver), 30)
    assert texts(page) == ["a < b", "ask @Ana", "", "Alert\nDisk full"]
    assert [(message.author, message.speaker) for message in page.messages][1:] == [
        ("Ben Ng", "person"),
        ("Ben Ng", "person"),
        ("Robot", "bot"),
    ]
    assert [file.name for file in page.messages[2].attachments] == ["log.txt"]


async def test_our_texts_are_marked_as_ours_and_cards_are_left_out(driver: SlackDriver) -> None:
    root = write(driver, "The build is red")
    mention(driver, root, "why is that so?")
    given = await command(driver)
    await driver.post(RUN, place=given.place, key="run:3:card")
    await driver.post(Note(text="The disk is full."), place=given.place, key="run:3:5:note")
    await driver.post(FinalAnswer(run=3, text="Free the disk.", how="", by="one"), place=given.place, key="run:3:9:final")
    mention(driver, root, "do it, please")
    page = await driver.slack.read_context(await position(driver), 30)
    assert [message.speaker for message in page.messages] == ["person", "person", "townhall", "townhall"]
    assert "Free the disk." in page.messages[-1].text


async def test_a_deleted_thread_is_rejected_with_a_reason_for_people(driver: SlackDriver) -> None:
    root = write(driver, "The build is red")
    mention(driver, root, "why is that so?")
    thread = await position(driver)
    driver.server.faults.put("error", "conversations.replies", name="thread_not_found")
    with pytest.raises(SendRejected) as failure:
        await driver.slack.read_context(thread, 30)
    assert failure.value.reason == "the thread was deleted"


async def test_a_mention_in_a_channel_has_no_thread(driver: SlackDriver) -> None:
    driver.server.people.say(ANA, GENERAL, f"{ME} plan the move, please", raw=True)
    assert (await command(driver)).thread is None


async def test_a_run_in_a_thread_says_there_what_it_read_and_asks_its_questions_as_ever(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "scripts", tmp_path / "scripts")
    limited = RELEASE.replace("[team.release]", "[team.release]\ncontext_messages = 2")
    async with start_slack_bot(tmp_path, limited) as bot:
        root = bot.people.say(ANA, GENERAL, "message 0", delivered=False)["ts"]
        for number in range(1, 5):
            bot.people.say(BEN, GENERAL, f"message {number}", root, delivered=False)
        bot.people.say(ANA, GENERAL, f"{ME} May the release go out?", root, raw=True)
        read = await bot.wait_for_message("Read 3 messages of the thread in which you asked, 2 earlier messages left out.")
        assert read["thread_ts"] != root  # the run has its own thread, and a link to it stands in the other one
        asked = await bot.wait_for_message("Was the migration tried on a copy of the data?")
        bot.people.say(ANA, GENERAL, "yes", asked["ts"])
        await bot.wait_for_message("finished")


async def test_a_thread_that_slack_does_not_show_is_reported_in_the_runs_thread(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "scripts", tmp_path / "scripts")
    async with start_slack_bot(tmp_path) as bot:
        root = bot.people.say(ANA, GENERAL, "The build is red", delivered=False)["ts"]
        bot.server.faults.put("error", "conversations.replies", name="missing_scope")
        bot.people.say(ANA, GENERAL, f"{ME} May the release go out?", root, raw=True)
        await bot.wait_for_message("I could not read the thread in which you asked: the app lacks a permission")
        asked = await bot.wait_for_message("Was the migration tried on a copy of the data?")
        bot.people.say(ANA, GENERAL, "yes", asked["ts"])
        await bot.wait_for_message("finished")
