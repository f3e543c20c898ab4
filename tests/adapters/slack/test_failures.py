"""Each way in which a request to Slack can fail, and the effect on posts and reads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from orchestrator_bridge.chat.adapter import NotSent, SendRejected, SendUncertain
from orchestrator_bridge.chat.inbound import MessageReceived, Place
from orchestrator_bridge.chat.outbound import Acknowledgement, PrivateReply
from orchestrator_bridge.chat.testing import RUN, long_answer, question
from tests.support.fake_slack.fixture import SlackRig, a_rig
from tests.support.fake_slack.shown import notified, words
from tests.support.fake_slack.state import ANA, BEN, GENERAL


@pytest.fixture
async def rig() -> AsyncIterator[SlackRig]:
    async with a_rig() as rig:
        yield rig


def posted(rig: SlackRig) -> list[str]:
    """The markers of all posts."""
    marks = [effect.body["metadata"]["event_payload"]["key"] for effect in rig.world.effects if effect.body.get("metadata")]
    return [mark for mark, effect in zip(marks, rig.world.effects, strict=False) if effect.what == "post"]


@pytest.mark.parametrize("name", ["channel_not_found", "not_in_channel", "is_archived", "missing_scope", "some_new_error"])
async def test_a_permanent_error_is_rejected_with_its_name_and_the_fix(rig: SlackRig, name: str) -> None:
    rig.server.faults.put("error", name=name)
    with pytest.raises(SendRejected, match=rf"chat\.postMessage \({name}\): \w+"):
        await rig.post(RUN)


async def test_a_missing_scope_is_named(rig: SlackRig) -> None:
    rig.server.faults.put("error", name="missing_scope", also={"needed": "chat:write"})
    with pytest.raises(SendRejected, match=r"needed: chat:write"):
        await rig.post(RUN)


async def test_an_edit_of_a_deleted_message_is_rejected(rig: SlackRig) -> None:
    run = await rig.post(RUN)
    del rig.world.channels[GENERAL].messages[run.message]
    with pytest.raises(SendRejected, match="message_not_found"):
        await rig.post(replace(RUN, status="finished"), replaces=run)


@pytest.mark.parametrize("name", ["token_revoked", "invalid_auth", "account_inactive"])
async def test_a_revoked_token_leaves_posts_waiting(rig: SlackRig, name: str) -> None:
    rig.server.faults.put("error", name=name)
    with pytest.raises(NotSent, match="SLACK_BOT_TOKEN") as waiting:
        await rig.post(RUN)
    assert waiting.value.retry_after == 60


async def test_a_rate_limit_is_left_to_the_outbox_with_its_delay(rig: SlackRig) -> None:
    run = await rig.post(RUN)
    newer = rig.outbound(replace(RUN, status="finished"), replaces=run)
    receipt = rig.outbound(Acknowledgement(message=run.message, author=rig.person, sign="taken"), place=rig.thread(run))
    for method, sending in (("chat.postMessage", rig.outbound(RUN)), ("chat.update", newer), ("reactions.add", receipt)):
        rig.server.faults.put("limit", method, seconds=17)
        with pytest.raises(NotSent) as waiting:
            await rig.adapter.send(sending)
        assert waiting.value.retry_after == 17
        assert rig.server.count(method) == 1 + (method == "chat.postMessage")


@pytest.mark.parametrize("trouble", ["lose", "silence"])
async def test_a_post_whose_response_was_lost_is_uncertain_and_is_found(trouble: str) -> None:
    async with a_rig(response_timeout=2.0) as rig:
        sending = rig.outbound(RUN, key="run:3:card")
        rig.server.faults.put("lose" if trouble == "lose" else "silence")
        with pytest.raises(SendUncertain):
            await rig.adapter.send(sending)
        assert posted(rig) == ["run:3:card"]
        found = await rig.adapter.find_sent(sending)
        assert found is not None
        assert posted(rig) == ["run:3:card"]


@pytest.mark.parametrize("trouble", ["down", "cut"])
async def test_a_post_that_did_not_arrive_is_uncertain_and_not_found(rig: SlackRig, trouble: str) -> None:
    sending = rig.outbound(RUN, key="run:3:card")
    rig.server.faults.put("down" if trouble == "down" else "cut")
    with pytest.raises(SendUncertain):
        await rig.adapter.send(sending)
    assert rig.server.count("chat.postMessage") == 1
    assert await rig.adapter.find_sent(sending) is None


@pytest.mark.parametrize("name", ["internal_error", "fatal_error"])
async def test_slacks_internal_errors_are_uncertain(rig: SlackRig, name: str) -> None:
    rig.server.faults.put("error", name=name)
    with pytest.raises(SendUncertain):
        await rig.post(RUN)


async def test_an_interrupted_long_answer_is_continued_where_it_stopped(rig: SlackRig) -> None:
    run = await rig.post(RUN)
    sending = rig.outbound(long_answer(), place=rig.thread(run), key="run:3:final")
    rig.server.faults.plan = lambda asked: None
    rig.server.faults.put("slow", "chat.postMessage")
    rig.server.faults.put("limit", "chat.postMessage", seconds=5)
    with pytest.raises(SendUncertain):
        await rig.adapter.send(sending)
    first = await rig.adapter.find_sent(sending)
    again = await rig.adapter.find_sent(sending)
    assert first == again
    assert posted(rig)[1:] == ["run:3:final", "run:3:final#2"]


async def test_a_card_is_found_though_the_clocks_are_minutes_apart(rig: SlackRig) -> None:
    rig.world.clock = lambda: 1_795_000_000.0
    sending = replace(rig.outbound(RUN, key="run:3:card"), since=1_795_000_000.0 + 600)
    posted_card = await rig.adapter.send(sending)
    assert await rig.adapter.find_sent(sending) == posted_card


async def test_a_card_is_found_behind_many_messages(rig: SlackRig) -> None:
    sending = rig.outbound(RUN, key="run:3:card")
    card = await rig.adapter.send(sending)
    for number in range(450):
        rig.server.people.say(BEN, GENERAL, f"chatter {number}", delivered=False)
    assert await rig.adapter.find_sent(sending) == card


async def test_a_thread_of_many_replies_is_read_whole(rig: SlackRig) -> None:
    asked = await rig.post(question())
    for number in range(450):
        rig.server.people.say(BEN, GENERAL, f"reply {number}", asked.thread, delivered=False)
    read = await rig.adapter.read_thread(rig.thread(asked), asked.at)
    assert [item.text for item in read] == [f"reply {number}" for number in range(450)]


async def test_reads_are_repeated_after_a_broken_connection_and_writes_are_not(rig: SlackRig) -> None:
    asked = await rig.post(question())
    rig.server.faults.put("cut", "conversations.replies")
    assert await rig.adapter.read_thread(rig.thread(asked), asked.at) == []
    assert rig.server.count("conversations.replies") == 2


async def test_a_deleted_thread_is_rejected(rig: SlackRig) -> None:
    with pytest.raises(SendRejected, match="thread_not_found"):
        await rig.adapter.read_thread(Place(platform="slack", channel=GENERAL, thread="1.000001"), 0)


async def test_a_private_reply_waits_out_a_rate_limit(rig: SlackRig) -> None:
    await rig.command("runs", "")
    heard = await rig.next_event()
    rig.server.faults.put("limit", "chat.postEphemeral", seconds=0)
    await rig.adapter.reply_privately(heard, PrivateReply(text="after all"))
    assert words(rig.world.ephemeral[-1]) == "after all"


async def test_a_file_is_downloaded_only_from_where_the_token_may_be_sent(rig: SlackRig) -> None:
    run = await rig.post(RUN)
    file = {"id": "F1", "name": "x.png", "mimetype": "image/png", "size": 3}
    rig.world.files["F1"] = {**file, "url_private_download": "https://evil.example/x.png"}
    rig.server.people.say(ANA, GENERAL, "see", run.thread, files=[file])
    said = await rig.next_event()
    assert isinstance(said, MessageReceived)
    with pytest.raises(SendRejected, match="is not stored on Slack"):
        await rig.adapter.fetch(said.attachments[0])


async def test_no_error_contains_a_token(rig: SlackRig) -> None:
    rig.server.faults.put("error", name="invalid_auth")
    with pytest.raises(NotSent) as waiting:
        await rig.post(RUN)
    assert "xoxb" not in str(waiting.value)
    assert not notified({"text": str(waiting.value)})
