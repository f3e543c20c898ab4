"""Messages, mentions and files as inbound events."""

from __future__ import annotations

import pytest

from adapters.discord.messages import NOT_STARTED
from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.inbound import Attachment, Author, CommandReceived, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.chat.testing import RUN, question
from tests.support.clock import ManualClock
from tests.support.fake_discord.fixture import DiscordDriver, create_discord_adapter, discord_driver
from tests.support.fake_discord.wire import BOT, Json

ME = f"<@{BOT}>"


async def quiet(driver: DiscordDriver) -> None:
    """All earlier messages have been handled when this one is delivered."""
    driver.world.write(driver.ana.id, driver.channel.id, f"{ME} help")
    heard = await driver.next_event()
    assert isinstance(heard, CommandReceived), heard
    assert heard.name == "help"


async def test_a_mention_of_the_bot_is_a_task() -> None:
    async with discord_driver() as driver:
        driver.world.write(driver.ana.id, driver.channel.id, f"{ME} plan the move, please")
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        assert (heard.name, heard.text, heard.place, heard.author) == (
            "task",
            "plan the move, please",
            driver.home,
            driver.person,
        )


async def test_a_mention_with_a_commands_name_alone_is_that_command() -> None:
    async with discord_driver() as driver:
        for text, name in (("runs", "runs"), ("/questions", "questions"), ("help me to plan", "task")):
            driver.world.write(driver.ana.id, driver.channel.id, f"{ME} {text}")
            heard = await driver.next_event()
            assert isinstance(heard, CommandReceived)
            assert heard.name == name


async def test_a_mention_in_reply_to_somebodys_message_is_a_task_about_it() -> None:
    async with discord_driver() as driver:
        ben = driver.world.add_person("Ben")
        message = driver.world.write(ben.id, driver.channel.id, "The build is red\nsince noon")
        driver.world.write(driver.ana.id, driver.channel.id, f"{ME} why?", replies_to=message.id)
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        assert (heard.text, heard.options) == ("why?", (("about", "Ben wrote:\n> The build is red\n> since noon"),))


async def test_the_message_menu_asks_about_a_message() -> None:
    async with discord_driver() as driver:
        ben = driver.world.add_person("Ben")
        message = driver.world.write(ben.id, driver.channel.id, "The build is red")
        resolved = {"messages": {str(message.id): driver.world.payload(message)}}
        data: Json = {
            "id": "1",
            "name": "Ask the agents about this",
            "type": 3,
            "target_id": str(message.id),
            "resolved": resolved,
        }
        driver.world.interact(driver.ana.id, driver.channel.id, 2, data)
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        assert (heard.name, heard.text) == ("ask", "What about this?\n\nBen wrote:\n> The build is red")


async def test_messages_among_people_are_ignored() -> None:
    async with discord_driver() as driver:
        message = driver.world.write(driver.ana.id, driver.channel.id, "good morning")
        driver.world.write(driver.ana.id, driver.channel.id, "to you too", replies_to=message.id)
        driver.world.change(message, "good evening")
        driver.world.delete(message.id)
        await quiet(driver)


async def test_only_listed_bots_are_read_and_never_the_bot_itself() -> None:
    async with discord_driver() as driver:
        bot = driver.world.add_person("Builder", bot=True)
        run = await driver.post(RUN)
        driver.world.write(bot.id, int(run.thread or 0), "deployed")
        driver.world.write(BOT, int(run.thread or 0), f"{ME} I talk to myself")
        await quiet(driver)
        await driver.adapter.stop()
        listening = DiscordDriver(driver.server)
        listening.adapter = create_discord_adapter(driver.server, listed=[str(bot.id)])
        await listening.start()
        driver.world.write(bot.id, int(run.thread or 0), "deployed again")
        heard = await listening.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.text == "deployed again"
        await listening.adapter.stop()


async def test_mentions_of_people_and_roles_become_names() -> None:
    async with discord_driver() as driver:
        ben = driver.world.add_person("Ben")
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), f"<@{ben.id}> knows, <@!{ben.id}> wrote it, {ME}")
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.text == "@Ben knows, @Ben wrote it,"
        assert heard.mentions == (Author(platform="discord", id=str(ben.id), name="Ben"),)


async def test_an_author_has_the_roles_of_the_server() -> None:
    async with discord_driver() as driver:
        role = driver.world.add_role("backend", driver.ana)
        await driver.adapter.stop()
        await driver.start()
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "hello")
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.author.roles == (str(role),)


async def test_attached_files_can_be_downloaded_by_their_message() -> None:
    async with discord_driver() as driver:
        file = driver.server.put_file("plan.txt", b"step one")
        run = await driver.post(RUN)
        driver.world.write(driver.ana.id, int(run.thread or 0), "see the plan", attachments=[file])
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        (attached,) = heard.attachments
        assert (attached.name, attached.media_type, attached.size) == ("plan.txt", "text/plain", 8)
        assert await driver.adapter.fetch(attached) == b"step one"
        driver.world.delete(int(heard.message))
        with pytest.raises(SendRejected):
            await driver.adapter.fetch(attached)


async def test_a_file_without_text_counts_and_an_empty_message_does_not() -> None:
    async with discord_driver() as driver:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "")
        driver.world.write(driver.ana.id, int(run.thread or 0), "", attachments=[driver.server.put_file("plan.txt", b"x")])
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.attachments


