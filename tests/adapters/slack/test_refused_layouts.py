"""Messages whose layout Slack refuses: they are sent in a form that it takes, and the reader learns of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from orchestrator_bridge.chat.outbound import FinalAnswer, Note
from orchestrator_bridge.chat.testing import RUN, question
from tests.support.fake_slack.fixture import SlackDriver, slack_driver

SECTION = "## Step {number}\n\nDo this first.\n\n- one\n- two\n\n```\nmake {number}\n```\n\n"
MANY_ELEMENTS = "".join(SECTION.format(number=number) for number in range(15))


@pytest.fixture
async def driver() -> AsyncIterator[SlackDriver]:
    async with slack_driver() as driver:
        yield driver


def answer(text: str) -> FinalAnswer:
    return FinalAnswer(run=3, text=text, how="One vote.", by="skeptic")


async def test_an_answer_of_many_elements_takes_several_messages_that_begin_with_headings(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    await driver.post(answer(MANY_ELEMENTS), place=driver.thread(run))
    seen = [message.text for message in await driver.visible(driver.thread(run))]
    assert len(seen) > 1
    assert all("## Step" in text.split("Do this")[0] for text in seen), seen
    assert all(f"Step {number}\n" in "\n".join(seen) for number in range(15))


@pytest.mark.parametrize("error", ["invalid_blocks", "msg_blocks_too_long", "msg_too_long"])
@pytest.mark.parametrize("refusals", [1, 2])
async def test_a_refused_answer_is_sent_as_plain_text(driver: SlackDriver, error: str, refusals: int) -> None:
    run = await driver.post(RUN)
    for _ in range(refusals):
        driver.server.faults.put("error", "chat.postMessage", name=error)
    await driver.post(answer("# Take **SQLite**"), place=driver.thread(run))
    (seen,) = await driver.visible(driver.thread(run))
    assert "Take **SQLite**" in seen.text
    assert "One vote." in seen.text
    assert "shown as plain text" in seen.text


async def test_a_refused_text_that_is_too_long_for_one_message_is_attached_as_a_file(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    for _ in range(2):
        driver.server.faults.put("error", "chat.postMessage", name="invalid_blocks")
    long = "All in all. " * 500
    await driver.post(answer(long), place=driver.thread(run))
    assert long.strip() in driver.world.contents.popitem()[1].decode()


async def test_a_refused_question_is_asked_in_plain_text_and_answered_by_typing(driver: SlackDriver) -> None:
    driver.server.faults.put("error", "chat.postMessage", name="invalid_blocks")
    posted = await driver.post(question())
    (seen,) = await driver.visible(driver.home)
    assert "Which database shall we take?" in seen.text
    assert "SQLite" in seen.text
    await driver.say(driver.thread(posted), "2")
    assert (await driver.next_event()).place == driver.thread(posted)


async def test_a_refused_edit_of_a_card_is_made_in_plain_text(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    driver.server.faults.put("error", "chat.update", name="invalid_blocks")
    await driver.post(replace(RUN, status="finished"), replaces=run)
    (seen,) = await driver.visible(driver.home)
    assert "finished" in seen.text
    assert "shown as plain text" in seen.text


async def test_a_note_of_an_agent_may_be_long_and_rich(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    await driver.post(Note(text=MANY_ELEMENTS, speaker="skeptic"), place=driver.thread(run))
    assert len(await driver.visible(driver.thread(run))) > 1
