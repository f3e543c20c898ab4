"""Reactions on Discord to question cards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.discord.channels import direct_place
from orchestrator_bridge.chat.inbound import ControlUsed, MessageReceived
from orchestrator_bridge.chat.outbound import CardOption
from orchestrator_bridge.chat.testing import RUN, closed, question
from tests.support.fake_discord.fixture import DiscordDriver, discord_driver
from tests.support.fake_discord.running_bot import ME, start_discord_bot
from tests.support.fake_discord.server import DiscordServer

MANY = replace(question(), options=tuple(CardOption(id=f"o{number}", label=f"Option {number}") for number in range(1, 9)))
CONFIRM = replace(question(), options=(CardOption(id="yes", label="Yes"), CardOption(id="no", label="No")))


@pytest.fixture
async def driver() -> AsyncIterator[DiscordDriver]:
    async with discord_driver() as driver:
        yield driver


async def used(driver: DiscordDriver) -> ControlUsed:
    event = await driver.next_event()
    assert isinstance(event, ControlUsed)
    return event


async def test_a_keycap_chooses_an_entry_of_a_select(driver: DiscordDriver) -> None:
    asked = await driver.post(MANY)
    await driver.react(asked, "8️⃣")
    assert (await used(driver)).value == "o8"


@pytest.mark.parametrize(("emoji", "value"), [("👍🏽", "yes"), ("✅", "yes"), ("❌", "no"), ("2️⃣", "no")])
async def test_a_thumb_or_a_check_mark_answers_yes_or_no_in_direct_messages(
    driver: DiscordDriver, emoji: str, value: str
) -> None:
    asked = await driver.post(CONFIRM, place=direct_place(driver.ana.id))
    await driver.react(asked, emoji)
    answer = await used(driver)
    assert (answer.value, answer.author.id, answer.place.channel) == (value, str(driver.ana.id), f"@{driver.ana.id}")


async def test_reactions_of_bots_and_to_other_messages_answer_nothing(driver: DiscordDriver) -> None:
    asked, ended, run = await driver.post(question()), await driver.post(question(7)), await driver.post(RUN)
    await driver.post(closed(question(7)), replaces=ended)
    driver.world.react(driver.world.add_person("Robot", bot=True).id, int(asked.message), "1️⃣")
    for message in (ended, run):
        await driver.react(message, "1️⃣")
    await driver.say(driver.thread(asked), "SQLite")
    assert isinstance(await driver.next_event(), MessageReceived)


async def test_a_reaction_of_an_earlier_process_is_withdrawn_by_the_card(driver: DiscordDriver) -> None:
    asked = await driver.post(question())
    await driver.unreact(asked, "2️⃣")
    withdrawn = await used(driver)
    assert (withdrawn.question, withdrawn.press, withdrawn.value) == (2, "withdraw", "2️⃣")


async def test_a_removed_reaction_withdraws_the_answer_that_it_gave(tmp_path: Path) -> None:
    async with DiscordServer() as server:
        ana, ben = (server.world.add_person(name).id for name in ("Ana Maria", "Ben"))
        rules = f"[[team.house.channels]]\nchannel = '{server.world.general.id}'\npolicy = {{quorum = 'all'}}\n"
        routes = "[[team.house.routes]]\nwords = ['database']\nto = ['@ana', '@ben']\n"
        people = f"[people.ana]\ndiscord = '{ana}'\n[people.ben]\ndiscord = '{ben}'\n"
        await _react_and_withdraw(tmp_path, server, f"\n{rules}{routes}{people}", ana)


async def _react_and_withdraw(folder: Path, server: DiscordServer, rules: str, ana: int) -> None:
    async with start_discord_bot(folder, more=rules, server=server) as bot:
        bot.say(f"{ME} choose a database for the shop")
        card = await bot.wait_card("Question")
        await bot.wait_for("asked this too")  # the card is known to be open once something was posted in its thread
        direct = bot.world.direct(ana).id
        bot.world.react(ana, card.id, "2️⃣")
        await bot.wait_for("You answered question 1: SQLite", direct)
        bot.world.unreact(ana, card.id, "2️⃣")
        await bot.wait_for("You withdrew your answer to question 1: SQLite", direct)
        assert "Answered" not in bot.card("Question").text
