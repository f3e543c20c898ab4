"""Cards in every type of channel: a message with a thread, a forum post, a message with replies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator_bridge.chat.adapter import SendUncertain
from orchestrator_bridge.chat.inbound import CommandReceived, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Acknowledgement, Note, PostedMessage
from orchestrator_bridge.chat.testing import RUN, closed, question
from tests.support.fake_discord import wire
from tests.support.fake_discord.fixture import DiscordRig, a_rig


async def said(rig: DiscordRig) -> MessageReceived:
    heard = await rig.next_event()
    assert isinstance(heard, MessageReceived), heard
    return heard


def forum_place(rig: DiscordRig, posted: PostedMessage) -> Place:
    return replace(rig.home, thread=posted.thread)


async def test_in_a_text_channel_a_card_has_a_thread_of_its_own_that_is_named_after_it() -> None:
    async with a_rig() as rig:
        posted = await rig.post(question())
        thread = rig.world.channels[int(posted.thread or 0)]
        assert (thread.kind, thread.parent) == (wire.THREAD, rig.channel.id)
        assert thread.name == "Question 2: Which database shall we take?"


async def test_a_reply_to_the_card_counts_like_a_message_in_its_thread() -> None:
    async with a_rig() as rig:
        posted = await rig.post(question())
        message = rig.world.write(rig.ana.id, rig.channel.id, "SQLite", replies_to=int(posted.message))
        heard = await said(rig)
        assert (heard.text, heard.question) == ("SQLite", 2)
        await rig.post(Acknowledgement(message=heard.message, author=heard.author, sign="taken"), place=rig.thread(posted))
        assert message.reactions == ["✅"]
        read = await rig.adapter.read_thread(rig.thread(posted), posted.at)
        assert [item.key for item in read] == [heard.key]
        rig.world.delete(message.id)
        gone = await rig.next_event()
        assert gone.place == rig.thread(posted)


async def test_a_reply_to_a_runs_card_is_guidance() -> None:
    async with a_rig() as rig:
        posted = await rig.post(RUN)
        rig.world.write(rig.ana.id, rig.channel.id, "mind the budget", replies_to=int(posted.message))
        heard = await said(rig)
        assert (heard.place, heard.question) == (rig.thread(posted), None)


async def test_in_a_forum_a_card_is_a_post() -> None:
    async with a_rig(channel=wire.FORUM) as rig:
        posted = await rig.post(question())
        thread = rig.world.channels[int(posted.thread or 0)]
        assert thread.parent == rig.channel.id
        place = forum_place(rig, posted)
        rig.world.write(rig.ana.id, thread.id, "SQLite")
        assert (await said(rig)).place == place
        await rig.post(Note(text="noted"), place=place)
        await rig.post(closed(question()), replaces=posted)
        card, *_, note = rig.world.here(thread.id)
        assert "Alice answered: SQLite" in card.text
        assert note.content == "noted"


async def test_a_forum_post_whose_response_was_lost_is_found_and_not_opened_twice() -> None:
    async with a_rig(channel=wire.FORUM) as rig:
        for trouble in ("lose", "effect-error"):
            sending = rig.outbound(question(), key=f"question {trouble}")
            rig.server.faults.put(trouble)
            with pytest.raises(SendUncertain):
                await rig.adapter.send(sending)
            found = await rig.adapter.find_sent(sending)
            assert found is not None
        assert await rig.adapter.find_sent(rig.outbound(question(), key="another")) is None
        assert sum(channel.kind == wire.THREAD for channel in rig.world.channels.values()) == 2


@pytest.mark.parametrize("kind", [wire.VOICE, wire.DM])
async def test_where_there_are_no_threads_the_replies_to_a_card_are_its_thread(kind: int) -> None:
    async with a_rig(channel=None if kind == wire.DM else kind) as rig:
        if kind == wire.DM:
            rig.channel = rig.world.direct(rig.ana.id)
            rig.home = Place(platform="discord", channel=f"@{rig.ana.id}")
        posted = await rig.post(question())
        await rig.say(rig.thread(posted), "SQLite")
        heard = await said(rig)
        assert heard.place == rig.thread(posted)
        await rig.post(Note(text="I would too", speaker="skeptic"), place=rig.thread(posted))
        note = rig.world.here(rig.channel.id)[-1]
        assert note.replies_to == int(posted.message)
        rig.world.write(rig.ana.id, rig.channel.id, "good", replies_to=note.id)
        assert (await said(rig)).place == rig.thread(posted)
        read = await rig.adapter.read_thread(rig.thread(posted), posted.at)
        assert [item.text for item in read] == ["SQLite", "good"]
        assert await rig.adapter.find_sent(rig.outbound(question(), key="another")) is None


async def test_inside_a_foreign_thread_cards_are_messages_and_only_replies_count() -> None:
    async with a_rig() as rig:
        thread = rig.world.make_thread(rig.channel.id, "their own", rig.world.new_id(), rig.ana.id)
        home = Place(platform="discord", channel=str(thread.id))
        posted = await rig.post(question(), place=home)
        rig.world.write(rig.ana.id, thread.id, "just talking")
        rig.world.write(rig.ana.id, thread.id, "SQLite", replies_to=int(posted.message))
        heard = await said(rig)
        assert (heard.text, heard.place) == ("SQLite", replace(home, thread=posted.message))


async def test_a_command_in_a_runs_thread_has_the_thread_as_its_place() -> None:
    async with a_rig() as rig:
        run = await rig.post(RUN)
        thread = int(run.thread or 0)
        rig.give("ask", channel=thread, task="another task")
        heard = await rig.next_event()
        assert isinstance(heard, CommandReceived)
        assert heard.place == Place(platform="discord", channel=str(thread))
        inner = await rig.post(question(), place=heard.place)
        rig.world.write(rig.ana.id, thread, "for the run")
        rig.world.write(rig.ana.id, thread, "for the question", replies_to=int(inner.message))
        first, second = await said(rig), await said(rig)
        assert first.place == rig.thread(run)
        assert second.place == replace(heard.place, thread=inner.message)


async def test_without_the_permission_for_threads_a_card_stands_alone_and_replies_to_it_count() -> None:
    async with a_rig() as rig:
        rig.channel.forbidden.add("threads")
        posted = await rig.post(question())
        assert int(posted.thread or 0) not in rig.world.channels
        await rig.say(rig.thread(posted), "SQLite")
        assert (await said(rig)).question == 2
        await rig.post(Note(text="noted"), place=rig.thread(posted))
        assert rig.world.here(rig.channel.id)[-1].replies_to == int(posted.message)
        assert [item.text for item in await rig.adapter.read_thread(rig.thread(posted), posted.at)] == ["SQLite"]


async def test_a_card_without_a_thread_is_known_as_such_by_the_next_process_too() -> None:
    async with a_rig() as rig:
        rig.channel.forbidden.add("threads")
        posted = await rig.post(question())
        await rig.adapter.stop()
        later = DiscordRig(rig.server)
        await later.start()
        await later.post(Note(text="noted"), place=later.thread(posted))
        assert rig.world.here(rig.channel.id)[-1].replies_to == int(posted.message)
        await later.adapter.stop()
