"""Messages that a proxy app such as PluralKit reposts for people: whose they are, and that nobody's are anybody else's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.discord.messages import UNDECIDED
from adapters.discord.proxies import UNDECIDED_PAUSE
from orchestrator_bridge.chat.inbound import MessageDeleted, MessageReceived
from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.chat.testing import RUN, question
from tests.support.clock import ManualClock
from tests.support.fake_discord.fixture import DiscordDriver, discord_driver
from tests.support.fake_discord.running_bot import ME, start_discord_bot
from tests.support.fake_discord.wire import Message

PLURALKIT, OTHER = 466378653216014359, 431544605209788416


@asynccontextmanager
async def listening(*proxies: int, clock: ManualClock | None = None) -> AsyncIterator[tuple[DiscordDriver, PostedMessage]]:
    """A driver whose bot lists these proxies, with an open question."""
    async with discord_driver(proxies=[str(proxy) for proxy in proxies], clock=clock) as driver:
        posted = await driver.post(question())
        await driver.server.until(lambda: int(posted.message) in driver.world.channels)
        yield driver, posted


async def said(driver: DiscordDriver) -> MessageReceived:
    heard = await driver.next_event()
    assert isinstance(heard, MessageReceived), heard
    return heard


async def write(driver: DiscordDriver, posted: PostedMessage, text: str, person: int = 0) -> Message:
    """A person writes in the question's thread, and the bot hears it."""
    message = driver.world.write(person or driver.ana.id, int(posted.message), text)
    assert (await said(driver)).text == text
    return message


async def nothing_else(driver: DiscordDriver, posted: PostedMessage) -> None:
    """Everything earlier was handled without an event."""
    await write(driver, posted, "the end")


async def told(driver: DiscordDriver, text: str) -> None:
    direct = driver.world.direct(driver.ana.id).id
    await driver.server.until(lambda: any(text in message.content for message in driver.world.here(direct)))


async def test_a_reposted_reply_is_its_authors_under_any_name() -> None:
    async with listening(PLURALKIT) as (driver, posted):
        role = driver.world.add_role("backend", driver.ana)
        await driver.adapter.stop()
        await driver.start()
        original = await write(driver, posted, "r: SQLite")
        copy = driver.world.repost(original, "SQLite", PLURALKIT)
        driver.world.delete(original.id)
        heard, gone = await said(driver), await driver.next_event()
        assert (heard.text, heard.message, heard.author.id, heard.author.name) == (
            "SQLite",
            str(copy.id),
            str(driver.ana.id),
            "Ana",
        )
        assert str(role) in heard.author.roles
        assert isinstance(gone, MessageDeleted)
        assert gone.message == str(original.id)


async def test_a_copy_may_come_after_its_original_is_gone_and_may_quote_what_it_replies_to() -> None:
    async with listening(PLURALKIT) as (driver, posted):
        original = await write(driver, posted, "SQLite -robin")
        driver.world.delete(original.id)
        assert isinstance(await driver.next_event(), MessageDeleted)
        quoted = {"type": "rich", "description": "PostgreSQL", "author": {"name": "Ben"}}
        driver.world.repost(original, "SQLite", PLURALKIT, embeds=[quoted])
        assert (await said(driver)).text == "SQLite"


async def test_guidance_that_is_reposted_reaches_the_agents_once() -> None:
    async with listening(PLURALKIT) as (driver, _):
        run = await driver.post(RUN)
        await driver.server.until(lambda: int(run.message) in driver.world.channels)
        original = await write(driver, run, "r: it has to be cheap")
        driver.world.repost(original, "it has to be cheap", PLURALKIT)
        driver.world.delete(original.id)
        assert isinstance(await driver.next_event(), MessageDeleted)
        await nothing_else(driver, run)


async def test_an_edit_through_the_proxy_names_no_author_and_is_another_version() -> None:
    async with listening(PLURALKIT) as (driver, posted):
        original = await write(driver, posted, "r: SQLite")
        copy = driver.world.repost(original, "SQLite", PLURALKIT)
        driver.world.delete(original.id)
        first = await said(driver)
        await driver.next_event()
        driver.world.change(copy, "PostgreSQL")
        edited = await said(driver)
        assert (edited.message, edited.text, edited.author.id) == (first.message, "PostgreSQL", "")
        (read,) = await driver.adapter.read_thread(driver.thread(posted), posted.at)
        assert (read.key, read.author.id) == (edited.key, "")
        driver.world.delete(copy.id)
        assert isinstance(await driver.next_event(), MessageDeleted)


