"""The contract of adapters: they stop cleanly, as often as they are told to, and can be started again."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator_bridge.chat.adapter import NotSent
from orchestrator_bridge.chat.outbound import Note, PrivateReply
from tests.contract.adapter_posts import RUN
from tests.contract.adapter_rig import Rig


class Ends:
    async def test_stopping_leaves_no_task_behind_and_does_no_harm_again(self, rig: Rig) -> None:
        await rig.adapter.stop()
        before = asyncio.all_tasks()
        await rig.start()
        await rig.post(RUN)
        await rig.adapter.stop()
        await rig.adapter.stop()
        assert asyncio.all_tasks() <= before

    async def test_a_stopped_adapter_sends_nothing_and_says_so(self, rig: Rig) -> None:
        await rig.command("runs", "")
        heard = await rig.heard()
        await rig.adapter.stop()
        with pytest.raises(NotSent):
            await rig.post(Note(text="too late"))
        await rig.adapter.reply_privately(heard, PrivateReply(text="too late"))

    async def test_an_adapter_can_be_started_again(self, rig: Rig) -> None:
        await rig.adapter.stop()
        await rig.start()
        run = await rig.post(RUN)
        await rig.say(rig.thread(run), "still there?")
        heard = await rig.heard()
        assert heard.place.thread == run.thread

    async def test_no_two_posts_share_a_message_not_even_over_a_restart(self, rig: Rig) -> None:
        first = await rig.post(Note(text="one"))
        await rig.adapter.stop()
        await rig.start()
        second = await rig.post(Note(text="two"))
        assert first.message != second.message
