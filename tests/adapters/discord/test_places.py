"""Where the bot listens and where it may work: its own role, threads that people open, permissions, forged offers."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator_bridge.chat.inbound import CommandReceived, MessageReceived
from orchestrator_bridge.chat.testing import RUN
from tests.support.fake_discord.fixture import discord_driver
from tests.support.fake_discord.running_bot import ME, start_discord_bot
from tests.support.fake_discord.server import DiscordServer
from tests.support.fake_discord.wire import BOT_ROLE

ADMINISTRATOR, SEND, SEND_IN_THREADS = 1 << 3, 1 << 11, 1 << 38


async def test_a_mention_of_the_bots_own_role_addresses_it() -> None:
    async with discord_driver() as driver:
        driver.world.write(driver.ana.id, driver.channel.id, f"<@&{BOT_ROLE}> plan the move, please")
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        assert (heard.name, heard.text) == ("task", "plan the move, please")


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_thread_that_a_person_opens_on_a_card_is_heard(restarted: bool) -> None:
    async with discord_driver() as driver:
        driver.channel.forbidden.add("threads")
        run = await driver.post(RUN)
        thread = driver.world.make_thread(driver.channel.id, "About the run", int(run.message), driver.ana.id)
        if restarted:
            await driver.adapter.stop()
            await driver.start()
        driver.world.write(driver.ana.id, thread.id, "mind the budget")
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        assert (heard.text, heard.place) == ("mind the budget", driver.thread(run))
        (read,) = await driver.adapter.read_thread(driver.thread(run), run.at)
        assert read == heard


async def test_a_thread_on_another_message_stays_among_people() -> None:
    async with discord_driver() as driver:
        await driver.post(RUN)
        said = driver.world.write(driver.ana.id, driver.channel.id, "lunch?")
        thread = driver.world.make_thread(driver.channel.id, "lunch", said.id, driver.ana.id)
        driver.world.write(driver.ana.id, thread.id, "pizza")
        driver.world.write(driver.ana.id, thread.id, f"{ME} help")
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)


@pytest.mark.parametrize("denied", [SEND, SEND_IN_THREADS])
async def test_a_task_where_the_bot_may_not_post_costs_nothing_and_names_the_permission(tmp_path: Path, denied: int) -> None:
    async with DiscordServer() as server:
        server.world.everyone &= ~ADMINISTRATOR
        quiet = server.world.add_channel("quiet")
        quiet.denied = denied
        async with start_discord_bot(tmp_path, server=server) as bot:
            bot.say(f"{ME} choose a database for the shop", quiet.id)
            name = "Send Messages (" if denied == SEND else "Send Messages in Threads ("
            await bot.wait_for(name, bot.direct)
            assert bot.calls == 0


async def test_inside_a_thread_the_permission_for_threads_counts() -> None:
    async with discord_driver() as driver:
        thread = driver.world.make_thread(driver.channel.id, "lunch", driver.world.new_id(), driver.ana.id)
        driver.world.app_permissions &= ~SEND_IN_THREADS
        interaction = driver.send_command("ask", channel=thread.id, task="plan it")
        await driver.server.until(lambda: driver.answer_to(interaction))
        answer = driver.answer_to(interaction)
        assert answer is not None
        assert "Send Messages in Threads" in answer.text
        driver.world.app_permissions = ~SEND & ((1 << 53) - 1)
        driver.send_command("ask", channel=thread.id, task="plan it")
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)


async def test_an_offer_cannot_be_taken_by_somebody_else(tmp_path: Path) -> None:
    async with start_discord_bot(tmp_path) as bot:
        bot.say(f"{ME} thoughts?")
        offer = await bot.wait_for("Should the agents work on this?", bot.direct)
        (button,) = offer.controls
        bot.driver.ana = bot.world.add_person("Ben")
        data = {"custom_id": button["custom_id"], "component_type": 2, "values": []}
        forged = bot.world.interact(bot.driver.ana.id, bot.general, 3, data, offer)
        await bot.until(lambda: "expired" in (answer.text if (answer := bot.driver.answer_to(forged)) else ""))
        assert bot.calls == 0
