"""The thread in which a task is given on Discord: threads, forum posts, chains of replies, and what is not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.discord.commands import MESSAGE_MENU
from adapters.discord.permissions import invite_permissions
from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.inbound import CommandReceived, ThreadPosition
from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.chat.testing import RUN
from orchestrator_bridge.chat.thread_context import ThreadPage
from tests.support.fake_discord import wire
from tests.support.fake_discord.fixture import DiscordDriver, discord_driver
from tests.support.fake_discord.rest import READ_HISTORY
from tests.support.fake_discord.simcord_bot import TEAM_FILE, SimulatedServer, simulated_server
from tests.support.fake_discord.wire import BOT, FORUM, VOICE, Channel, Message
from tests.support.fake_models.players import team_behaviour
from tests.support.running_engine import prompt_text

ME = f"<@{BOT}>"


def write(driver: DiscordDriver, channel: int, *texts: str, replies_to: int = 0) -> list[Message]:
    """Write as Ana, each message as a reply to the one before if the first is a reply."""
    messages: list[Message] = []
    for text in texts:
        messages.append(driver.world.write(driver.ana.id, channel, text, replies_to=replies_to))
        replies_to = messages[-1].id if replies_to else 0
    return messages


def open_thread(driver: DiscordDriver, *texts: str) -> Channel:
    """A thread that Ana opened on a message of hers, with more messages in it."""
    (opening,) = write(driver, driver.channel.id, texts[0])
    thread = driver.world.make_thread(driver.channel.id, "outage", opening.id, driver.ana.id)
    write(driver, thread.id, *texts[1:])
    return thread


async def command(driver: DiscordDriver) -> CommandReceived:
    event = await driver.next_event()
    assert isinstance(event, CommandReceived), event
    return event


async def position(driver: DiscordDriver) -> ThreadPosition:
    thread = (await command(driver)).thread
    assert thread is not None
    return thread


async def shown(driver: DiscordDriver, count: int = 30) -> list[str]:
    """The texts that are read of the thread of the next task."""
    return texts(await driver.adapter.read_context(await position(driver), count))


def texts(page: ThreadPage) -> list[str]:
    return [message.text for message in page.messages]


async def test_a_slash_command_in_a_thread_reads_that_thread() -> None:
    async with discord_driver() as driver:
        write(driver, driver.channel.id, "not in the thread")
        thread = open_thread(driver, "The build is red", "since noon")
        driver.send_command("ask", channel=thread.id, task="why?")
        write(driver, thread.id, "later")
        assert await shown(driver) == ["The build is red", "since noon"]


async def test_the_message_menu_in_a_thread_reads_that_thread_without_the_message_itself() -> None:
    async with discord_driver() as driver:
        thread = open_thread(driver, "The build is red", "since noon", "look at line 3", "ok")
        about = driver.world.here(thread.id)[1]
        payload = driver.world.payload(about)
        data = {"id": "2", "name": MESSAGE_MENU, "type": 3, "target_id": str(about.id)}
        driver.world.interact(driver.ana.id, thread.id, 2, {**data, "resolved": {"messages": {str(about.id): payload}}})
        assert await shown(driver) == ["The build is red", "since noon", "ok"]


async def test_a_forum_post_is_read_with_its_first_message() -> None:
    async with discord_driver(channel=FORUM) as driver:
        post = driver.world.make_thread(driver.channel.id, "Outage", driver.world.new_id(), driver.ana.id)
        opening = Message(id=post.id, channel=post.id, author=driver.ana.id, content="What we know", at=1_795_357_800.0)
        driver.world.messages[post.id] = opening
        write(driver, post.id, *(f"message {number}" for number in range(5)), f"{ME} sum up what happened")
        page = await driver.adapter.read_context(await position(driver), 3)
        assert texts(page) == ["message 2", "message 3", "message 4"]
        assert page.first is not None
        assert (page.first.text, page.left_out) == ("What we know", 2)


async def test_a_thread_that_was_opened_on_no_message_has_its_oldest_message_as_the_first() -> None:
    async with discord_driver() as driver:
        thread = driver.world.make_thread(driver.channel.id, "outage", driver.world.new_id(), driver.ana.id)
        write(driver, thread.id, "one", "two", "three", f"{ME} sum up what happened")
        page = await driver.adapter.read_context(await position(driver), 1)
        assert (texts(page), page.left_out) == (["three"], 1)
        assert page.first is not None
        assert page.first.text == "one"


async def test_the_messages_of_a_very_long_thread_are_not_counted() -> None:
    async with discord_driver() as driver:
        thread = open_thread(driver, "The outage")
        write(driver, thread.id, *(str(number) for number in range(1001)), f"{ME} sum up what happened")
        page = await driver.adapter.read_context(await position(driver), 2)
        assert (texts(page), page.left_out) == (["999", "1000"], None)
        assert page.first is not None
        assert page.first.text == "The outage"


async def test_a_chain_of_replies_is_read_and_nothing_of_the_channel_around_it() -> None:
    async with discord_driver() as driver:
        (first,) = write(driver, driver.channel.id, "The build is red")
        write(driver, driver.channel.id, "lunch?")
        chain = write(driver, driver.channel.id, "since noon", "line 3 is wrong", replies_to=first.id)
        write(driver, driver.channel.id, "pizza!")
        write(driver, driver.channel.id, f"{ME} why is that so?", replies_to=chain[-1].id)
        given = await command(driver)
        assert given.thread is not None
        assert dict(given.options)["about"].endswith("> line 3 is wrong")  # so it is a part of the task and not of its context
        page = await driver.adapter.read_context(given.thread, 30)
        assert (texts(page), page.left_out) == (["The build is red", "since noon"], 0)


async def test_the_newest_messages_of_a_chain_are_read_and_more_of_it_on_demand() -> None:
    async with discord_driver() as driver:
        (first,) = write(driver, driver.channel.id, "message 0")
        chain = write(driver, driver.channel.id, *(f"message {number}" for number in range(1, 8)), replies_to=first.id)
        write(driver, driver.channel.id, f"{ME} sum up what happened", replies_to=chain[-1].id)
        thread = await position(driver)
        page = await driver.adapter.read_context(thread, 2)
        assert (texts(page), page.left_out) == (["message 5", "message 6"], None)
        earlier = await driver.adapter.read_context(thread, 3, page.messages[0].id)
        assert texts(earlier) == ["message 2", "message 3", "message 4"]


async def test_a_message_beside_a_chain_cannot_be_read_through_it() -> None:
    async with discord_driver() as driver:
        (secret,) = write(driver, driver.channel.id, "the salaries")
        (first,) = write(driver, driver.channel.id, "The build is red", replies_to=secret.id)
        (other,) = write(driver, driver.channel.id, "lunch?")
        write(driver, driver.channel.id, f"{ME} why is that so?", replies_to=first.id)
        thread = await position(driver)
        with pytest.raises(SendRejected):
            await driver.adapter.read_context(thread, 30, str(other.id))


async def test_the_message_menu_on_a_reply_reads_the_chain_before_it() -> None:
    async with discord_driver() as driver:
        (first,) = write(driver, driver.channel.id, "The build is red")
        (reply,) = write(driver, driver.channel.id, "since noon", replies_to=first.id)
        payload = driver.world.payload(reply)
        data = {"id": "2", "name": MESSAGE_MENU, "type": 3, "target_id": str(reply.id)}
        driver.world.interact(driver.ana.id, driver.channel.id, 2, {**data, "resolved": {"messages": {str(reply.id): payload}}})
        assert await shown(driver) == ["The build is red"]


async def test_a_reply_to_a_single_message_is_no_thread() -> None:
    async with discord_driver() as driver:
        (first,) = write(driver, driver.channel.id, "The build is red")
        write(driver, driver.channel.id, f"{ME} why is that so?", replies_to=first.id)
        assert (await command(driver)).thread is None


async def test_a_deleted_message_ends_a_chain() -> None:
    async with discord_driver() as driver:
        (first,) = write(driver, driver.channel.id, "gone")
        chain = write(driver, driver.channel.id, "kept", "quoted", replies_to=first.id)
        driver.world.delete(first.id)
        write(driver, driver.channel.id, f"{ME} why is that so?", replies_to=chain[-1].id)
        assert await shown(driver) == ["kept"]


async def test_text_beside_a_voice_channel_is_not_read() -> None:
    async with discord_driver(channel=VOICE) as driver:
        (first,) = write(driver, driver.channel.id, "The build is red")
        chain = write(driver, driver.channel.id, "since noon", "look", replies_to=first.id)
        write(driver, driver.channel.id, f"{ME} why is that so?", replies_to=chain[-1].id)
        assert (await command(driver)).thread is None


async def test_files_embeds_and_forwards_are_read_as_in_a_task() -> None:
    async with discord_driver() as driver:
        thread = open_thread(driver, "The build is red")
        robot = driver.world.add_person("Monitor", bot=True)
        log = {"id": "7", "filename": "log.txt", "size": 3, "url": "https://files.test/log.txt", "proxy_url": ""}
        driver.world.write(driver.ana.id, thread.id, "", attachments=[log])
        driver.world.write(robot.id, thread.id, "", embeds=[{"type": "rich", "title": "Alert", "description": "Disk full"}])
        write(driver, thread.id, f"{ME} why is that so?")
        page = await driver.adapter.read_context(await position(driver), 30)
        assert texts(page) == ["The build is red", "", "Alert\nDisk full"]
        assert [(message.author, message.speaker) for message in page.messages][-1] == ("Monitor", "bot")
        assert [file.name for file in page.messages[1].attachments] == ["log.txt"]


async def test_a_message_that_a_proxy_app_reposted_for_a_person_is_a_persons() -> None:
    async with discord_driver(proxies=("77",)) as driver:
        thread = open_thread(driver, "The build is red")
        robot = driver.world.add_person("Luna", bot=True)
        for application in ("77", "78"):
            webhook = {"webhook_id": application, "application_id": application}
            driver.world.write(robot.id, thread.id, "since noon", extra=webhook)
        write(driver, thread.id, f"{ME} why is that so?")
        page = await driver.adapter.read_context(await position(driver), 30)
        assert [message.speaker for message in page.messages] == ["person", "person", "bot"]


async def test_our_texts_are_marked_as_ours_and_cards_and_system_messages_are_left_out() -> None:
    async with discord_driver() as driver:
        thread = open_thread(driver, "The build is red", f"{ME} why is that so?")
        given = await command(driver)
        await driver.post(RUN, place=given.place)
        await driver.post(Note(text="The disk is full."), place=given.place)
        driver.world.write(driver.ana.id, thread.id, "pinned", extra={"type": 6})
        write(driver, thread.id, f"{ME} fix it, please")
        page = await driver.adapter.read_context(await position(driver), 30)
        assert [(message.speaker, message.text) for message in page.messages] == [
            ("person", "The build is red"),
            ("person", "why is that so?"),
            ("townhall", "The disk is full."),
        ]


async def test_without_the_permission_to_read_the_history_the_thread_is_not_taken_for_empty() -> None:
    async with discord_driver() as driver:
        open_thread(driver, "The build is red", f"{ME} why is that so?")
        thread = await position(driver)
        driver.world.everyone = invite_permissions().value
        driver.channel.denied = READ_HISTORY
        everyone = driver.world.guild(members=False)["roles"][0]
        driver.world.emit("GUILD_ROLE_UPDATE", {"guild_id": str(wire.GUILD), "role": everyone})
        driver.world.emit("CHANNEL_UPDATE", wire.channel(driver.channel))
        await driver.command("runs", "")
        await driver.next_event()  # the updates before it have been handled
        with pytest.raises(SendRejected) as failure:
            await driver.adapter.read_context(thread, 30)
        assert "Read Message History" in failure.value.reason


async def test_without_the_message_content_intent_the_thread_is_not_taken_for_empty() -> None:
    async with discord_driver() as driver:
        open_thread(driver, "The build is red", f"{ME} why is that so?")
        thread = await position(driver)
        client = driver.adapter._channels.client()  # an intent cannot change while the bot runs
        client._connection._intents.message_content = False
        with pytest.raises(SendRejected) as failure:
            await driver.adapter.read_context(thread, 30)
        assert "Message Content" in failure.value.reason


def prompts_of(server: SimulatedServer, task: str) -> list[str]:
    """The prompts of the run with this task."""
    return [text for asked in server.models.requests if f"The task:\n\n{task}" in (text := prompt_text(asked))]


async def test_agents_read_the_thread_in_which_a_command_was_given_and_people_read_how_much(tmp_path: Path) -> None:
    team = TEAM_FILE.replace('ask = ["humans"]', 'ask = ["humans"]\nfollow_up = "off"')
    async with simulated_server(tmp_path, team_behaviour, team=team) as server, server.bot():
        server.create_server()
        await server.alice.slash(server.channel, "ask", task="Choose a database")
        await server.until(server.finished)
        thread = server.thread("Run")
        await server.bob.send(thread, "We cannot run a server of our own.")
        await server.alice.slash(thread, "ask", task="Choose again")
        await server.until(lambda: "Final answer of run 2" in thread_text(server))
        assert "Read " in thread_text(server)
        assert "messages of the thread in which you asked." in thread_text(server)
        for prompt in prompts_of(server, "Choose again"):
            assert "] bob\n> We cannot run a server of our own.\n" in prompt
            assert " · this bot · " in prompt
        assert all("<thread_context>\n" not in prompt for prompt in prompts_of(server, "Choose a database"))


async def test_a_run_that_is_started_anew_in_a_runs_thread_reads_nothing_of_it(tmp_path: Path) -> None:
    async with simulated_server(tmp_path, team_behaviour) as server, server.bot():
        server.create_server()
        await server.alice.slash(server.channel, "ask", task="Choose a database")
        await server.until(server.finished)
        offered = await server.alice.slash(server.thread("Run"), "ask", task="Choose again")
        await server.until(lambda: offered.response is not None and bool(offered.response.components))
        assert offered.response is not None
        (buttons,) = offered.response.components
        await server.alice.click(offered.response, custom_id=buttons["components"][1]["custom_id"])
        await server.until(lambda: "Final answer of run 2" in thread_text(server))
        assert prompts_of(server, "Choose again")
        assert all("<thread_context>\n" not in prompt for prompt in prompts_of(server, "Choose again"))


async def test_agents_read_the_chain_of_replies_before_a_mention(tmp_path: Path) -> None:
    async with simulated_server(tmp_path, team_behaviour) as server, server.bot():
        server.create_server()
        first = await server.bob.send(server.channel, "The build is red.")
        await server.alice.send(server.channel, "Lunch?")
        second = await server.alice.send(server.channel, "Since noon.", reply_to=first)
        client = server.connection.client
        assert client is not None
        await server.alice.send(server.channel, f"<@{client.me}> find out why the build is red", reply_to=second)
        await server.until(server.finished)
        prompts = [prompt_text(asked) for asked in server.models.requests]
        assert prompts
        for prompt in prompts:
            assert "] bob\n> The build is red.\n</thread_context>" in prompt
            assert "Lunch?" not in prompt
        assert "Read 1 message of the thread in which you asked." in server.thread_text("Run")


def thread_text(server: SimulatedServer) -> str:
    """All messages in the thread of the first run."""
    thread = next(thread for thread in server.channel.threads if thread.id == server.cards("Run")[0].id)
    return "\n".join(message.content for message in thread.history())
