"""Contract of delivery: a failure is reported by its kind, and no post is lost or doubled; start and stop."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.outbound import Note, PrivateReply
from orchestrator_bridge.chat.testing.driver import RUN, PlatformDriver, needs


async def times_visible(driver: PlatformDriver, text: str) -> int:
    """Count how often people see a text in the channel."""
    return sum(message.text.count(text) for message in await driver.visible(driver.home))


class DeliveryContract:
    """Tests of failures."""

    @needs("fail_next")
    async def test_a_failed_post_is_not_sent_and_arrives_once_when_retried(self, driver: PlatformDriver) -> None:
        outbound = driver.outbound(Note(text="only once"))
        await driver.fail_next()
        with pytest.raises(NotSent):
            await driver.adapter.send(outbound)
        assert await times_visible(driver, "only once") == 0
        await driver.adapter.send(outbound)
        assert await times_visible(driver, "only once") == 1

    @needs("reject_next")
    async def test_a_refused_post_is_rejected_with_the_reason(self, driver: PlatformDriver) -> None:
        await driver.reject_next()
        with pytest.raises(SendRejected, match=r"\w+ \w+"):
            await driver.post(Note(text="never"))
        assert await times_visible(driver, "never") == 0

    @needs("lose_confirmation", "history")
    async def test_a_post_whose_confirmation_was_lost_is_uncertain_and_can_be_found(self, driver: PlatformDriver) -> None:
        outbound = driver.outbound(RUN, key="run-card-3")
        await driver.lose_confirmation()
        with pytest.raises(SendUncertain):
            await driver.adapter.send(outbound)
        found = await driver.adapter.find_sent(outbound)
        assert found is not None
        assert found.thread is not None
        assert await times_visible(driver, RUN.task) == 1

    @needs("lose_confirmation", "history")
    async def test_the_card_of_a_next_turn_whose_confirmation_was_lost_is_found_again(self, driver: PlatformDriver) -> None:
        first = await driver.post(RUN)
        card = replace(RUN, run=8, task="Which backup?", continues=3)
        await driver.lose_confirmation()
        with pytest.raises(SendUncertain):
            await driver.post(card, place=driver.thread(first), key="turn")
        found = await driver.adapter.find_sent(driver.outbound(card, place=driver.thread(first), key="turn"))
        assert found is not None
        assert found.thread == first.thread

    @needs("history")
    async def test_a_post_that_was_never_sent_is_not_found(self, driver: PlatformDriver) -> None:
        await driver.post(RUN, key="one")
        assert await driver.adapter.find_sent(driver.outbound(RUN, key="another")) is None

    @needs("history")
    async def test_messages_of_a_thread_are_read_with_the_keys_of_their_events(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "first")
        await driver.say(driver.thread(run), "second")
        events = [await driver.next_event(), await driver.next_event()]
        read = await driver.adapter.read_thread(driver.thread(run), run.at)
        assert [message.key for message in read] == [event.key for event in events]

    @needs("history", "edit")
    async def test_an_edited_message_is_read_in_its_current_version(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "first")
        await driver.edit("second thoughts")
        events = [await driver.next_event(), await driver.next_event()]
        (read,) = await driver.adapter.read_thread(driver.thread(run), run.at)
        assert (read.key, read.text) == (events[1].key, "second thoughts")

    @needs("history", "delete_message")
    async def test_a_deleted_message_is_not_read(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "first")
        await driver.say(driver.thread(run), "second")
        await driver.delete_message()
        read = await driver.adapter.read_thread(driver.thread(run), run.at)
        assert [message.text for message in read] == ["first"]

    @needs("history", "fail_next_read")
    async def test_a_thread_that_cannot_be_read_is_not_reported_as_empty(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "first")
        await driver.fail_next_read()
        with pytest.raises(NotSent):
            await driver.adapter.read_thread(driver.thread(run), run.at)

    @needs("fail_next")
    async def test_a_failed_private_reply_raises_nothing(self, driver: PlatformDriver) -> None:
        await driver.command("runs", "")
        event = await driver.next_event()
        await driver.fail_next()
        await driver.adapter.reply_privately(event, PrivateReply(text="nobody sees this"))
        await driver.adapter.reply_privately(event, PrivateReply(text="but this"))
        assert await times_visible(driver, "but this") == 1


class LifecycleContract:
    """Tests of start and stop."""

    async def test_stopping_leaves_no_task_and_can_be_repeated(self, driver: PlatformDriver) -> None:
        await driver.adapter.stop()
        before = asyncio.all_tasks()
        await driver.start()
        await driver.post(RUN)
        await driver.adapter.stop()
        await driver.adapter.stop()
        assert asyncio.all_tasks() <= before

    async def test_a_stopped_adapter_sends_nothing_and_raises(self, driver: PlatformDriver) -> None:
        await driver.command("runs", "")
        event = await driver.next_event()
        await driver.adapter.stop()
        with pytest.raises(NotSent):
            await driver.post(Note(text="too late"))
        await driver.adapter.reply_privately(event, PrivateReply(text="too late"))

    async def test_a_stopped_adapter_can_be_started_again(self, driver: PlatformDriver) -> None:
        await driver.adapter.stop()
        await driver.start()
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "still there?")
        event = await driver.next_event()
        assert event.place.thread == run.thread

    async def test_message_ids_are_unique_across_restarts(self, driver: PlatformDriver) -> None:
        first = await driver.post(Note(text="one"))
        await driver.adapter.stop()
        await driver.start()
        second = await driver.post(Note(text="two"))
        assert first.message != second.message
