"""People who leave the server while the bot waits for them."""

from __future__ import annotations

from pathlib import Path

from orchestrator_bridge.chat.inbound import Author, MessageReceived, PersonLeft, Place
from orchestrator_bridge.chat.testing import RUN
from tests.support.fake_discord.fixture import discord_driver
from tests.support.fake_discord.running_bot import ME, DiscordBot, start_discord_bot
from tests.support.fake_discord.server import DiscordServer
from tests.support.fake_discord.wire import MEMBERS

GONE = "is not on this server, so question 1 no longer waits for"


async def ask(bot: DiscordBot) -> None:
    bot.say(f"{ME} choose a database for the shop")
    await bot.wait_card("Question")


async def test_with_the_members_intent_a_departure_is_noticed_at_once(tmp_path: Path) -> None:
    async with DiscordServer() as server:
        server.world.flags |= MEMBERS
        async with start_discord_bot(tmp_path, server=server) as bot:
            await ask(bot)
            bot.world.leave(bot.ana)
            await bot.wait_for(f"Ana {GONE} Ana")
            await bot.wait_for("Nobody can be reached; fallback: the recommended option, PostgreSQL")
            await bot.wait_for("Final answer of run 1")


async def test_without_the_intent_a_look_up_finds_them_gone(tmp_path: Path) -> None:
    async with DiscordServer() as server:
        async with start_discord_bot(tmp_path, server=server) as bot:
            await ask(bot)
        server.world.leave(bot.ana)
        async with start_discord_bot(tmp_path, server=server) as later:
            await later.wait_for(f"Ana {GONE} Ana")
            await later.wait_for("Final answer of run 1")


async def test_a_look_up_that_fails_leaves_the_question_open() -> None:
    async with discord_driver() as driver:
        driver.server.faults.put("error", lambda asked: "/members/" in asked.path, status=403)
        assert await driver.adapter.absence(driver.person, driver.home) == ""


async def test_in_direct_messages_a_person_is_gone_once_they_are_on_no_server_of_the_bot() -> None:
    async with discord_driver() as driver:
        ben = driver.world.add_person("Ben")
        driver.world.leave(ben)
        for person, why in ((driver.ana, ""), (ben, "is not on this server")):
            author = Author(platform="discord", id=str(person.id), name=person.name)
            assert await driver.adapter.absence(author, Place(platform="discord", channel=f"@{person.id}")) == why


async def test_a_departure_matters_only_while_a_card_is_open() -> None:
    async with discord_driver() as driver:
        driver.world.flags |= MEMBERS
        await driver.adapter.stop()
        await driver.start()
        ben, cy = driver.world.add_person("Ben"), driver.world.add_person("Cy")
        driver.world.leave(ben)
        run = await driver.post(RUN)
        driver.world.leave(cy)
        left = await driver.next_event()
        assert isinstance(left, PersonLeft)
        assert (left.author.id, left.place) == (str(cy.id), Place(platform="discord", channel=""))
        await driver.say(driver.thread(run), "still here")
        assert isinstance(await driver.next_event(), MessageReceived)
