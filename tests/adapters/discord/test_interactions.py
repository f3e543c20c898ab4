"""Buttons, selects, modals and confirmations: stored, acknowledged, then answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from adapters.discord.components import MAX_BUTTONS, MAX_LABEL, DiscordControl
from orchestrator_bridge.chat.inbound import Author, CommandReceived, ControlUsed, InboundEvent
from orchestrator_bridge.chat.outbound import CardOption, Confirmation, PrivateReply, QuestionCard, Table
from orchestrator_bridge.chat.testing import question
from tests.support.fake_discord.fixture import DiscordDriver, discord_driver

LITE = DiscordControl(kind="option", number=2, value="lite").id
WRITE = DiscordControl(kind="write", number=2).id


def many(count: int) -> tuple[CardOption, ...]:
    return tuple(CardOption(id=f"o{number}", label=f"Option {number} " + "of many words" * 5) for number in range(count))


async def test_a_few_options_are_buttons_that_a_phone_can_show() -> None:
    async with discord_driver() as driver:
        await driver.post(replace(question(), options=many(MAX_BUTTONS)))
        (card,) = driver.world.here(driver.channel.id)
        labels = [str(control["label"]) for control in card.controls]
        assert labels[MAX_BUTTONS:] == ["Write an answer", "Not me", "More time"]
        assert all(len(label) <= MAX_LABEL for label in labels)
        assert [label[:1] for label in labels[:MAX_BUTTONS]] == ["1", "2", "3", "4", "5"]


async def test_many_options_are_a_select() -> None:
    async with discord_driver() as driver:
        await driver.post(replace(question(), options=many(MAX_BUTTONS + 1)))
        pick = DiscordControl(kind="select", number=2).id
        held = driver.message_with(pick)
        assert held is not None
        assert len(held.controls[0]["options"]) == MAX_BUTTONS + 1
        driver.click(pick, values=["o3"])
        heard = await driver.next_event()
        assert isinstance(heard, ControlUsed)
        assert (heard.press, heard.value) == ("option", "o3")


@asynccontextmanager
async def busy_store(acknowledge_within: float) -> AsyncIterator[tuple[DiscordDriver, list[InboundEvent], asyncio.Event]]:
    """A driver whose events arrive and are stored once `free` is set."""
    async with discord_driver(acknowledge_within=acknowledge_within) as driver:
        received: list[InboundEvent] = []
        free = asyncio.Event()

        async def busy(heard: InboundEvent) -> None:
            received.append(heard)
            driver.server.ring()
            await free.wait()
            await driver._receive(heard)

        await driver.adapter.stop()
        await driver.adapter.start(busy)
        await driver.post(question())
        yield driver, received, free


def first_response(driver: DiscordDriver, interaction: str) -> Any:
    """The bot's first response to an interaction."""
    return next(known["answer"] for known in driver.world.interactions.values() if known["id"] == interaction)


async def test_a_click_is_acknowledged_once_it_is_stored() -> None:
    async with busy_store(acknowledge_within=60) as (driver, received, free):
        interaction = driver.click(LITE)
        await driver.server.until(lambda: received)
        assert first_response(driver, interaction) is None
        free.set()
        await driver.server.until(lambda: driver.answer_to(interaction))
        assert await driver.next_event() == received[0]


async def test_a_click_that_takes_long_to_store_is_acknowledged_as_not_stored_yet() -> None:
    async with busy_store(acknowledge_within=0.01) as (driver, _, free):
        interaction = driver.click(LITE)
        await answered(driver, interaction, "Received, but not stored yet")
        assert first_response(driver, interaction)["type"] == 4
        free.set()
        await answered(driver, interaction, "Received and stored.")


async def test_a_slow_click_that_cannot_be_stored_says_so() -> None:
    async with busy_store(acknowledge_within=0.01) as (driver, _, free):
        interaction = driver.click(LITE)
        await answered(driver, interaction, "not stored yet")
        driver.fail_next_store()
        free.set()
        await answered(driver, interaction, "could not store")


