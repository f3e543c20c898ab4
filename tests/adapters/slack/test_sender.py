"""The bot's posts on Slack: the people notified, the names shown, the number of messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.slack.render import agent_emoji
from orchestrator_bridge.chat.adapter import SendUncertain
from orchestrator_bridge.chat.inbound import Author, Group, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, Note
from orchestrator_bridge.chat.testing import RUN, closed, question
from tests.support.fake_slack.fixture import SlackDriver, slack_driver
from tests.support.fake_slack.shown import raw_texts, words
from tests.support.fake_slack.state import ANA, CREW, GENERAL


@pytest.fixture
async def driver() -> AsyncIterator[SlackDriver]:
    async with slack_driver() as driver:
        yield driver


async def test_only_the_people_asked_and_their_groups_are_notified(driver: SlackDriver) -> None:
    alien = Author(platform="discord", id="42", name="Cy")
    broken = Author(platform="slack", id="U1> <!channel", name="Cy")
    card = replace(question(), mentions=(driver.person, alien, broken), groups=(Group(platform="slack", id=CREW, name="crew"),))
    await driver.post(card)
    assert await driver.notified() == {ANA, CREW}


async def test_a_notification_shows_a_whole_sentence(driver: SlackDriver) -> None:
    await driver.post(question())
    assert driver.card(2)["text"] == "skeptic asks you: Which database shall we take? 1. PostgreSQL, 2. SQLite."


async def test_agents_speak_under_their_own_names(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    said = await driver.post(Note(text="**I** propose a queue", speaker="architect"), place=driver.thread(run))
    message = driver.world.channels[GENERAL].messages[said.message]
    assert message["username"] == "architect"
    assert list(raw_texts(message)) == ["**I** propose a queue"]


@pytest.mark.parametrize("known", [True, False])
async def test_without_the_scope_for_names_the_agents_name_is_in_the_text(known: bool) -> None:
    async with slack_driver() as driver:
        driver.world.scopes = driver.world.scopes - {"chat:write.customize"}
        if known:
            await driver.adapter.stop()
            await driver.start()
        run = await driver.post(RUN)
        for text in ("first", "second"):
            said = await driver.post(Note(text=text, speaker="architect"), place=driver.thread(run))
            message = driver.world.channels[GENERAL].messages[said.message]
            assert "username" not in message
            assert words(message) == f"*architect*\n{text}"


async def test_a_run_asked_for_in_a_thread_has_its_own_thread_and_a_link(driver: SlackDriver) -> None:
    first = driver.server.people.say(ANA, GENERAL, "we should move")
    place = Place(platform="slack", channel=GENERAL, thread=first["ts"])
    run = await driver.post(RUN, place=place)
    assert run.thread == run.message != first["ts"]
    (pointer,) = await driver.visible(place)
    assert "Run 3 has started" in pointer.text
    assert run.message.replace(".", "") in str(driver.world.effects[-1].body["blocks"])


async def test_a_very_long_answer_is_a_file_too(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    answer = FinalAnswer(
        run=3, text="\n\n".join(f"Point {number}. " + "All in all. " * 30 for number in range(300)), how="", by="x"
    )
    await driver.post(answer, place=driver.thread(run))
    seen = await driver.visible(driver.thread(run))
    assert seen[0].text == "run-3-answer.md"
    assert "The whole answer is in the file run-3-answer.md" in seen[1].text
    assert driver.world.contents.popitem()[1].decode() == answer.text
    await driver.say(driver.thread(run), "the bot does not hear itself")
    said = await driver.next_event()
    assert isinstance(said, MessageReceived)
    assert said.author.id == ANA


async def test_a_card_is_edited_only_when_something_has_changed(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    newer = replace(RUN, status="finished")
    for card in (newer, newer, RUN, RUN):
        await driver.post(card, replaces=run)
    assert driver.server.count("chat.update") == 2


async def test_acknowledgements_are_reactions_and_late_replies_are_answered_in_the_thread(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    await driver.say(driver.thread(asked), "SQLite")
    said = await driver.next_event()
    assert isinstance(said, MessageReceived)
    for sign in ("taken", "taken", "late"):
        receipt = Acknowledgement(
            message=said.message, author=said.author, sign=sign, text="" if sign == "taken" else "It has ended."
        )
        await driver.post(receipt, place=driver.thread(asked))
    assert driver.world.channels[GENERAL].messages[said.message]["reactions"] == ["white_check_mark", "hourglass"]
    assert [message.text for message in await driver.visible(driver.thread(asked))] == ["It has ended."]


async def test_an_answer_to_a_late_reply_whose_response_was_lost_is_found(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    await driver.say(driver.thread(asked), "SQLite")
    said = await driver.next_event()
    assert isinstance(said, MessageReceived)
    receipt = Acknowledgement(message=said.message, author=said.author, sign="late", text="It has ended.")
    sending = driver.outbound(receipt, place=driver.thread(asked), key="receipt-1")
    assert await driver.adapter.find_sent(sending) is None
    driver.server.faults.put("lose", "chat.postMessage")
    with pytest.raises(SendUncertain):
        await driver.adapter.send(sending)
    found = await driver.adapter.find_sent(sending)
    assert found is not None
    assert found.message == said.message


async def test_an_invalid_reply_is_answered_to_its_author_alone(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    await driver.say(driver.thread(asked), "hm")
    said = await driver.next_event()
    assert isinstance(said, MessageReceived)
    receipt = Acknowledgement(message=said.message, author=said.author, sign="refused", text="I need a number.")
    await driver.post(receipt, place=driver.thread(asked))
    assert [(message["to"], words(message)) for message in driver.world.ephemeral] == [(ANA, "I need a number.")]


def test_no_two_agents_of_a_team_share_an_icon() -> None:
    team = [f"agent{number}" for number in range(16)]
    assert len({agent_emoji(name, number) for number, name in enumerate(team)}) == len(team)


async def test_a_closed_card_promises_nothing_about_late_replies(driver: SlackDriver) -> None:
    await driver.post(closed(question()))
    (seen,) = await driver.visible(driver.home)
    assert "late" not in seen.text
