"""Deleted cards, threads and channels, and a bot that is removed from a server."""

from __future__ import annotations

import logging

import pytest

from orchestrator_bridge.chat.inbound import MessageDeleted, MessageReceived
from orchestrator_bridge.chat.outbound import Note, PostedMessage
from orchestrator_bridge.chat.testing import RUN, question
from tests.support.fake_discord import wire
from tests.support.fake_discord.fixture import DiscordRig, a_rig


async def lost(rig: DiscordRig) -> MessageDeleted:
    heard = await rig.next_event()
    assert isinstance(heard, MessageDeleted), heard
    return heard


def is_card(gone: MessageDeleted, posted: PostedMessage) -> bool:
    return gone.message == posted.message and gone.place.thread == posted.thread


async def test_a_deleted_card_is_reported_and_its_thread_remains() -> None:
    async with a_rig() as rig:
        asked = await rig.post(question())
        rig.world.delete(int(asked.message))
        assert is_card(await lost(rig), asked)
        await rig.say(rig.thread(asked), "SQLite")
        heard = await rig.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.place == rig.thread(asked)


async def test_after_its_thread_is_deleted_replies_to_the_card_count() -> None:
    async with a_rig() as rig:
        asked = await rig.post(question())
        rig.world.delete_channel(int(asked.message))
        rig.world.write(rig.ana.id, rig.channel.id, "SQLite", replies_to=int(asked.message))
        heard = await rig.next_event()
        assert isinstance(heard, MessageReceived)
        assert heard.question == 2
        await rig.post(Note(text="still here"), place=rig.thread(asked))
        (said,) = [message for message in rig.world.here(rig.channel.id) if message.content == "still here"]
        assert said.replies_to == int(asked.message)


async def test_a_deleted_forum_post_is_a_lost_card() -> None:
    async with a_rig(channel=wire.FORUM) as rig:
        asked = await rig.post(question())
        rig.world.delete_channel(int(str(asked.thread)))
        assert is_card(await lost(rig), asked)


async def test_a_deleted_channel_loses_its_cards() -> None:
    async with a_rig() as rig:
        run, asked = await rig.post(RUN), await rig.post(question())
        rig.world.delete_channel(rig.channel.id)
        gone = [await lost(rig), await lost(rig)]
        assert is_card(gone[0], run)
        assert is_card(gone[1], asked)


async def test_a_removal_from_a_server_is_logged_and_loses_its_cards(caplog: pytest.LogCaptureFixture) -> None:
    async with a_rig() as rig:
        asked = await rig.post(question())
        with caplog.at_level(logging.ERROR):
            rig.world.remove_bot()
            assert is_card(await lost(rig), asked)
        assert "removed from the server The house" in caplog.text
        assert "townhall setup discord" in caplog.text
