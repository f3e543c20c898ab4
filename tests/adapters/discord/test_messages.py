"""Messages, mentions and files as inbound events."""

from __future__ import annotations

import pytest

from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.inbound import Attachment, Author, CommandReceived, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.chat.testing import RUN, question
from tests.support.clock import ManualClock
from tests.support.fake_discord.fixture import DiscordRig, a_rig, an_adapter
from tests.support.fake_discord.wire import BOT, Json

ME = f"<@{BOT}>"


async def quiet(rig: DiscordRig) -> None:
    """All earlier messages have been handled when this one is delivered."""
    rig.world.write(rig.ana.id, rig.channel.id, f"{ME} help")
    heard = await rig.next_event()
    assert isinstance(heard, CommandReceived), heard
    assert heard.name == "help"


async def test_a_mention_of_the_bot_is_a_task() -> None:
    async with a_rig() as rig:
        rig.world.write(rig.ana.id, rig.channel.id, f"{ME} plan the move, please")
        heard = await rig.next_event()
        assert isinstance(heard, CommandReceived)
        assert (heard.name, heard.text, heard.place, heard.author) == ("ask", "plan the move, please", rig.home, rig.person)


async def test_a_mention_with_a_commands_name_alone_is_that_command() -> None:
    async with a_rig() as rig:
        for text, name in (("runs", "runs"), ("/questions", "questions"), ("help me to plan", "ask")):
            rig.world.write(rig.ana.id, rig.channel.id, f"{ME} {text}")
            heard = await rig.next_event()
            assert isinstance(heard, CommandReceived)
            assert heard.name == name


async def test_a_mention_in_reply_to_somebodys_message_is_a_task_about_it() -> None:
    async with a_rig() as rig:
        ben = rig.world.add_person("Ben")
        message = rig.world.write(ben.id, rig.channel.id, "The build is red\nsince noon")
        rig.world.write(rig.ana.id, rig.channel.id, f"{ME} why?", replies_to=message.id)
        heard = await rig.next_event()
        assert isinstance(heard, CommandReceived)
        assert heard.text == "why?\n\nBen wrote:\n> The build is red\n> since noon"


async def test_the_message_menu_asks_about_a_message() -> None:
    async with a_rig() as rig:
        ben = rig.world.add_person("Ben")
        message = rig.world.write(ben.id, rig.channel.id, "The build is red")
        resolved = {"messages": {str(message.id): rig.world.payload(message)}}
        data: Json = {
            "id": "1",
            "name": "Ask the agents about this",
            "type": 3,
            "target_id": str(message.id),
            "resolved": resolved,
        }
        rig.world.interact(rig.ana.id, rig.channel.id, 2, data)
        heard = await rig.next_event()
        assert isinstance(heard, CommandReceived)
        assert (heard.name, heard.text) == ("ask", "What about this?\n\nBen wrote:\n> The build is red")


async def test_messages_among_people_are_ignored() -> None:
    async with a_rig() as rig:
        message = rig.world.write(rig.ana.id, rig.channel.id, "good morning")
        rig.world.write(rig.ana.id, rig.channel.id, "to you too", replies_to=message.id)
        rig.world.change(message, "good evening")
        rig.world.delete(message.id)
        await quiet(rig)


async def test_only_listed_bots_are_read_and_never_the_bot_itself() -> None:
    async with a_rig() as rig:
        bot = rig.world.add_person("Builder", bot=True)
        run = await rig.post(RUN)
        rig.world.write(bot.id, int(run.thread or 0), "deployed")
        rig.world.write(BOT, int(run.thread or 0), f"{ME} I talk to myself")
        await quiet(rig)
        await rig.adapter.stop()
        listening = DiscordRig(rig.server)
        listening.adapter = an_adapter(rig.server, listed=[str(bot.id)])
        await listening.start()
        rig.world.write(bot.id, int(run.thread or 0), "deployed again")
        heard = await listening.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.text == "deployed again"
        await listening.adapter.stop()


async def test_mentions_of_people_and_roles_become_names() -> None:
    async with a_rig() as rig:
        ben = rig.world.add_person("Ben")
        run = await rig.post(RUN)
        await rig.say(rig.thread(run), f"<@{ben.id}> knows, <@!{ben.id}> wrote it, {ME}")
        heard = await rig.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.text == "@Ben knows, @Ben wrote it,"
        assert heard.mentions == (Author(platform="discord", id=str(ben.id), name="Ben"),)


async def test_an_author_has_the_roles_of_the_server() -> None:
    async with a_rig() as rig:
        role = rig.world.add_role("backend", rig.ana)
        await rig.adapter.stop()
        await rig.start()
        run = await rig.post(RUN)
        await rig.say(rig.thread(run), "hello")
        heard = await rig.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.author.roles == (str(role),)


async def test_attached_files_can_be_downloaded_by_their_message() -> None:
    async with a_rig() as rig:
        file = rig.server.put_file("plan.txt", b"step one")
        run = await rig.post(RUN)
        rig.world.write(rig.ana.id, int(run.thread or 0), "see the plan", attachments=[file])
        heard = await rig.next_event()
        assert isinstance(heard, MessageReceived)
        (attached,) = heard.attachments
        assert (attached.name, attached.media_type, attached.size) == ("plan.txt", "text/plain", 8)
        assert await rig.adapter.fetch(attached) == b"step one"
        rig.world.delete(int(heard.message))
        with pytest.raises(SendRejected):
            await rig.adapter.fetch(attached)


