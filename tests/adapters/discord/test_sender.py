"""Faults between a post and its response: nothing is lost, nothing is posted twice, nothing waits without limit."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest

from adapters.discord.client import DiscordEndpoints
from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.inbound import Author, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, Note
from orchestrator_bridge.chat.testing import RUN, closed, question
from tests.support.clock import ManualClock
from tests.support.fake_discord.fixture import DiscordDriver, discord_driver
from tests.support.fake_discord.server import ReceivedRequest
from tests.support.fake_discord.wire import THREAD

ANSWER = FinalAnswer(
    run=3, text="\n\n".join(f"Paragraph {number}. " + "words " * 60 for number in range(15)), how="One vote.", by="ana"
)


def edits(driver: DiscordDriver) -> int:
    return sum(request.method == "PATCH" and "/messages/" in request.path for request in driver.server.requests)


async def test_a_card_is_edited_only_when_it_looks_different() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(RUN)
        await driver.post(RUN, replaces=posted, key="now")
        assert edits(driver) == 1  # its reference has changed with the key
        await driver.post(RUN, replaces=posted, key="now")
        assert edits(driver) == 1
        await driver.post(replace(RUN, status="waiting"), replaces=posted, key="now")
        assert edits(driver) == 2


async def test_when_old_edits_are_limited_progress_is_dropped_and_a_final_state_waits() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(RUN)
        driver.server.faults.put("reject", code=30046)
        assert await driver.post(replace(RUN, status="waiting"), replaces=posted) == posted
        driver.server.faults.put("reject", code=30046)
        with pytest.raises(NotSent) as unsent:
            await driver.post(replace(RUN, status="finished", ended=True), replaces=posted)
        assert unsent.value.retry_after == 30.0


async def test_a_server_without_a_response_times_out() -> None:
    async with discord_driver(response_timeout=0.2) as driver:
        sending = driver.outbound(Note(text="hello?"), key="note")
        driver.server.faults.put("silence")
        with pytest.raises(SendUncertain):
            await driver.adapter.send(sending)
        assert await driver.adapter.find_sent(sending) is not None


@pytest.mark.parametrize("status", [503, 520])
async def test_a_server_error_is_uncertain_and_a_retry_posts_no_copy(status: int) -> None:
    async with discord_driver() as driver:
        sending = driver.outbound(Note(text="only once"), key="note")
        driver.server.faults.put("effect-error", status=status)
        with pytest.raises(SendUncertain):
            await driver.adapter.send(sending)
        await driver.adapter.send(sending)
        assert [message.content for message in driver.world.here(driver.channel.id)] == ["only once"]


async def test_a_request_repeated_by_the_library_posts_no_copy() -> None:
    async with discord_driver() as driver:
        driver.server.faults.put("effect-error", status=500)
        await driver.post(Note(text="only once"), key="note")
        assert [message.content for message in driver.world.here(driver.channel.id)] == ["only once"]


async def test_a_rate_limit_is_waited_out_without_another_request_and_holds_only_its_route() -> None:
    async with discord_driver() as driver:
        driver.server.faults.put("limit", seconds=0.01)
        await driver.post(Note(text="after a pause"))
        other = driver.world.add_channel("other")
        driver.server.faults.put("limit", seconds=600.0)
        limited = asyncio.create_task(driver.post(Note(text="later")))
        await driver.server.until(lambda: posts(driver, driver.channel.id) == 3)
        await driver.post(Note(text="elsewhere"), place=Place(platform="discord", channel=str(other.id)))
        assert not limited.done()
        assert posts(driver, driver.channel.id) == 3
        limited.cancel()


def posts(driver: DiscordDriver, channel: int) -> int:
    """Requests to post a message in a channel, refused ones included."""
    return sum(request.method == "POST" and request.path == f"/channels/{channel}/messages" for request in driver.server.requests)


async def test_a_post_to_an_unreachable_server_is_not_sent() -> None:
    async with discord_driver() as driver:
        client = driver.adapter._connection.client
        assert client is not None
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            DiscordEndpoints(api=f"http://127.0.0.1:{held.getsockname()[1]}/api/v10").apply_to(client)
            with pytest.raises(NotSent):
                await driver.post(Note(text="anybody there?"))


async def test_the_rest_of_an_answer_is_posted_after_what_arrived_of_it() -> None:
    async with discord_driver() as driver:
        run = await driver.post(RUN)
        sending = driver.outbound(ANSWER, place=driver.thread(run), key="final")
        seen = 0

        def third(asked: ReceivedRequest) -> bool:
            nonlocal seen
            seen += asked.writes
            return asked.writes and seen == 3

        driver.server.faults.put("refuse", third)
        with pytest.raises(SendUncertain, match="2 of"):
            await driver.adapter.send(sending)
        found = await driver.adapter.find_sent(sending)
        assert found is not None
        texts = [message.content for message in driver.world.here(int(run.thread or 0))]
        whole = "\n".join(texts)
        assert [whole.count(f"Paragraph {number}.") for number in range(15)] == [1] * 15
        assert whole.endswith("One vote.")
        assert found.message == str(driver.world.here(int(run.thread or 0))[0].id)


async def test_a_thread_that_could_not_be_opened_is_opened_later() -> None:
    clock = ManualClock()
    async with discord_driver(clock=clock) as driver:
        sending = driver.outbound(question(), key="question")
        driver.server.faults.put("refuse", lambda asked: asked.path.endswith("/threads"))
        asking = asyncio.create_task(driver.adapter.send(sending))
        await clock.armed_until(clock.now() + 1)
        clock.advance(1)
        await asking
        assert threads(driver) == 1
        assert await driver.adapter.find_sent(sending) is not None  # and again, with the thread that is there
        assert len(driver.world.here(driver.channel.id)) == 1


async def test_a_card_found_without_its_thread_gets_one() -> None:
    async with discord_driver() as driver:
        sending = driver.outbound(question(), key="question")
        driver.server.faults.put("lose", lambda asked: asked.path.endswith(f"/{driver.channel.id}/messages"))
        with pytest.raises(SendUncertain):
            await driver.adapter.send(sending)
        assert threads(driver) == 0
        assert await driver.adapter.find_sent(sending) is not None
        await driver.server.until(lambda: threads(driver) == 1)


def threads(driver: DiscordDriver) -> int:
    return [channel.kind for channel in driver.world.channels.values()].count(THREAD)


async def test_archived_and_locked_threads_are_reopened() -> None:
    async with discord_driver() as driver:
        run = await driver.post(RUN)
        thread = driver.world.channels[int(run.thread or 0)]
        await driver.say(driver.thread(run), "hello")
        said = await driver.next_event()
        assert isinstance(said, MessageReceived)
        thread.archived = True
        await driver.post(Acknowledgement(message=said.message, author=said.author, sign="taken"), place=driver.thread(run))
        assert driver.world.messages[int(said.message)].reactions == ["✅"]
        thread.locked = True
        await driver.post(Note(text="and a word"), place=driver.thread(run))
        assert driver.world.here(thread.id)[-1].content == "and a word"


async def test_a_locked_thread_that_may_not_be_reopened_is_reported_with_the_fix() -> None:
    async with discord_driver() as driver:
        run = await driver.post(RUN)
        thread = driver.world.channels[int(run.thread or 0)]
        thread.locked = True
        thread.forbidden.add("manage")
        with pytest.raises(SendRejected, match="townhall doctor"):
            await driver.post(Note(text="a word"), place=driver.thread(run))


async def test_a_question_is_closed_also_when_its_thread_is_archived() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(question())
        thread = driver.world.channels[int(posted.thread or 0)]
        thread.archived = thread.locked = True
        await driver.post(closed(question()), replaces=posted)
        (card,) = await driver.visible(driver.home)
        assert "Alice answered: SQLite" in card.text


async def test_a_post_to_something_deleted_is_rejected_with_the_reason() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(question())
        driver.world.delete(int(posted.message))
        with pytest.raises(SendRejected, match="the message was deleted"):
            await driver.post(closed(question()), replaces=posted)
        del driver.world.channels[int(posted.thread or 0)]
        driver.adapter._channels.forget(int(posted.thread or 0))
        driver.world.emit("THREAD_DELETE", {"id": posted.thread, "guild_id": "1000000000000000001", "parent_id": "1", "type": 11})
        del driver.world.channels[driver.channel.id]
        with pytest.raises(SendRejected, match="deleted, or I was removed"):
            await driver.post(Note(text="hello?"))


async def test_the_text_of_an_acknowledgement_is_a_direct_message() -> None:
    async with discord_driver() as driver:
        receipt = await a_receipt(driver, driver.person)
        assert driver.world.messages[int(receipt)].reactions == ["🚫"]
        (told,) = driver.world.here(driver.world.direct(driver.ana.id).id)
        assert told.content == "Question 2 is for Alice."


async def test_without_direct_messages_the_text_of_an_acknowledgement_is_in_the_thread() -> None:
    async with discord_driver() as driver:
        driver.ana.takes_direct = False
        receipt = await a_receipt(driver, driver.person)
        thread = driver.world.messages[int(receipt)].channel
        assert driver.world.here(thread)[-1].content == "Ana: Question 2 is for Alice."
        assert not await driver.notified()


async def a_receipt(driver: DiscordDriver, author: Author) -> str:
    posted = await driver.post(question())
    await driver.say(driver.thread(posted), "SQLite")
    said = await driver.next_event()
    assert isinstance(said, MessageReceived)
    sent: Any = Acknowledgement(message=said.message, author=author, sign="refused", text="Question 2 is for Alice.")
    await driver.post(sent, place=driver.thread(posted))
    return said.message


async def test_a_very_long_answer_comes_with_a_file() -> None:
    async with discord_driver() as driver:
        run = await driver.post(RUN)
        await driver.post(replace(ANSWER, text=ANSWER.text * 10), place=driver.thread(run))
        last = driver.world.here(int(run.thread or 0))[-1]
        assert [file["filename"] for file in last.attachments] == ["run-3-answer.md"]
        assert last.attachments[0]["text"] == ANSWER.text * 10


async def test_mentions_come_before_the_text_and_only_once() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(question(asked=driver.person))
        (card,) = driver.world.here(driver.channel.id)
        assert card.mentioning.strip().startswith(f"<@{driver.ana.id}> **skeptic** asks: Which database")
        await driver.post(closed(question(asked=driver.person)), replaces=posted)
        assert f"<@{driver.ana.id}>" not in card.mentioning


@pytest.mark.parametrize("code", [50035, 40005])
async def test_a_card_whose_form_is_refused_is_posted_in_a_plain_one(code: int) -> None:
    async with discord_driver() as driver:
        sending = driver.outbound(question(), key="question")
        driver.server.faults.put("reject", code=code)
        posted = await driver.adapter.send(sending)
        (message,) = driver.world.here(driver.channel.id)
        assert "Which database shall we take?" in message.text
        assert "Reply in words" in message.text
        assert await driver.adapter.find_sent(sending) == posted
        await driver.say(driver.thread(posted), "SQLite")
        assert (await driver.next_event()).place == driver.thread(posted)


async def test_an_answer_whose_file_is_too_large_is_posted_without_it_and_says_so() -> None:
    async with discord_driver() as driver:
        run = await driver.post(RUN)
        driver.server.faults.put("reject", lambda asked: bool((asked.body or {}).get("files")), code=40005)
        await driver.post(replace(ANSWER, text="A paragraph of words.\n\n" * 2000), place=driver.thread(run))
        assert "did not accept the attached file" in driver.world.here(int(run.thread or 0))[-1].content
