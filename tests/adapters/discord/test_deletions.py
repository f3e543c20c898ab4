"""Deleted cards, threads and channels, and a bot that is removed from a server."""

from __future__ import annotations

import logging

import pytest

from orchestrator_bridge.chat.inbound import MessageDeleted, MessageReceived
from orchestrator_bridge.chat.outbound import Note, PostedMessage
from orchestrator_bridge.chat.testing import RUN, question
from tests.support.fake_discord import wire
from tests.support.fake_discord.fixture import DiscordDriver, discord_driver


async def lost(driver: DiscordDriver) -> MessageDeleted:
    heard = await driver.next_event()
    assert isinstance(heard, MessageDeleted), heard
    return heard


def is_card(gone: MessageDeleted, posted: PostedMessage) -> bool:
    return gone.message == posted.message and gone.place.thread == posted.thread


async def test_a_deleted_card_is_reported_and_its_thread_remains() -> None:
    async with discord_driver() as driver:
        asked = await driver.post(question())
        driver.world.delete(int(asked.message))
        assert is_card(await lost(driver), asked)
        await driver.say(driver.thread(asked), "SQLite")
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.place == driver.thread(asked)


async def test_a_deleted_thread_of_an_open_card_is_opened_again() -> None:
    async with discord_driver() as driver:
        asked = await driver.post(question())
        driver.world.delete_channel(int(asked.message))
        await driver.server.until(lambda: int(asked.message) in driver.world.channels)
        await driver.say(driver.thread(asked), "SQLite")
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.place == driver.thread(asked)
        await driver.post(Note(text="still here"), place=driver.thread(asked))
        assert [message.content for message in driver.world.here(int(asked.message))][-1] == "still here"


async def test_where_discord_opens_no_second_thread_replies_to_the_card_count() -> None:
    async with discord_driver() as driver:
        driver.world.threads_reopen = False
        asked = await driver.post(question())
        driver.world.delete_channel(int(asked.message))
        driver.world.write(driver.ana.id, driver.channel.id, "SQLite", replies_to=int(asked.message))
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.question == 2
        await driver.post(Note(text="still here"), place=driver.thread(asked))
        (said,) = [message for message in driver.world.here(driver.channel.id) if message.content == "still here"]
        assert said.replies_to == int(asked.message)


async def test_a_deleted_forum_post_is_a_lost_card() -> None:
    async with discord_driver(channel=wire.FORUM) as driver:
        asked = await driver.post(question())
        driver.world.delete_channel(int(str(asked.thread)))
        assert is_card(await lost(driver), asked)


async def test_a_deleted_channel_loses_its_cards() -> None:
    async with discord_driver() as driver:
        run, asked = await driver.post(RUN), await driver.post(question())
        driver.world.delete_channel(driver.channel.id)
        gone = [await lost(driver), await lost(driver)]
        assert is_card(gone[0], run)
        assert is_card(gone[1], asked)


async def test_a_removal_from_a_server_is_logged_and_loses_its_cards(caplog: pytest.LogCaptureFixture) -> None:
    async with discord_driver() as driver:
        asked = await driver.post(question())
        with caplog.at_level(logging.ERROR):
            driver.world.remove_bot()
            assert is_card(await lost(driver), asked)
        assert "removed from the server The house" in caplog.text
        assert "townhall setup discord" in caplog.text
