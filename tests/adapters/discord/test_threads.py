"""Cards in every type of channel: a message with a thread, a forum post, a message with replies."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from adapters.discord.card_threads import THREAD_PATIENCE
from orchestrator_bridge.chat.adapter import SendUncertain
from orchestrator_bridge.chat.inbound import CommandReceived, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Acknowledgement, Note, PostedMessage
from orchestrator_bridge.chat.testing import RUN, closed, question
from tests.support.clock import ManualClock
from tests.support.fake_discord import wire
from tests.support.fake_discord.buckets import THREADS
from tests.support.fake_discord.fixture import DiscordDriver, discord_driver


async def said(driver: DiscordDriver) -> MessageReceived:
    heard = await driver.next_event()
    assert isinstance(heard, MessageReceived), heard
    return heard


def forum_place(driver: DiscordDriver, posted: PostedMessage) -> Place:
    return replace(driver.home, thread=posted.thread)


async def test_in_a_text_channel_a_card_has_a_thread_of_its_own_that_is_named_after_it() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(question())
        thread = driver.world.channels[int(posted.thread or 0)]
        assert (thread.kind, thread.parent) == (wire.THREAD, driver.channel.id)
        assert thread.name == "Question 2: Which database shall we take?"


async def test_a_reply_to_the_card_counts_like_a_message_in_its_thread() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(question())
        message = driver.world.write(driver.ana.id, driver.channel.id, "SQLite", replies_to=int(posted.message))
        heard = await said(driver)
        assert (heard.text, heard.question) == ("SQLite", 2)
        await driver.post(Acknowledgement(message=heard.message, author=heard.author, sign="taken"), place=driver.thread(posted))
        assert message.reactions == ["✅"]
        read = await driver.adapter.read_thread(driver.thread(posted), posted.at)
        assert [item.key for item in read] == [heard.key]
        driver.world.delete(message.id)
        gone = await driver.next_event()
        assert gone.place == driver.thread(posted)


async def test_a_reply_to_a_runs_card_is_guidance() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(RUN)
        driver.world.write(driver.ana.id, driver.channel.id, "mind the budget", replies_to=int(posted.message))
        heard = await said(driver)
        assert (heard.place, heard.question) == (driver.thread(posted), None)


async def test_in_a_forum_a_card_is_a_post() -> None:
    async with discord_driver(channel=wire.FORUM) as driver:
        posted = await driver.post(question())
        thread = driver.world.channels[int(posted.thread or 0)]
        assert thread.parent == driver.channel.id
        place = forum_place(driver, posted)
        driver.world.write(driver.ana.id, thread.id, "SQLite")
        assert (await said(driver)).place == place
        await driver.post(Note(text="noted"), place=place)
        await driver.post(closed(question()), replaces=posted)
        card, *_, note = driver.world.here(thread.id)
        assert "Alice answered: SQLite" in card.text
        assert note.content == "noted"


async def test_a_forum_post_whose_response_was_lost_is_found_and_not_opened_twice() -> None:
    async with discord_driver(channel=wire.FORUM) as driver:
        for trouble in ("lose", "effect-error"):
            sending = driver.outbound(question(), key=f"question {trouble}")
            driver.server.faults.put(trouble)
            with pytest.raises(SendUncertain):
                await driver.adapter.send(sending)
            found = await driver.adapter.find_sent(sending)
            assert found is not None
        assert await driver.adapter.find_sent(driver.outbound(question(), key="another")) is None
        assert sum(channel.kind == wire.THREAD for channel in driver.world.channels.values()) == 2


@pytest.mark.parametrize("kind", [wire.VOICE, wire.DM])
async def test_where_there_are_no_threads_the_replies_to_a_card_are_its_thread(kind: int) -> None:
    async with discord_driver(channel=None if kind == wire.DM else kind) as driver:
        if kind == wire.DM:
            driver.channel = driver.world.direct(driver.ana.id)
            driver.home = Place(platform="discord", channel=f"@{driver.ana.id}")
        posted = await driver.post(question())
        await driver.say(driver.thread(posted), "SQLite")
        heard = await said(driver)
        assert heard.place == driver.thread(posted)
        await driver.post(Note(text="I would too", speaker="skeptic"), place=driver.thread(posted))
        note = driver.world.here(driver.channel.id)[-1]
        assert note.replies_to == int(posted.message)
        driver.world.write(driver.ana.id, driver.channel.id, "good", replies_to=note.id)
        assert (await said(driver)).place == driver.thread(posted)
        read = await driver.adapter.read_thread(driver.thread(posted), posted.at)
        assert [item.text for item in read] == ["SQLite", "good"]
        assert await driver.adapter.find_sent(driver.outbound(question(), key="another")) is None


async def test_inside_a_foreign_thread_cards_are_messages_and_only_replies_count() -> None:
    async with discord_driver() as driver:
        thread = driver.world.make_thread(driver.channel.id, "their own", driver.world.new_id(), driver.ana.id)
        home = Place(platform="discord", channel=str(thread.id))
        posted = await driver.post(question(), place=home)
        driver.world.write(driver.ana.id, thread.id, "just talking")
        driver.world.write(driver.ana.id, thread.id, "SQLite", replies_to=int(posted.message))
        heard = await said(driver)
        assert (heard.text, heard.place) == ("SQLite", replace(home, thread=posted.message))


async def test_a_command_in_a_runs_thread_has_the_thread_as_its_place() -> None:
    async with discord_driver() as driver:
        run = await driver.post(RUN)
        thread = int(run.thread or 0)
        driver.send_command("ask", channel=thread, task="another task")
        heard = await driver.next_event()
        assert isinstance(heard, CommandReceived)
        assert heard.place == Place(platform="discord", channel=str(thread))
        inner = await driver.post(question(), place=heard.place)
        driver.world.write(driver.ana.id, thread, "for the run")
        driver.world.write(driver.ana.id, thread, "for the question", replies_to=int(inner.message))
        first, second = await said(driver), await said(driver)
        assert first.place == driver.thread(run)
        assert second.place == replace(heard.place, thread=inner.message)


async def test_without_the_permission_for_threads_a_card_stands_alone_and_replies_to_it_count() -> None:
    async with discord_driver() as driver:
        driver.channel.forbidden.add("threads")
        posted = await driver.post(question())
        assert int(posted.thread or 0) not in driver.world.channels
        await driver.say(driver.thread(posted), "SQLite")
        assert (await said(driver)).question == 2
        await driver.post(Note(text="noted"), place=driver.thread(posted))
        assert driver.world.here(driver.channel.id)[-1].replies_to == int(posted.message)
        assert [item.text for item in await driver.adapter.read_thread(driver.thread(posted), posted.at)] == ["SQLite"]


async def test_a_card_without_a_thread_is_known_as_such_by_the_next_process_too() -> None:
    async with discord_driver() as driver:
        driver.channel.forbidden.add("threads")
        posted = await driver.post(question())
        await driver.adapter.stop()
        later = DiscordDriver(driver.server)
        await later.start()
        await later.post(Note(text="noted"), place=later.thread(posted))
        assert driver.world.here(driver.channel.id)[-1].replies_to == int(posted.message)
        await later.adapter.stop()


async def test_a_card_does_not_wait_for_its_thread_and_replies_to_it_count() -> None:
    clock = ManualClock()
    async with discord_driver(clock=clock) as driver:
        driver.server.buckets.use_up(THREADS, driver.channel.id, left=219.0)
        asking = asyncio.create_task(driver.post(question()))
        await driver.server.until(lambda: driver.server.buckets.refused)
        clock.advance(THREAD_PATIENCE)
        posted = await asking
        await driver.say(driver.thread(posted), "SQLite")
        assert (await said(driver)).question == 2
        await driver.post(Note(text="noted"), place=driver.thread(posted))
        assert driver.world.here(driver.channel.id)[-1].replies_to == int(posted.message)
        await driver.post(Note(text="noted too"), place=driver.thread(posted))
        assert len(driver.server.buckets.refused) == 1
        # Once the thread is open, the conversation goes on there, and what is in the channel still belongs to it.
        driver.world.make_thread(driver.channel.id, "Question 2", int(posted.message), wire.BOT)
        await driver.say(driver.thread(posted), "and in here?")
        await said(driver)
        await driver.post(Note(text="here"), place=driver.thread(posted))
        assert [message.content for message in driver.world.here(int(posted.message))] == ["and in here?", "here"]
        assert await driver.adapter.find_sent(driver.outbound(Note(text="noted"), place=driver.thread(posted))) is not None


async def test_the_last_thread_that_a_channel_may_open_does_not_delay_its_card() -> None:
    clock = ManualClock()
    async with discord_driver(clock=clock) as driver:
        driver.server.buckets.limits[THREADS] = (1, 300.0)
        asking = asyncio.create_task(driver.post(question()))
        await driver.server.until(lambda: any(channel.kind == wire.THREAD for channel in driver.world.channels.values()))
        await clock.armed_until(clock.now() + THREAD_PATIENCE)
        clock.advance(THREAD_PATIENCE)
        posted = await asking
        await driver.say(driver.thread(posted), "SQLite")
        assert (await said(driver)).place == driver.thread(posted)
        await driver.post(Note(text="noted"), place=driver.thread(posted))
        assert driver.world.here(int(posted.message))[-1].content == "noted"


async def test_the_threads_of_many_cards_are_read_with_one_read_of_their_channel() -> None:
    async with discord_driver() as driver:
        cards = [await driver.post(question(), key=f"question {number}") for number in range(5)]
        await driver.server.until(lambda: all(int(card.message) in driver.world.channels for card in cards))
        later = DiscordDriver(driver.server)
        await later.start()
        driver.server.requests.clear()
        await asyncio.gather(*(later.adapter.read_thread(driver.thread(card), card.at) for card in cards))
        reads = [request.path for request in driver.server.requests if request.path.endswith("/messages")]
        assert reads.count(f"/channels/{driver.channel.id}/messages") == 1
        assert len(reads) == len(cards) + 1
        driver.world.write(driver.ana.id, driver.channel.id, "SQLite", replies_to=int(cards[0].message))
        assert (await said(later)).text == "SQLite"
        (reply,) = await later.adapter.read_thread(driver.thread(cards[0]), cards[0].at)
        assert reply.text == "SQLite"
        await later.adapter.stop()


async def open_later(driver: DiscordDriver) -> DiscordDriver:
    """Another process of the same bot."""
    later = DiscordDriver(driver.server)
    await later.start()
    return later


@pytest.mark.parametrize("deleted", [True, False], ids=["deleted while the bot was down", "never opened because of the limit"])
async def test_an_open_card_without_its_thread_gets_one_from_the_next_process(deleted: bool) -> None:
    clock = ManualClock()
    async with discord_driver(clock=clock) as driver:
        if deleted:
            posted = await driver.post(question())
            await driver.adapter.stop()
            driver.world.delete_channel(int(posted.message))
        else:
            driver.server.buckets.use_up(THREADS, driver.channel.id, left=219.0)
            asking = asyncio.create_task(driver.post(question()))
            await driver.server.until(lambda: driver.server.buckets.refused)
            clock.advance(THREAD_PATIENCE)
            posted = await asking
            await driver.adapter.stop()
            driver.server.buckets.use_up(THREADS, driver.channel.id, left=0.0)
        later = await open_later(driver)
        assert await later.adapter.read_thread(later.thread(posted), posted.at) == []
        await driver.server.until(lambda: int(posted.message) in driver.world.channels)
        assert driver.world.channels[int(posted.message)].name == "Question 2: Which database shall we take?"
        await later.say(later.thread(posted), "SQLite")
        assert (await said(later)).place == later.thread(posted)
        await later.adapter.stop()


async def test_where_discord_opens_no_other_thread_on_a_card_its_replies_count() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(question())
        await driver.adapter.stop()
        driver.world.delete_channel(int(posted.message))
        driver.server.faults.put("reject", lambda asked: asked.path.endswith("/threads"), code=160004)
        later = await open_later(driver)
        await later.post(Note(text="noted"), place=later.thread(posted))
        await driver.server.until(lambda: any(asked.path.endswith("/threads") for asked in driver.server.requests[-3:]))
        await later.post(Note(text="noted too"), place=later.thread(posted))
        notes = [message for message in driver.world.here(driver.channel.id) if message.content.startswith("noted")]
        assert [note.replies_to for note in notes] == [int(posted.message)] * 2
        await later.adapter.stop()


async def test_a_card_that_has_ended_gets_no_thread_any_more() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(question())
        await driver.post(closed(question()), replaces=posted)
        await driver.adapter.stop()
        driver.world.delete_channel(int(posted.message))
        later = await open_later(driver)
        await later.post(Note(text="noted"), place=later.thread(posted))
        await later.adapter.stop()
        assert int(posted.message) not in driver.world.channels


async def test_a_runs_thread_that_is_opened_later_is_named_like_any_other() -> None:
    async with discord_driver() as driver:
        posted = await driver.post(replace(RUN, task="Fix *all* of `main`: it_is_red"))
        name = driver.world.channels[int(posted.message)].name
        await driver.adapter.stop()
        driver.world.delete_channel(int(posted.message))
        later = await open_later(driver)
        await later.post(Note(text="noted"), place=later.thread(posted))
        await driver.server.until(lambda: int(posted.message) in driver.world.channels)
        assert driver.world.channels[int(posted.message)].name == name == "Run 3: Fix *all* of `main`: it_is_red"
        await later.adapter.stop()
