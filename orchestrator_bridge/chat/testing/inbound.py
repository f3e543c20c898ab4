"""Contract of inbound events: each action of a person arrives once, in order, with a stable key."""

from __future__ import annotations

from dataclasses import replace

from orchestrator_bridge.chat.adapter import SupportsPresence
from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, MessageDeleted, MessageReceived
from orchestrator_bridge.chat.outbound import PostedMessage
from orchestrator_bridge.chat.testing.driver import RUN, PlatformDriver, closed, needs, question
from orchestrator_bridge.common.emoji import chosen_option


async def next_message(driver: PlatformDriver) -> MessageReceived:
    """The next event, which must be a message."""
    event = await driver.next_event()
    assert isinstance(event, MessageReceived), event
    return event


def belongs_to(message: MessageReceived, number: int, posted: PostedMessage) -> bool:
    """True if the message names the question by its number, or stands in its thread."""
    return message.question == number or message.place.thread == posted.thread


class InboundContract:
    """Tests of events."""

    async def test_a_message_in_a_runs_thread_arrives_with_thread_author_and_text(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "mind the budget, please")
        message = await next_message(driver)
        assert (message.text, message.place.thread, message.edit) == ("mind the budget, please", run.thread, "")
        assert (message.author.platform, message.author.id) == (driver.adapter.platform, driver.person.id)
        assert message.author.name

    async def test_a_reply_to_a_question_arrives_as_one_to_that_question(self, driver: PlatformDriver) -> None:
        posted = [await driver.post(question(number)) for number in (2, 7)]
        await driver.say(driver.thread(posted[1]), "let's go with PostgreSQL")
        await driver.say(driver.thread(posted[0]), "1")
        first, second = await next_message(driver), await next_message(driver)
        assert first.text == "let's go with PostgreSQL"
        assert belongs_to(first, 7, posted[1])
        assert second.text == "1"
        assert belongs_to(second, 2, posted[0])

    async def test_messages_arrive_in_order_with_different_keys(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        for number in range(5):
            await driver.say(driver.thread(run), f"remark {number}")
        messages = [await next_message(driver) for _ in range(5)]
        assert [message.text for message in messages] == [f"remark {number}" for number in range(5)]
        assert len({message.key for message in messages}) == 5

    async def test_times_are_the_platforms_and_never_decrease(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.say(driver.thread(asked), "1")
        message = await next_message(driver)
        assert message.at >= asked.at > 0

    async def test_a_command_arrives_with_the_rest_of_its_line(self, driver: PlatformDriver) -> None:
        await driver.command("ask", "build  it,\tplease")
        event = await driver.next_event()
        assert isinstance(event, CommandReceived)
        assert (event.name, event.text, event.author.id) == ("ask", "build  it,\tplease", driver.person.id)

    async def test_the_same_command_given_twice_is_two_commands(self, driver: PlatformDriver) -> None:
        await driver.command("runs", "")
        await driver.command("runs", "")
        first, second = await driver.next_event(), await driver.next_event()
        assert first.key != second.key

    async def test_a_pass_arrives_with_its_question(self, driver: PlatformDriver) -> None:
        await driver.post(question())
        await driver.press(2, "pass", "")
        event = await driver.next_event()
        assert isinstance(event, ControlUsed)
        assert (event.question, event.press, event.author.id) == (2, "pass", driver.person.id)

    async def test_more_time_arrives_in_seconds(self, driver: PlatformDriver) -> None:
        await driver.post(question())
        await driver.press(2, "more", "3600")
        event = await driver.next_event()
        assert isinstance(event, ControlUsed)
        assert (event.question, event.press, float(event.value)) == (2, "more", 3600.0)

    @needs("choose")
    async def test_a_clicked_option_arrives_by_its_id(self, driver: PlatformDriver) -> None:
        await driver.post(question())
        await driver.choose(2, "lite")
        event = await driver.next_event()
        assert isinstance(event, ControlUsed)
        assert (event.question, event.press, event.value) == (2, "option", "lite")

    @needs("finish")
    async def test_the_button_of_an_active_run_is_the_command_that_finishes_it(self, driver: PlatformDriver) -> None:
        posted = await driver.post(RUN)
        await driver.finish(3)
        await driver.finish(3)
        first, second = await driver.next_event(), await driver.next_event()
        assert isinstance(first, CommandReceived)
        assert (first.name, first.text, first.author.id) == ("finish", "3", driver.person.id)
        assert first.key != second.key, "another press may be of somebody else, who may"
        await driver.post(replace(RUN, status="finished", ended=True), replaces=posted)
        shown = [message.controls for message in await driver.visible(driver.home) if "Run 3" in message.text]
        assert shown == [()]

    @needs("react")
    async def test_a_reaction_counts_as_a_click_where_it_can_only_mean_one_option(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        for emoji in ("🎉", "👍", "9\ufe0f\u20e3", "2\ufe0f\u20e3"):
            await driver.react(asked, emoji)
        event = await driver.next_event()
        assert isinstance(event, ControlUsed)
        assert (event.question, event.press, event.value, event.author.id) == (2, "option", "lite", driver.person.id)

    @needs("react")
    async def test_a_reaction_that_is_removed_arrives_after_the_answer_that_it_gave(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.react(asked, "2\ufe0f\u20e3")
        await driver.unreact(asked, "2\ufe0f\u20e3")
        given, withdrawn = await driver.next_event(), await driver.next_event()
        assert isinstance(given, ControlUsed)
        assert isinstance(withdrawn, ControlUsed)
        assert (withdrawn.question, withdrawn.press, withdrawn.author.id) == (2, "withdraw", driver.person.id)
        assert chosen_option(withdrawn.value, ["pg", "lite"]) == given.value
        assert given.interaction.startswith("reaction/")
        assert withdrawn.key != given.key

    @needs("react")
    async def test_a_reaction_that_is_removed_from_a_closed_card_arrives_too(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.react(asked, "1\ufe0f\u20e3")
        await driver.next_event()
        await driver.post(closed(question()), replaces=asked)
        await driver.unreact(asked, "1\ufe0f\u20e3")
        withdrawn = await driver.next_event()
        assert isinstance(withdrawn, ControlUsed)
        assert (withdrawn.question, withdrawn.press) == (2, "withdraw")

    @needs("edit")
    async def test_an_edit_is_another_version_of_the_same_message(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.say(driver.thread(asked), "SQLite")
        await driver.edit("PostgreSQL")
        before, after = await next_message(driver), await next_message(driver)
        assert (after.message, after.text) == (before.message, "PostgreSQL")
        assert after.key != before.key

    @needs("delete_message")
    async def test_a_deletion_arrives(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.say(driver.thread(asked), "SQLite")
        await driver.delete_message()
        message, deletion = await next_message(driver), await driver.next_event()
        assert isinstance(deletion, MessageDeleted)
        assert deletion.message == message.message

    @needs("delete_post")
    async def test_a_card_that_somebody_deletes_arrives_as_a_deletion_in_its_thread(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.delete_post(asked)
        deletion = await driver.next_event()
        assert isinstance(deletion, MessageDeleted)
        assert (deletion.message, deletion.place.thread) == (asked.message, asked.thread)

    @needs("redeliver")
    async def test_a_redelivered_event_has_the_same_key(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.say(driver.thread(asked), "SQLite")
        first = await next_message(driver)
        await driver.redeliver()
        assert (await next_message(driver)).key == first.key

    @needs("reconnect")
    async def test_messages_arrive_after_a_reconnection(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.reconnect()
        await driver.say(driver.thread(asked), "SQLite")
        assert (await next_message(driver)).text == "SQLite"

    @needs("leave")
    async def test_a_person_is_known_to_be_gone_once_they_have_left_and_not_before(self, driver: PlatformDriver) -> None:
        assert isinstance(driver.adapter, SupportsPresence)
        nobody = replace(driver.person, id=f"{driver.person.id}0")
        assert await driver.adapter.absence(nobody, driver.home)
        await driver.leave()
        assert await driver.adapter.absence(driver.person, driver.home)

    @needs("leave")
    async def test_a_person_who_is_there_is_not_gone(self, driver: PlatformDriver) -> None:
        assert isinstance(driver.adapter, SupportsPresence)
        assert await driver.adapter.absence(driver.person, driver.home) == ""

    async def test_a_long_message_arrives_whole(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "tell me " * 200 + "now")
        assert (await next_message(driver)).text == "tell me " * 200 + "now"

    async def test_a_message_that_was_not_stored_does_not_stop_the_adapter(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        driver.fail_next_store()
        await driver.say(driver.thread(run), "lost")
        await driver.after_store_failure()
        await driver.say(driver.thread(run), "kept")
        texts = {(await next_message(driver)).text}
        if texts != {"kept"}:  # a platform that redelivers what was not acknowledged brings both
            texts.add((await next_message(driver)).text)
        assert "kept" in texts