async def test_a_file_without_text_counts_and_an_empty_message_does_not() -> None:
    async with a_rig() as rig:
        run = await rig.post(RUN)
        await rig.say(rig.thread(run), "")
        rig.world.write(rig.ana.id, int(run.thread or 0), "", attachments=[rig.server.put_file("plan.txt", b"x")])
        heard = await rig.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.attachments


async def test_the_file_of_a_command_is_downloaded_from_its_address() -> None:
    async with a_rig() as rig:
        file = rig.server.put_file("plan.txt", b"step one")
        option = {"name": "attachment", "type": 11, "value": file["id"]}
        task = {"name": "task", "type": 3, "value": "do it"}
        resolved = {"attachments": {file["id"]: file}}
        data: Json = {"id": "1", "name": "ask", "type": 1, "options": [task, option], "resolved": resolved}
        rig.world.interact(rig.ana.id, rig.channel.id, 2, data)
        heard = await rig.next_event()
        assert isinstance(heard, CommandReceived)
        assert [file.name for file in heard.attachments] == ["plan.txt"]
        assert await rig.adapter.fetch(heard.attachments[0]) == b"step one"


async def test_a_preview_that_discord_adds_to_a_message_is_no_edit() -> None:
    async with a_rig() as rig:
        run = await rig.post(RUN)
        await rig.say(rig.thread(run), "see https://example.com")
        await rig.next_event()
        rig.world.emit("MESSAGE_UPDATE", {**rig.world.payload(rig._newest()), "embeds": [{"type": "link", "title": "Example"}]})
        await quiet(rig)


async def test_a_direct_message_answers_the_open_question_there() -> None:
    async with a_rig() as rig:
        direct = rig.world.direct(rig.ana.id)
        rig.channel, rig.home = direct, Place(platform="discord", channel=f"@{rig.ana.id}")
        posted = await rig.post(question())
        await rig.post(Note(text="by the way"))
        rig.world.write(rig.ana.id, direct.id, "SQLite")
        heard = await rig.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.place == rig.thread(posted)


async def test_a_direct_message_without_an_open_question_is_a_task() -> None:
    async with a_rig() as rig:
        rig.world.write(rig.ana.id, rig.world.direct(rig.ana.id).id, "plan the move")
        heard = await rig.next_event()
        assert isinstance(heard, CommandReceived)
        assert (heard.name, heard.text, heard.place.channel) == ("ask", "plan the move", f"@{rig.ana.id}")


async def test_an_event_that_cannot_be_stored_is_retried_until_it_is() -> None:
    clock = ManualClock()
    async with a_rig(clock=clock) as rig:
        run = await rig.post(RUN)
        rig.fail_next_store()
        await rig.say(rig.thread(run), "kept")
        await clock.armed_until(clock.now() + 60)
        clock.advance(60)
        heard = await rig.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.text == "kept"


async def test_without_the_message_content_intent_cards_say_so_and_a_writer_is_notified_once() -> None:
    async with a_rig() as rig:
        rig.world.flags = 0
        await rig.adapter.stop()
        await rig.start()
        posted = await rig.post(question())
        (card,) = await rig.visible(rig.home)
        assert "I cannot read other messages here" in card.text
        for text in ("SQLite", "hello?"):
            await rig.say(rig.thread(posted), text)
        direct = rig.world.direct(rig.ana.id).id
        await rig.server.until(lambda: rig.world.here(direct))
        assert "Message Content intent" in rig.world.here(direct)[0].content
        await rig.say(rig.thread(posted), f"{ME} SQLite")
        heard = await rig.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.text == "SQLite"
        assert len(rig.world.here(direct)) == 1


async def test_members_of_a_role_are_known_only_with_the_members_intent() -> None:
    async with a_rig() as rig:
        role = rig.world.add_role("backend", rig.ana)
        await rig.adapter.stop()
        await rig.start()
        assert rig.adapter.members(str(role)) is None
        rig.world.flags |= 1 << 14
        await rig.adapter.stop()
        await rig.start()
        assert rig.adapter.members(str(role)) == (Author(platform="discord", id=str(rig.ana.id), name="Ana", roles=(str(role),)),)
        assert rig.adapter.members("12345") is None


async def test_a_channel_that_the_client_does_not_know_yet_is_looked_up() -> None:
    async with a_rig() as rig:
        run = await rig.post(RUN)
        thread = rig.world.channels[int(run.thread or 0)]
        rig.world.emit("THREAD_DELETE", {"id": str(thread.id), "guild_id": "1", "parent_id": "1", "type": 11})
        thread.archived = True
        await rig.adapter.stop()
        await rig.start()
        thread.archived = False
        await rig.say(rig.thread(run), "still here")
        heard = await rig.next_event()
        assert heard.place == rig.thread(run)


async def test_a_file_of_an_unknown_place_is_refused() -> None:
    async with a_rig() as rig:
        lost = Attachment(name="a", media_type="text/plain", size=1, ref="1/2/3")
        with pytest.raises(SendRejected):
            await rig.adapter.fetch(lost)


async def test_roles_are_looked_up_where_a_history_does_not_tell_them() -> None:
    async with a_rig() as rig:
        role = rig.world.add_role("backend", rig.ana)
        await rig.adapter.stop()
        await rig.start()
        run = await rig.post(RUN)
        await rig.say(rig.thread(run), "hello")
        heard = await rig.next_event()
        (read,) = await rig.adapter.read_thread(rig.thread(run), run.at)
        assert read == heard
        assert read.author.roles == (str(role),)
