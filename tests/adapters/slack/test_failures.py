"""Each way in which a request to Slack can fail, and the effect on posts and reads."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.slack.api import ADVICE
from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.inbound import MessageReceived, Place
from orchestrator_bridge.chat.outbound import Acknowledgement, Note, PrivateReply
from orchestrator_bridge.chat.testing import RUN, closed, long_answer, question
from tests.support.fake_slack.fixture import SlackDriver, slack_driver
from tests.support.fake_slack.shown import notified, words
from tests.support.fake_slack.state import ANA, BEN, GENERAL


@pytest.fixture
async def driver() -> AsyncIterator[SlackDriver]:
    async with slack_driver() as driver:
        yield driver


def posted(driver: SlackDriver) -> list[str]:
    """The markers of all posts."""
    marks = [effect.body["metadata"]["event_payload"]["key"] for effect in driver.world.effects if effect.body.get("metadata")]
    return [mark for mark, effect in zip(marks, driver.world.effects, strict=False) if effect.what == "post"]


@pytest.mark.parametrize("name", ["channel_not_found", "not_in_channel", "is_archived", "missing_scope", "some_new_error"])
async def test_a_permanent_error_is_rejected_with_its_name_and_the_fix(driver: SlackDriver, name: str) -> None:
    driver.server.faults.put("error", name=name)
    with pytest.raises(SendRejected, match=rf"chat\.postMessage \({name}\): \w+"):
        await driver.post(RUN)


@pytest.mark.parametrize("name", [*ADVICE, "some_new_error"])
async def test_people_read_the_reason_of_a_permanent_error_without_names_of_settings(driver: SlackDriver, name: str) -> None:
    for _ in range(4):  # some errors are answered with simpler forms first
        driver.server.faults.put("error", name=name)
    with pytest.raises(SendRejected) as rejected:
        await driver.post(Note(text="hello"))
    reason = rejected.value.reason
    assert " " in reason
    assert re.search(rf"{name}|chat\.|townhall|\.toml|SLACK_|api\.slack|scope|docs\.", reason) is None


async def test_a_missing_scope_is_named(driver: SlackDriver) -> None:
    driver.server.faults.put("error", name="missing_scope", also={"needed": "chat:write"})
    with pytest.raises(SendRejected, match=r"needed: chat:write"):
        await driver.post(RUN)


async def test_an_edit_of_a_deleted_message_is_rejected(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    del driver.world.channels[GENERAL].messages[run.message]
    with pytest.raises(SendRejected, match="message_not_found"):
        await driver.post(replace(RUN, status="finished"), replaces=run)


@pytest.mark.parametrize("name", ["token_revoked", "invalid_auth", "account_inactive"])
async def test_a_revoked_token_leaves_posts_waiting(driver: SlackDriver, name: str) -> None:
    driver.server.faults.put("error", name=name)
    with pytest.raises(NotSent, match="SLACK_BOT_TOKEN") as waiting:
        await driver.post(RUN)
    assert waiting.value.retry_after == 60


async def test_a_rate_limit_is_left_to_the_outbox_with_its_delay(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    newer = driver.outbound(replace(RUN, status="finished"), replaces=run)
    receipt = driver.outbound(Acknowledgement(message=run.message, author=driver.person, sign="taken"), place=driver.thread(run))
    for method, sending in (("chat.postMessage", driver.outbound(RUN)), ("chat.update", newer), ("reactions.add", receipt)):
        driver.server.faults.put("limit", method, seconds=17)
        with pytest.raises(NotSent) as waiting:
            await driver.adapter.send(sending)
        assert waiting.value.retry_after == 17
        assert driver.server.count(method) == 1 + (method == "chat.postMessage")


@pytest.mark.parametrize("trouble", ["lose", "silence"])
async def test_a_post_whose_response_was_lost_is_uncertain_and_is_found(trouble: str) -> None:
    async with slack_driver(response_timeout=2.0) as driver:
        sending = driver.outbound(RUN, key="run:3:card")
        driver.server.faults.put("lose" if trouble == "lose" else "silence")
        with pytest.raises(SendUncertain):
            await driver.adapter.send(sending)
        assert posted(driver) == ["run:3:card"]
        found = await driver.adapter.find_sent(sending)
        assert found is not None
        assert posted(driver) == ["run:3:card"]


@pytest.mark.parametrize("trouble", ["down", "cut"])
async def test_a_post_that_did_not_arrive_is_uncertain_and_not_found(driver: SlackDriver, trouble: str) -> None:
    sending = driver.outbound(RUN, key="run:3:card")
    driver.server.faults.put("down" if trouble == "down" else "cut")
    with pytest.raises(SendUncertain):
        await driver.adapter.send(sending)
    assert driver.server.count("chat.postMessage") == 1
    assert await driver.adapter.find_sent(sending) is None


@pytest.mark.parametrize("name", ["internal_error", "fatal_error"])
async def test_slacks_internal_errors_are_uncertain(driver: SlackDriver, name: str) -> None:
    driver.server.faults.put("error", name=name)
    with pytest.raises(SendUncertain):
        await driver.post(RUN)


async def test_an_interrupted_long_answer_is_continued_where_it_stopped(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    sending = driver.outbound(long_answer(), place=driver.thread(run), key="run:3:final")
    driver.server.faults.plan = lambda asked: None
    driver.server.faults.put("slow", "chat.postMessage")
    driver.server.faults.put("limit", "chat.postMessage", seconds=0)
    with pytest.raises(SendUncertain):
        await driver.adapter.send(sending)
    first = await driver.adapter.find_sent(sending)
    again = await driver.adapter.find_sent(sending)
    assert first == again
    assert posted(driver)[1:] == ["run:3:final", "run:3:final#2", "run:3:final#3"]


async def test_a_card_is_found_though_the_clocks_are_minutes_apart(driver: SlackDriver) -> None:
    driver.world.clock = lambda: 1_795_000_000.0
    sending = replace(driver.outbound(RUN, key="run:3:card"), since=1_795_000_000.0 + 600)
    posted_card = await driver.adapter.send(sending)
    assert await driver.adapter.find_sent(sending) == posted_card


async def test_a_card_is_found_behind_many_messages(driver: SlackDriver) -> None:
    sending = driver.outbound(RUN, key="run:3:card")
    card = await driver.adapter.send(sending)
    for number in range(450):
        driver.server.people.say(BEN, GENERAL, f"chatter {number}", delivered=False)
    assert await driver.adapter.find_sent(sending) == card


async def test_a_thread_of_many_replies_is_read_whole(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    for number in range(450):
        driver.server.people.say(BEN, GENERAL, f"reply {number}", asked.thread, delivered=False)
    read = await driver.adapter.read_thread(driver.thread(asked), asked.at)
    assert [item.text for item in read] == [f"reply {number}" for number in range(450)]


async def test_reads_are_repeated_after_a_broken_connection_and_writes_are_not(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    driver.server.faults.put("cut", "conversations.replies")
    assert await driver.adapter.read_thread(driver.thread(asked), asked.at) == []
    assert driver.server.count("conversations.replies") == 2


async def test_a_deleted_thread_is_rejected(driver: SlackDriver) -> None:
    with pytest.raises(SendRejected, match="thread_not_found"):
        await driver.adapter.read_thread(Place(platform="slack", channel=GENERAL, thread="1.000001"), 0)


async def test_a_private_reply_waits_out_a_rate_limit(driver: SlackDriver) -> None:
    await driver.command("runs", "")
    heard = await driver.next_event()
    driver.server.faults.put("limit", "chat.postEphemeral", seconds=0)
    await driver.adapter.reply_privately(heard, PrivateReply(text="after all"))
    assert words(driver.world.ephemeral[-1]) == "after all"


async def test_a_file_is_downloaded_only_from_where_the_token_may_be_sent(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    file = {"id": "F1", "name": "x.png", "mimetype": "image/png", "size": 3}
    driver.world.files["F1"] = {**file, "url_private_download": "https://evil.example/x.png"}
    driver.server.people.say(ANA, GENERAL, "see", run.thread, files=[file])
    said = await driver.next_event()
    assert isinstance(said, MessageReceived)
    with pytest.raises(SendRejected, match="is not stored on Slack"):
        await driver.adapter.fetch(said.attachments[0])


async def test_no_error_contains_a_token(driver: SlackDriver) -> None:
    driver.server.faults.put("error", name="invalid_auth")
    with pytest.raises(NotSent) as waiting:
        await driver.post(RUN)
    assert "xoxb" not in str(waiting.value)
    assert not notified({"text": str(waiting.value)})


async def test_while_slack_asks_for_a_pause_no_thread_of_the_channel_makes_a_request(driver: SlackDriver) -> None:
    driver.server.faults.put("limit", "chat.postMessage", seconds=30)
    for _ in range(3):
        with pytest.raises(NotSent) as unsent:
            await driver.post(RUN)
        assert 25 < (unsent.value.retry_after or 0) <= 30
    assert driver.server.count("chat.postMessage") == 1


async def test_a_card_is_closed_once_the_bot_is_back_in_its_channel(driver: SlackDriver) -> None:
    posted = await driver.post(question())
    driver.server.faults.put("error", "chat.update", name="not_in_channel")
    closing = driver.outbound(closed(question()), key="closing", replaces=posted)
    with pytest.raises(NotSent):
        await driver.adapter.send(replace(closing, since=time.time()))
    await driver.adapter.send(closing)
    (seen,) = await driver.visible(driver.home)
    assert "Alice answered" in seen.text
