"""The contract of adapters: a sending that goes wrong says how, and is neither lost nor doubled."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.outbound import Note, PrivateReply
from orchestrator_bridge.chat.testing.driver import RUN, PlatformDriver, needs


async def times_seen(driver: PlatformDriver, text: str) -> int:
    return sum(seen.text.count(text) for seen in await driver.visible(driver.home))


class DeliveryContract:
    @needs("fail_next")
    async def test_a_failed_sending_is_unsent_and_arrives_once_when_tried_again(self, driver: PlatformDriver) -> None:
        sending = driver.outbound(Note(text="only once"))
        await driver.fail_next()
        with pytest.raises(NotSent):
            await driver.adapter.send(sending)
        assert await times_seen(driver, "only once") == 0
        await driver.adapter.send(sending)
        assert await times_seen(driver, "only once") == 1

    @needs("reject_next")
    async def test_a_refused_sending_is_rejected_with_the_reason(self, driver: PlatformDriver) -> None:
        await driver.reject_next()
        with pytest.raises(SendRejected, match=r"\w+ \w+"):
            await driver.post(Note(text="never"))
        assert await times_seen(driver, "never") == 0

    @needs("lose_confirmation", "history")
    async def test_a_sending_whose_confirmation_was_lost_is_doubtful_and_can_be_found(self, driver: PlatformDriver) -> None:
        sending = driver.outbound(RUN, key="run-card-3")
        await driver.lose_confirmation()
        with pytest.raises(SendUncertain):
            await driver.adapter.send(sending)
        found = await driver.adapter.find_sent(sending)
        assert found is not None
        assert found.thread is not None
        assert await times_seen(driver, RUN.task) == 1

    @needs("history")
    async def test_what_was_never_sent_is_not_found(self, driver: PlatformDriver) -> None:
        await driver.post(RUN, key="one")
        assert await driver.adapter.find_sent(driver.outbound(RUN, key="another")) is None

    @needs("history")
    async def test_what_was_said_in_a_thread_can_be_read_again_under_the_same_key(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "first")
        await driver.say(driver.thread(run), "second")
        heard = [await driver.next_event(), await driver.next_event()]
        read = await driver.adapter.read_thread(driver.thread(run), run.at)
        assert [said.key for said in read] == [said.key for said in heard]

    @needs("history", "edit")
    async def test_what_was_edited_is_read_as_it_now_stands_under_the_key_of_its_edit(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "first")
        await driver.edit("second thoughts")
        heard = [await driver.next_event(), await driver.next_event()]
        (read,) = await driver.adapter.read_thread(driver.thread(run), run.at)
        assert (read.key, read.text) == (heard[1].key, "second thoughts")

    @needs("history", "delete_message")
    async def test_what_was_deleted_is_read_no_more(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "first")
        await driver.say(driver.thread(run), "second")
        await driver.delete_message()
        read = await driver.adapter.read_thread(driver.thread(run), run.at)
        assert [said.text for said in read] == ["first"]

    @needs("history", "fail_next_read")
    async def test_a_thread_that_cannot_be_read_is_not_said_to_be_empty(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "first")
        await driver.fail_next_read()
        with pytest.raises(NotSent):
            await driver.adapter.read_thread(driver.thread(run), run.at)

    @needs("fail_next")
    async def test_telling_never_raises(self, driver: PlatformDriver) -> None:
        await driver.command("runs", "")
        heard = await driver.next_event()
        await driver.fail_next()
        await driver.adapter.reply_privately(heard, PrivateReply(text="nobody sees this"))
        await driver.adapter.reply_privately(heard, PrivateReply(text="but this"))
        assert await times_seen(driver, "but this") == 1


class LifecycleContract:
    async def test_stopping_leaves_no_task_behind_and_does_no_harm_again(self, driver: PlatformDriver) -> None:
        await driver.adapter.stop()
        before = asyncio.all_tasks()
        await driver.start()
        await driver.post(RUN)
        await driver.adapter.stop()
        await driver.adapter.stop()
        assert asyncio.all_tasks() <= before

    async def test_a_stopped_adapter_sends_nothing_and_says_so(self, driver: PlatformDriver) -> None:
        await driver.command("runs", "")
        heard = await driver.next_event()
        await driver.adapter.stop()
        with pytest.raises(NotSent):
            await driver.post(Note(text="too late"))
        await driver.adapter.reply_privately(heard, PrivateReply(text="too late"))

    async def test_an_adapter_can_be_started_again(self, driver: PlatformDriver) -> None:
        await driver.adapter.stop()
        await driver.start()
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "still there?")
        heard = await driver.next_event()
        assert heard.place.thread == run.thread

    async def test_no_two_posts_share_a_message_not_even_over_a_restart(self, driver: PlatformDriver) -> None:
        first = await driver.post(Note(text="one"))
        await driver.adapter.stop()
        await driver.start()
        second = await driver.post(Note(text="two"))
        assert first.message != second.message
