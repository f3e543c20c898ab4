"""Forum posts have the tags that their forum requires, and those that show the state of a card."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from orchestrator_bridge.chat.outbound import QuestionCard
from orchestrator_bridge.chat.testing import RUN, question
from tests.support.fake_discord.fixture import DiscordDriver, create_discord_adapter
from tests.support.fake_discord.server import DiscordServer
from tests.support.fake_discord.wire import FORUM

MANAGE_THREADS, ADMINISTRATOR = 1 << 34, 1 << 3


@asynccontextmanager
async def forum(*names: str, requires: bool = False, may_moderate: bool = True) -> AsyncIterator[DiscordDriver]:
    """A started adapter with a forum that has these tags; the id of a tag is its position."""
    async with DiscordServer() as server:
        channel = server.world.add_channel("ideas", FORUM)
        channel.tags = [
            {"id": str(number), "name": name.strip("!"), "moderated": name.endswith("!"), "emoji_id": None, "emoji_name": None}
            for number, name in enumerate(names, 1)
        ]
        channel.requires_tag = requires
        if not may_moderate:
            server.world.everyone &= ~(MANAGE_THREADS | ADMINISTRATOR)
        driver = DiscordDriver(server, create_discord_adapter(server), channel)
        await driver.start()
        try:
            yield driver
        finally:
            await driver.adapter.stop()


def applied(driver: DiscordDriver, thread: str | None) -> list[str]:
    names = {tag["id"]: tag["name"] for tag in driver.channel.tags}
    return [names[id_] for id_ in driver.world.channels[int(thread or 0)].applied]


UNANSWERED: QuestionCard = replace(question(), closed="Nobody answered in time")


async def test_a_question_is_tagged_as_open_and_then_as_fallen_back() -> None:
    async with forum("Idea", "Open", "Answered", "Fallen back") as driver:
        posted = await driver.post(question())
        assert applied(driver, posted.thread) == ["Open"]
        await driver.post(UNANSWERED, replaces=posted, key="closed")
        assert applied(driver, posted.thread) == ["Fallen back"]


async def test_a_question_that_was_answered_is_tagged_so_in_german_too() -> None:
    async with forum("Offen", "Beantwortet") as driver:
        posted = await driver.post(question())
        await driver.post(replace(question(), closed="Answered by Ana: SQLite"), replaces=posted, key="closed")
        assert applied(driver, posted.thread) == ["Beantwortet"]


async def test_a_forum_that_requires_a_tag_gets_one_that_everybody_may_use() -> None:
    async with forum("News!", "Ideas", requires=True, may_moderate=False) as driver:
        posted = await driver.post(RUN)
        assert applied(driver, posted.thread) == ["Ideas"]
        await driver.post(replace(RUN, status="finished", ended=True), replaces=posted, key="end")
        assert applied(driver, posted.thread) == ["Ideas"]


async def test_a_tag_that_cannot_be_set_keeps_no_card_open() -> None:
    async with forum("Open", "Done") as driver:
        posted = await driver.post(RUN)
        driver.server.faults.put("reject", lambda asked: asked.method == "PATCH" and "/messages/" not in asked.path, code=50013)
        await driver.post(replace(RUN, status="finished", ended=True), replaces=posted, key="end")
        assert applied(driver, posted.thread) == ["Open"]
        assert "finished" in driver.world.messages[int(posted.message)].text


async def test_a_forum_without_tags_gets_none() -> None:
    async with forum() as driver:
        posted = await driver.post(question())
        assert applied(driver, posted.thread) == []
