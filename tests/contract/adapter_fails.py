"""The contract of adapters: a sending that goes wrong says how, and is neither lost nor doubled."""

from __future__ import annotations

import pytest

from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.outbound import Note, PrivateReply
from tests.contract.adapter_posts import RUN
from tests.contract.adapter_rig import Rig, needs


async def times_seen(rig: Rig, text: str) -> int:
    return sum(seen.text.count(text) for seen in await rig.seen(rig.home))


class Fails:
    @needs("fail_next")
    async def test_a_failed_sending_is_unsent_and_arrives_once_when_tried_again(self, rig: Rig) -> None:
        sending = rig.sending(Note(text="only once"))
        await rig.fail_next()
        with pytest.raises(NotSent):
            await rig.adapter.send(sending)
        assert await times_seen(rig, "only once") == 0
        await rig.adapter.send(sending)
        assert await times_seen(rig, "only once") == 1

    @needs("reject_next")
    async def test_a_refused_sending_is_rejected_with_the_reason(self, rig: Rig) -> None:
        await rig.reject_next()
        with pytest.raises(SendRejected, match=r"\w+ \w+"):
            await rig.post(Note(text="never"))
        assert await times_seen(rig, "never") == 0

    @needs("lose_reply", "find")
    async def test_a_sending_whose_confirmation_was_lost_is_doubtful_and_can_be_found(self, rig: Rig) -> None:
        sending = rig.sending(RUN, key="run-card-3")
        await rig.lose_reply()
        with pytest.raises(SendUncertain):
            await rig.adapter.send(sending)
        found = await rig.adapter.find_sent(sending)
        assert found is not None
        assert found.thread is not None
        assert await times_seen(rig, RUN.task) == 1

    @needs("find")
    async def test_what_was_never_sent_is_not_found(self, rig: Rig) -> None:
        await rig.post(RUN, key="one")
        assert await rig.adapter.find_sent(rig.sending(RUN, key="another")) is None

    @needs("find")
    async def test_what_was_said_in_a_thread_can_be_read_again_under_the_same_key(self, rig: Rig) -> None:
        run = await rig.post(RUN)
        await rig.say(rig.thread(run), "first")
        await rig.say(rig.thread(run), "second")
        heard = [await rig.heard(), await rig.heard()]
        read = await rig.adapter.read_thread(rig.thread(run), run.at)
        assert [said.key for said in read] == [said.key for said in heard]

    @needs("find", "edit")
    async def test_what_was_edited_is_read_as_it_now_stands_under_the_key_of_its_edit(self, rig: Rig) -> None:
        run = await rig.post(RUN)
        await rig.say(rig.thread(run), "first")
        await rig.edit("second thoughts")
        heard = [await rig.heard(), await rig.heard()]
        (read,) = await rig.adapter.read_thread(rig.thread(run), run.at)
        assert (read.key, read.text) == (heard[1].key, "second thoughts")

    @needs("find", "unsay")
    async def test_what_was_deleted_is_read_no_more(self, rig: Rig) -> None:
        run = await rig.post(RUN)
        await rig.say(rig.thread(run), "first")
        await rig.say(rig.thread(run), "second")
        await rig.unsay()
        read = await rig.adapter.read_thread(rig.thread(run), run.at)
        assert [said.text for said in read] == ["first"]

    @needs("find", "fail_reading")
    async def test_a_thread_that_cannot_be_read_is_not_said_to_be_empty(self, rig: Rig) -> None:
        run = await rig.post(RUN)
        await rig.say(rig.thread(run), "first")
        await rig.fail_reading()
        with pytest.raises(NotSent):
            await rig.adapter.read_thread(rig.thread(run), run.at)

    @needs("fail_next")
    async def test_telling_never_raises(self, rig: Rig) -> None:
        await rig.command("runs", "")
        heard = await rig.heard()
        await rig.fail_next()
        await rig.adapter.reply_privately(heard, PrivateReply(text="nobody sees this"))
        await rig.adapter.reply_privately(heard, PrivateReply(text="but this"))
        assert await times_seen(rig, "but this") == 1