async def test_a_click_that_could_not_be_stored_says_so() -> None:
    async with discord_driver() as driver:
        await driver.post(question())
        driver.fail_next_store()
        interaction = driver.click(LITE)
        await answered(driver, interaction, "try again")


async def answered(driver: DiscordDriver, interaction: str, text: str) -> None:
    def there() -> bool:
        message = driver.answer_to(interaction)
        return message is not None and text in message.text

    await driver.server.until(there)
    message = driver.answer_to(interaction)
    assert message is not None
    assert message.private_to == driver.ana.id


async def test_the_answer_to_a_click_replaces_the_acknowledgement_and_is_private() -> None:
    async with discord_driver() as driver:
        await driver.post(question())
        interaction = driver.click(LITE)
        heard = await driver.next_event()
        await driver.adapter.reply_privately(heard, PrivateReply(text="You answered question 2: SQLite"))
        await answered(driver, interaction, "You answered question 2")
        await driver.adapter.reply_privately(heard, PrivateReply(text="And something else"))
        private = [message.content for message in driver.world.here(driver.channel.id) if message.private_to]
        assert private == ["You answered question 2: SQLite", "And something else"]


async def test_after_a_restart_buttons_work_and_an_old_click_is_answered_directly() -> None:
    async with discord_driver() as driver:
        await driver.post(question())
        driver.click(LITE)
        before = await driver.next_event()
        await driver.adapter.stop()
        later = DiscordDriver(driver.server)
        await later.start()
        try:
            later.click(LITE)
            heard = await later.next_event()
            assert isinstance(heard, ControlUsed)
            assert (heard.question, heard.value) == (2, "lite")
            await later.adapter.reply_privately(before, PrivateReply(text="Too late: it was answered"))
            direct = driver.world.direct(driver.ana.id).id
            assert [message.content for message in driver.world.here(direct)] == ["Too late: it was answered"]
        finally:
            await later.adapter.stop()


async def test_a_modal_is_the_first_response_and_shows_the_question() -> None:
    async with discord_driver() as driver:
        await driver.post(question())
        driver.fail_next_store()  # nothing is stored to open a form
        driver.click(WRITE)
        await driver.server.until(lambda: driver.world.modals)
        modal = driver.world.modals[0]
        assert modal["title"] == "Answer question 2"
        assert modal["components"][0]["description"] == "Which database shall we take?"


async def test_a_modal_can_be_submitted_after_a_restart() -> None:
    async with discord_driver() as driver:
        await driver.post(question())
        driver.click(WRITE)
        await driver.server.until(lambda: driver.world.modals)
        await driver.adapter.stop()
        later = DiscordDriver(driver.server)
        await later.start()
        try:
            later.submit(driver.world.modals[0], "let's go with staging, please")
            heard = await later.next_event()
            assert isinstance(heard, ControlUsed)
            assert (heard.question, heard.press, heard.value) == (2, "write", "let's go with staging, please")
        finally:
            await later.adapter.stop()


async def test_a_confirmation_gives_the_command_that_it_asks_about_once() -> None:
    async with discord_driver() as driver:
        await driver.command("model", "grok-4.1-fast")
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        offer = Confirmation(label="Take it anyway", name="model", text="grok-4.1-fast", options=(("sure", "yes"),))
        await driver.adapter.reply_privately(heard, PrivateReply(text="It is retired; grok-4.3 answers.", confirm=offer))
        yes = DiscordControl(kind="confirm", number=int(heard.interaction)).id
        message = driver.message_with(yes)
        driver.click(yes)
        confirmed = await driver.next_event()
        assert isinstance(confirmed, CommandReceived)
        assert (confirmed.name, confirmed.text, confirmed.options) == ("model", "grok-4.1-fast", (("sure", "yes"),))
        assert confirmed.key != heard.key
        again = driver.click(yes, message=message)
        await answered(driver, again, "give the command again")