@pytest.mark.parametrize("application", [OTHER, None])
async def test_webhooks_of_others_count_for_nobody(application: int | None) -> None:
    async with listening(PLURALKIT) as (driver, posted):
        original = await write(driver, posted, "r: SQLite")
        copy = driver.world.repost(original, "SQLite", application)
        driver.world.delete(original.id)
        assert isinstance(await driver.next_event(), MessageDeleted)
        driver.world.change(copy, "PostgreSQL")
        await nothing_else(driver, posted)
        assert [read.text for read in await driver.adapter.read_thread(driver.thread(posted), posted.at)] == ["the end"]


@pytest.mark.parametrize("copied", ["PostgreSQL", "SQLite, says everybody"])
async def test_a_copy_counts_only_for_the_author_of_a_deleted_message_with_its_words(copied: str) -> None:
    async with listening(PLURALKIT) as (driver, posted):
        original = await write(driver, posted, "r: SQLite")
        driver.world.repost(original, copied, PLURALKIT)
        driver.world.delete(original.id)
        assert isinstance(await driver.next_event(), MessageDeleted)
        stands = await write(driver, posted, "MariaDB")
        driver.world.repost(stands, "MariaDB", PLURALKIT)
        elsewhere = driver.world.write(driver.ana.id, driver.channel.id, "MySQL")
        driver.world.repost(stands, "MySQL", PLURALKIT)
        driver.world.delete(elsewhere.id)
        await nothing_else(driver, posted)


async def test_where_two_people_wrote_the_words_it_is_the_one_whose_message_was_deleted() -> None:
    clock = ManualClock()
    async with listening(PLURALKIT, clock=clock) as (driver, posted):
        ben = driver.world.add_person("Ben")
        await write(driver, posted, "yes")
        original = await write(driver, posted, "b: yes", ben.id)
        driver.world.repost(original, "yes", PLURALKIT)
        await clock.armed_by(1)
        driver.world.delete(original.id)
        await clock.armed_by(2)
        clock.advance(UNDECIDED_PAUSE)
        heard = [await driver.next_event(), await driver.next_event()]
        (reply,) = [event for event in heard if isinstance(event, MessageReceived)]
        assert (reply.author.name, reply.text) == ("Ben", "yes")


async def test_people_whose_messages_cannot_be_told_apart_are_asked_to_repeat_them() -> None:
    clock = ManualClock()
    async with listening(PLURALKIT, clock=clock) as (driver, posted):
        ben = driver.world.add_person("Ben")
        originals = [await write(driver, posted, "a: yes"), await write(driver, posted, "b: yes", ben.id)]
        driver.world.repost(originals[0], "yes", PLURALKIT)
        await clock.armed_by(1)
        for original in originals:
            driver.world.delete(original.id)
        await clock.armed_by(3)
        clock.advance(UNDECIDED_PAUSE)
        await told(driver, UNDECIDED)


async def test_whose_proxy_is_not_listed_learns_once_how_to_list_it() -> None:
    async with listening() as (driver, posted):
        for text in ("r: SQLite", "r: PostgreSQL"):
            original = await write(driver, posted, text)
            driver.world.repost(original, text.removeprefix("r: "), PLURALKIT)
            driver.world.delete(original.id)
            assert isinstance(await driver.next_event(), MessageDeleted)
        await told(driver, f'`message_proxies = ["{PLURALKIT}"]`')
        await nothing_else(driver, posted)
        assert len(driver.world.here(driver.world.direct(driver.ana.id).id)) == 1


async def test_a_command_that_is_reposted_is_given_once(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path, more="", proxies=[str(PLURALKIT)]) as bot:
        original = bot.say(f"{ME} choose a database for the shop")
        await bot.wait_card("Question")
        bot.world.repost(original, f"{ME} choose a database for the shop", PLURALKIT)
        bot.world.delete(original.id)
        bot.say(f"{ME} runs")
        await bot.wait_for("Runs", bot.direct)
        assert not any("Run 2" in post.text for post in bot.posts())
