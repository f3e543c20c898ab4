"""A process that was suspended and replaced finds that out at the last moment before a request leaves, and posts nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from orchestrator_bridge.chat.adapter import SendUncertain
from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.chat.request_guard import checked_requests
from orchestrator_bridge.chat.testing import RUN, PlatformDriver, long_answer
from tests.resilience.test_loopback_contract import LoopbackRig
from tests.support.fake_chat.server import ChatServer
from tests.support.fake_discord.fixture import discord_driver
from tests.support.fake_slack.fixture import slack_driver

OpenDriver = Callable[[], AbstractAsyncContextManager[PlatformDriver]]


@asynccontextmanager
async def loopback_driver() -> AsyncIterator[PlatformDriver]:
    async with ChatServer() as server:
        driver = LoopbackRig(server)
        await driver.start()
        yield driver
        await driver.adapter.stop()


class Replacement:
    """The replacement of this process once it has made so many requests of a post. `count` is of the checks."""

    def __init__(self, after: int = 0) -> None:
        self.after = after
        self.count = 0

    async def check(self) -> None:
        self.count += 1
        if self.count > self.after:
            raise SendUncertain("another process has taken the database over")


drivers = pytest.mark.parametrize(
    "open_driver",
    [
        pytest.param(loopback_driver, id="chat"),
        pytest.param(discord_driver, id="discord"),
        pytest.param(slack_driver, id="slack"),
    ],
)


@drivers
async def test_a_replaced_process_posts_nothing(open_driver: OpenDriver) -> None:
    async with open_driver() as driver:
        for post in (RUN, Note(text="only once"), long_answer()):
            with checked_requests(Replacement().check), pytest.raises(SendUncertain):
                await driver.post(post)
        assert not await driver.visible(driver.home)


@drivers
async def test_a_replaced_process_edits_nothing(open_driver: OpenDriver) -> None:
    async with open_driver() as driver:
        posted = await driver.post(Note(text="only once"), key="note")
        with checked_requests(Replacement().check), pytest.raises(SendUncertain):
            await driver.post(Note(text="changed"), replaces=posted, key="note")
        (message,) = await driver.visible(driver.home)
        assert "only once" in message.text


async def test_a_process_that_is_replaced_between_two_messages_of_a_post_sends_only_the_first() -> None:
    async with discord_driver() as driver:
        counting = Replacement(after=1000)
        with checked_requests(counting.check):
            await driver.post(Note(text="one message"))
        with checked_requests(Replacement(after=counting.count).check), pytest.raises(SendUncertain):
            await driver.post(long_answer())
        assert len(await driver.visible(driver.home)) == 2