async def test_not_me_asks_for_another_person_and_delegates_to_the_one_selected() -> None:
    async with discord_driver() as driver:
        ben = driver.world.add_person("Ben")
        await driver.post(question())
        hand = DiscordControl(kind="delegate", number=2)
        await driver.click_through("decline", hand, [str(ben.id)])
        heard = await driver.next_event()
        assert isinstance(heard, ControlUsed)
        assert (heard.press, heard.question, heard.value) == ("pass", 2, str(ben.id))
        assert heard.to == Author(platform="discord", id=str(ben.id), name="Ben")
        assert driver.world.people[ben.id].name not in "".join(driver.world.notified())


async def test_a_question_is_not_delegated_to_a_bot() -> None:
    async with discord_driver() as driver:
        robot = driver.world.add_person("Robot", bot=True)
        await driver.post(question())
        clicked = await driver.click_through("decline", DiscordControl(kind="delegate", number=2), [str(robot.id)])
        await answered(driver, clicked, "Only people can answer")
        driver.click(LITE)
        heard = await driver.next_event()
        assert isinstance(heard, ControlUsed)
        assert heard.press == "option"


# Open questions, privately ------------------------------------------------------------------------------------------------


async def asks_for_questions(driver: DiscordDriver, *cards: QuestionCard) -> str:
    """Ana asks for the open questions, and gets these. Returns the id of the interaction."""
    await driver.command("questions", "")
    heard = await driver.next_event()
    assert isinstance(heard, CommandReceived)
    rows = tuple((str(card.question), card.text) for card in cards)
    table = Table(columns=("question", "what"), rows=rows, title="Open questions", cards=cards)
    await driver.adapter.reply_privately(heard, PrivateReply(text="", tables=(table,)))
    return heard.interaction


async def test_the_only_open_question_is_shown_with_everything_that_can_be_done_about_it() -> None:
    async with discord_driver() as driver:
        ana = Author(platform="discord", id=driver.person.id, name="Ana")
        answer = driver.answer_to(await asks_for_questions(driver, question(asked=ana)))
        assert answer is not None
        labels = [str(control["label"]) for control in answer.controls]
        assert labels[-4:] == ["Write an answer", "Not me", "More time", "Cancel question"]
        assert answer.private_to == driver.ana.id
        assert list(driver.world.notified()) == []
        driver.click(LITE, message=answer)
        heard = await driver.next_event()
        assert isinstance(heard, ControlUsed)
        assert (heard.question, heard.value) == (2, "lite")


async def test_one_of_several_open_questions_is_selected_from_a_list_and_can_be_cancelled() -> None:
    async with discord_driver() as driver:
        await asks_for_questions(driver, question(2), question(7))
        driver.click(DiscordControl(kind="view", number=0).id, values=["7"])
        picked = await driver.next_event()
        assert isinstance(picked, CommandReceived)
        assert (picked.name, picked.text) == ("questions", "7")
        await driver.adapter.reply_privately(
            picked, PrivateReply(text="", tables=(Table(columns=("",), rows=(("7",),), cards=(question(7),)),))
        )
        close = DiscordControl(kind="cancel", number=7)
        await driver.server.until(lambda: driver.message_with(close.id))
        driver.click(close.id)
        closed = await driver.next_event()
        assert isinstance(closed, CommandReceived)
        assert (closed.name, closed.text) == ("questions", "7 cancel")


@pytest.mark.parametrize("custom_id", ["somebody-elses", "th:z:2", "th:o:x:y", "th:o:"])
async def test_controls_of_other_apps_are_ignored(custom_id: str) -> None:
    async with discord_driver() as driver:
        await driver.post(question())
        (card,) = driver.world.here(driver.channel.id)
        driver.click(custom_id, message=card)
        driver.click(LITE)
        heard = await driver.next_event()
        assert isinstance(heard, ControlUsed)
        assert heard.value == "lite"
