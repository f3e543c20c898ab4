"""The contract of adapters: what people say reaches the bridge, once each, under keys that last."""

from __future__ import annotations

from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, MessageDeleted, MessageReceived
from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.chat.testing.driver import RUN, PlatformDriver, needs, question


async def said_next(driver: PlatformDriver) -> MessageReceived:
    heard = await driver.next_event()
    assert isinstance(heard, MessageReceived), heard
    return heard


def belongs_to(message: MessageReceived, number: int, posted: PostedMessage) -> bool:
    """Whether the message is known to be for that question: by its number, or by its thread."""
    return message.question == number or message.place.thread == posted.thread


class InboundContract:
    async def test_what_is_said_in_a_runs_thread_arrives_with_its_thread_its_author_and_its_words(
        self, driver: PlatformDriver
    ) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "mind the budget, please")
        said = await said_next(driver)
        assert (said.text, said.place.thread, said.edit) == ("mind the budget, please", run.thread, "")
        assert (said.author.platform, said.author.id) == (driver.adapter.platform, driver.person.id)
        assert said.author.name

    async def test_a_reply_to_a_question_arrives_as_one_to_that_question(self, driver: PlatformDriver) -> None:
        posted = [await driver.post(question(number)) for number in (2, 7)]
        await driver.say(driver.thread(posted[1]), "let's go with PostgreSQL")
        await driver.say(driver.thread(posted[0]), "1")
        first, second = await said_next(driver), await said_next(driver)
        assert first.text == "let's go with PostgreSQL"
        assert belongs_to(first, 7, posted[1])
        assert second.text == "1"
        assert belongs_to(second, 2, posted[0])

    async def test_messages_arrive_in_order_and_each_under_a_key_of_its_own(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        for number in range(5):
            await driver.say(driver.thread(run), f"remark {number}")
        said = [await said_next(driver) for _ in range(5)]
        assert [one.text for one in said] == [f"remark {number}" for number in range(5)]
        assert len({one.key for one in said}) == 5

    async def test_times_are_the_platforms_and_do_not_run_backwards(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.say(driver.thread(asked), "1")
        said = await said_next(driver)
        assert said.at >= asked.at > 0

    async def test_a_command_arrives_with_the_rest_of_its_line(self, driver: PlatformDriver) -> None:
        await driver.command("ask", "build  it,\tplease")
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        assert (heard.name, heard.text, heard.author.id) == ("ask", "build  it,\tplease", driver.person.id)

    async def test_the_same_command_given_twice_is_two_commands(self, driver: PlatformDriver) -> None:
        await driver.command("runs", "")
        await driver.command("runs", "")
        first, second = await driver.next_event(), await driver.next_event()
        assert first.key != second.key

    async def test_not_me_arrives_with_its_question(self, driver: PlatformDriver) -> None:
        await driver.post(question())
        await driver.press(2, "pass", "")
        heard = await driver.next_event()
        assert isinstance(heard, ControlUsed)
        assert (heard.question, heard.press, heard.author.id) == (2, "pass", driver.person.id)

    async def test_more_time_arrives_in_seconds(self, driver: PlatformDriver) -> None:
        await driver.post(question())
        await driver.press(2, "more", "3600")
        heard = await driver.next_event()
        assert isinstance(heard, ControlUsed)
        assert (heard.question, heard.press, float(heard.value)) == (2, "more", 3600.0)

    @needs("choose")
    async def test_a_clicked_option_arrives_by_its_id(self, driver: PlatformDriver) -> None:
        await driver.post(question())
        await driver.choose(2, "lite")
        heard = await driver.next_event()
        assert isinstance(heard, ControlUsed)
        assert (heard.question, heard.press, heard.value) == (2, "option", "lite")

    @needs("edit")
    async def test_an_edit_is_another_version_of_the_same_message(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.say(driver.thread(asked), "SQLite")
        await driver.edit("PostgreSQL")
        before, after = await said_next(driver), await said_next(driver)
        assert (after.message, after.text) == (before.message, "PostgreSQL")
        assert after.key != before.key

    @needs("delete_message")
    async def test_a_deletion_arrives(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.say(driver.thread(asked), "SQLite")
        await driver.delete_message()
        said, unsaid = await said_next(driver), await driver.next_event()
        assert isinstance(unsaid, MessageDeleted)
        assert unsaid.message == said.message

    @needs("delete_post")
    async def test_a_card_that_somebody_deletes_arrives_as_a_deletion_in_its_thread(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.delete_post(asked)
        unsaid = await driver.next_event()
        assert isinstance(unsaid, MessageDeleted)
        assert (unsaid.message, unsaid.place.thread) == (asked.message, asked.thread)

    @needs("redeliver")
    async def test_what_is_delivered_twice_has_the_same_key_twice(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.say(driver.thread(asked), "SQLite")
        first = await said_next(driver)
        await driver.redeliver()
        assert (await said_next(driver)).key == first.key

    @needs("reconnect")
    async def test_people_are_heard_after_a_cut_connection(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.reconnect()
        await driver.say(driver.thread(asked), "SQLite")
        assert (await said_next(driver)).text == "SQLite"

    async def test_a_long_message_arrives_whole(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "tell me " * 200 + "now")
        assert (await said_next(driver)).text == "tell me " * 200 + "now"

    async def test_words_that_could_not_be_stored_do_not_stop_the_adapter(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        driver.fail_next_store()
        await driver.say(driver.thread(run), "lost")
        await driver.after_store_failure()
        await driver.say(driver.thread(run), "kept")
        heard = {(await said_next(driver)).text}
        if heard != {"kept"}:  # platforms that deliver again what was not acknowledged bring both
            heard.add((await said_next(driver)).text)
        assert "kept" in heard