async def test_the_file_of_a_command_is_downloaded_from_its_address() -> None:
    async with discord_driver() as driver:
        file = driver.server.put_file("plan.txt", b"step one")
        option = {"name": "attachment", "type": 11, "value": file["id"]}
        task = {"name": "task", "type": 3, "value": "do it"}
        resolved = {"attachments": {file["id"]: file}}
        data: Json = {"id": "1", "name": "ask", "type": 1, "options": [task, option], "resolved": resolved}
        driver.world.interact(driver.ana.id, driver.channel.id, 2, data)
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        assert [file.name for file in heard.attachments] == ["plan.txt"]
        assert await driver.adapter.fetch(heard.attachments[0]) == b"step one"


async def test_a_preview_that_discord_adds_to_a_message_is_no_edit() -> None:
    async with discord_driver() as driver:
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "see https://example.com")
        await driver.next_event()
        driver.world.emit(
            "MESSAGE_UPDATE", {**driver.world.payload(driver._newest()), "embeds": [{"type": "link", "title": "Example"}]}
        )
        await quiet(driver)


async def test_a_direct_message_answers_the_open_question_there() -> None:
    async with discord_driver() as driver:
        direct = driver.world.direct(driver.ana.id)
        driver.channel, driver.home = direct, Place(platform="discord", channel=f"@{driver.ana.id}")
        posted = await driver.post(question())
        await driver.post(Note(text="by the way"))
        driver.world.write(driver.ana.id, direct.id, "SQLite")
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.place == driver.thread(posted)


async def test_a_direct_message_without_an_open_question_is_judged_before_it_costs_money() -> None:
    async with discord_driver() as driver:
        driver.world.write(driver.ana.id, driver.world.direct(driver.ana.id).id, "plan the move")
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        assert (heard.name, heard.text, heard.place.channel) == ("task", "plan the move", f"@{driver.ana.id}")


async def test_an_event_that_cannot_be_stored_is_retried_until_it_is() -> None:
    clock = ManualClock()
    async with discord_driver(clock=clock) as driver:
        run = await driver.post(RUN)
        driver.fail_next_store()
        await driver.say(driver.thread(run), "kept")
        await clock.armed_until(clock.now() + 60)
        clock.advance(60)
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.text == "kept"


async def test_without_the_message_content_intent_cards_say_so_and_a_writer_is_notified_once() -> None:
    async with discord_driver() as driver:
        driver.world.flags = 0
        await driver.adapter.stop()
        await driver.start()
        posted = await driver.post(question())
        (card,) = await driver.visible(driver.home)
        assert "I cannot read other messages here" in card.text
        for text in ("SQLite", "hello?"):
            await driver.say(driver.thread(posted), text)
        direct = driver.world.direct(driver.ana.id).id
        await driver.server.until(lambda: driver.world.here(direct))
        assert "Message Content intent" in driver.world.here(direct)[0].content
        await driver.say(driver.thread(posted), f"{ME} SQLite")
        heard = await driver.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.text == "SQLite"
        assert len(driver.world.here(direct)) == 1


async def test_members_of_a_role_are_known_only_with_the_members_intent() -> None:
    async with discord_driver() as driver:
        role = driver.world.add_role("backend", driver.ana)
        await driver.adapter.stop()
        driver.adapter = create_discord_adapter(driver.server, roles=[str(role)])
        await driver.start()
        assert driver.adapter.members(str(role)) is None
        driver.world.flags |= 1 << 14
        await driver.adapter.stop()
        await driver.start()
        assert driver.adapter.members(str(role)) == (
            Author(platform="discord", id=str(driver.ana.id), name="Ana", roles=(str(role),)),
        )
        assert driver.adapter.members("12345") is None


async def test_a_channel_that_the_client_does_not_know_yet_is_looked_up() -> None:
    async with discord_driver() as driver:
        run = await driver.post(RUN)
        thread = driver.world.channels[int(run.thread or 0)]
        driver.world.emit("THREAD_DELETE", {"id": str(thread.id), "guild_id": "1", "parent_id": "1", "type": 11})
        thread.archived = True
        await driver.adapter.stop()
        await driver.start()
        thread.archived = False
        await driver.say(driver.thread(run), "still here")
        heard = await driver.next_event()
        assert heard.place == driver.thread(run)


async def test_a_file_of_an_unknown_place_is_refused() -> None:
    async with discord_driver() as driver:
        lost = Attachment(name="a", media_type="text/plain", size=1, ref="1/2/3")
        with pytest.raises(SendRejected):
            await driver.adapter.fetch(lost)


async def test_roles_are_looked_up_where_a_history_does_not_tell_them() -> None:
    async with discord_driver() as driver:
        role = driver.world.add_role("backend", driver.ana)
        await driver.adapter.stop()
        await driver.start()
        run = await driver.post(RUN)
        await driver.say(driver.thread(run), "hello")
        heard = await driver.next_event()
        (read,) = await driver.adapter.read_thread(driver.thread(run), run.at)
        assert read == heard
        assert read.author.roles == (str(role),)


async def test_a_task_that_cannot_be_stored_yet_is_kept_and_its_author_is_told() -> None:
    async with discord_driver() as driver:
        driver.fail_next_store()
        driver.world.write(driver.ana.id, driver.channel.id, f"{ME} plan the move, please")
        direct = driver.world.direct(driver.ana.id)
        await driver.server.until(lambda: driver.world.here(direct.id))
        assert [message.content for message in driver.world.here(direct.id)] == [f"⚠️ {NOT_STARTED}"]
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        assert heard.text == "plan the move, please"
