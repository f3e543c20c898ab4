"""Contract of tasks that are given in a thread: the agents can be shown that thread, and nothing around it."""

from __future__ import annotations

import pytest

from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SupportsThreadContext
from orchestrator_bridge.chat.inbound import CommandReceived, MessageReceived, ThreadPosition
from orchestrator_bridge.chat.testing.driver import PlatformDriver, needs
from orchestrator_bridge.chat.thread_context import ThreadPage


async def position(driver: PlatformDriver) -> ThreadPosition:
    """The position of the next task, which must be one in a thread.

    A platform that delivers a mention twice, once without the author of its thread, brings it as a message too.
    """
    event = await driver.next_event()
    while isinstance(event, MessageReceived):
        event = await driver.next_event()
    assert isinstance(event, CommandReceived), event
    assert event.thread is not None, "a task in a thread names that thread"
    return event.thread


async def read(driver: PlatformDriver, thread: ThreadPosition, count: int, before: str = "") -> ThreadPage:
    """Read a page through the adapter."""
    assert isinstance(driver.adapter, SupportsThreadContext)
    return await driver.adapter.read_context(thread, count, before)


def texts(page: ThreadPage) -> list[str]:
    """The texts of a page, oldest first."""
    return [message.text for message in page.messages]


class ThreadContextContract:
    """Tests of the thread in which a task is given."""

    @needs("ask_in_thread")
    async def test_a_task_in_a_thread_can_be_read_with_what_was_written_before_it(self, driver: PlatformDriver) -> None:
        await driver.ask_in_thread(("The build is red", "since noon"), "find out why")
        page = await read(driver, await position(driver), 30)
        assert (texts(page), page.left_out, page.first) == (["The build is red", "since noon"], 0, None)
        assert [(message.author, message.speaker) for message in page.messages] == [(driver.person.name, "person")] * 2
        assert 0 < page.messages[0].at <= page.messages[1].at
        assert len({message.id for message in page.messages}) == 2

    async def test_a_task_in_a_channel_has_no_thread(self, driver: PlatformDriver) -> None:
        await driver.command("ask", "find out why")
        event = await driver.next_event()
        assert isinstance(event, CommandReceived)
        assert event.thread is None

    @needs("ask_in_thread")
    async def test_the_newest_messages_are_read_and_the_first_which_says_what_the_thread_is_about(
        self, driver: PlatformDriver
    ) -> None:
        await driver.ask_in_thread([f"message {number}" for number in range(6)], "sum it up")
        page = await read(driver, await position(driver), 2)
        assert texts(page) == ["message 4", "message 5"]
        assert page.first is not None
        assert (page.first.text, page.left_out) == ("message 0", 3)

    @needs("ask_in_thread")
    async def test_what_is_written_after_the_task_is_not_read(self, driver: PlatformDriver) -> None:
        await driver.ask_in_thread(("one",), "sum it up")
        thread = await position(driver)
        await driver.ask_in_thread(("two",), "and this", thread)
        await position(driver)
        assert texts(await read(driver, thread, 30)) == ["one"]

    @needs("ask_in_thread")
    async def test_earlier_messages_can_be_read_from_one_of_them_on(self, driver: PlatformDriver) -> None:
        await driver.ask_in_thread([f"message {number}" for number in range(6)], "sum it up")
        thread = await position(driver)
        newest = await read(driver, thread, 2)
        earlier = await read(driver, thread, 3, newest.messages[0].id)
        assert texts(earlier) == ["message 1", "message 2", "message 3"]
        oldest = await read(driver, thread, 3, earlier.messages[0].id)
        assert texts(oldest) == ["message 0"]
        assert await read(driver, thread, 3, oldest.messages[0].id) == ThreadPage()

    @needs("ask_in_thread")
    @pytest.mark.parametrize("before", ["../messages", "-1", "all", "1; drop"])
    async def test_an_id_that_no_message_can_have_is_refused(self, driver: PlatformDriver, before: str) -> None:
        await driver.ask_in_thread(("one",), "sum it up")
        with pytest.raises(SendRejected):
            await read(driver, await position(driver), 30, before)

    @needs("ask_in_thread", "fail_next_read")
    async def test_a_thread_of_a_task_that_cannot_be_read_is_not_reported_as_empty(self, driver: PlatformDriver) -> None:
        await driver.ask_in_thread(("one",), "sum it up")
        thread = await position(driver)
        await driver.fail_next_read()
        with pytest.raises(NotSent):
            await read(driver, thread, 30)
