"""Messages on Slack, and the inbound events that they become."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from orchestrator_bridge.chat.inbound import CommandReceived, MessageDeleted, MessageReceived
from orchestrator_bridge.chat.testing import RUN, question
from tests.support.fake_slack.fixture import SlackRig, a_rig
from tests.support.fake_slack.state import ANA, APP, BEN, BOT_USER, CREW, ELSEWHERE, GENERAL, ROBOT, STRANGER, TEAM

ME = f"<@{BOT_USER}>"


@pytest.fixture
async def rig() -> AsyncIterator[SlackRig]:
    async with a_rig() as rig:
        yield rig


async def said(rig: SlackRig) -> MessageReceived:
    heard = await rig.next_event()
    assert isinstance(heard, MessageReceived)
    return heard


async def commanded(rig: SlackRig) -> CommandReceived:
    heard = await rig.next_event()
    assert isinstance(heard, CommandReceived)
    return heard


async def all_heard(rig: SlackRig) -> None:
    """All envelopes are acknowledged."""
    await rig.server.until(lambda: not rig.world.unacknowledged)


# Threads ------------------------------------------------------------------------------------------------------------------


async def test_a_reply_that_was_sent_to_the_channel_too_counts(rig: SlackRig) -> None:
    asked = await rig.post(question())
    rig.server.people.say(ANA, GENERAL, "SQLite", asked.thread, broadcast=True)
    heard = await said(rig)
    assert (heard.text, heard.place.thread) == ("SQLite", asked.thread)


async def test_messages_between_people_are_ignored(rig: SlackRig) -> None:
    first = rig.server.people.say(ANA, GENERAL, "lunch?")
    rig.server.people.say(BEN, GENERAL, "yes", first["ts"])
    rig.server.people.change(GENERAL, first["ts"], "lunch!")
    rig.server.people.delete(GENERAL, first["ts"])
    await all_heard(rig)
    run = await rig.post(RUN)
    await rig.say(rig.thread(run), "only this")
    assert (await said(rig)).text == "only this"


async def test_the_preview_of_a_link_is_no_edit(rig: SlackRig) -> None:
    asked = await rig.post(question())
    message = rig.server.people.say(ANA, GENERAL, "https://example.com", asked.thread)
    rig.server.people.unfurl(GENERAL, message["ts"])
    await all_heard(rig)
    await rig.say(rig.thread(asked), "next")
    assert [(await said(rig)).text for _ in range(2)] == ["https://example.com", "next"]


async def test_slacks_markup_is_read_as_it_was_typed(rig: SlackRig) -> None:
    run = await rig.post(RUN)
    links = "<http://a.example|a.example>, <http://b.example|docs>"
    typed = f"<@{BEN}> &amp; <!subteam^{CREW}|@crew> in <#C9|shop>: 1 &lt; 2, {links} {ME}"
    rig.server.people.say(ANA, GENERAL, typed, run.thread, raw=True)
    heard = await said(rig)
    assert heard.text == "@Ben Ng & @crew in #shop: 1 < 2, http://a.example, docs (http://b.example)"
    assert [(person.id, person.name) for person in heard.mentions] == [(BEN, "Ben Ng")]


async def test_an_author_has_a_name_and_user_groups(rig: SlackRig) -> None:
    run = await rig.post(RUN)
    await rig.say(rig.thread(run), "hello")
    author = (await said(rig)).author
    assert (author.name, author.roles) == ("Ana", (CREW,))
    members = rig.adapter.members(CREW)
    assert members is not None
    assert [item.id for item in members] == [ANA, BEN]
    assert rig.adapter.members("S9NONE") is None


async def test_a_changed_user_group_is_known_at_once(rig: SlackRig) -> None:
    rig.world.groups[CREW] = [BEN]
    before = rig.server.count("usergroups.list")
    rig.world.event({"type": "subteam_members_changed", "subteam_id": CREW})
    await rig.server.until(lambda: rig.server.count("usergroups.list") > before)
    await rig.slack.session.requests.stop()
    assert [item.id for item in rig.adapter.members(CREW) or ()] == [BEN]


async def test_a_slow_look_up_of_a_name_does_not_delay_a_message(rig: SlackRig) -> None:
    rig.server.faults.put("error", "users.info", name="token_revoked")
    run = await rig.post(RUN)
    await rig.say(rig.thread(run), "hello")
    heard = await said(rig)
    assert (heard.text, heard.author.name) == ("hello", ANA)


async def test_a_deletion_does_not_overtake_what_it_deletes(rig: SlackRig) -> None:
    rig.server.faults.put("slow", "users.info", seconds=0.05)
    run = await rig.post(RUN)
    await rig.say(rig.thread(run), "no, wait")
    await rig.delete_message()
    assert isinstance(await rig.next_event(), MessageReceived)
    assert isinstance(await rig.next_event(), MessageDeleted)


async def test_attached_files_can_be_downloaded(rig: SlackRig) -> None:
    run = await rig.post(RUN)
    file = {"id": "F1", "name": "plan.png", "mimetype": "image/png", "size": 3}
    rig.world.files["F1"] = {**file, "url_private_download": f"{rig.server.methods.url}/file/F1"}
    rig.world.contents["F1"] = b"png"
    rig.server.people.say(ANA, GENERAL, "see", run.thread, files=[file])
    (attachment,) = (await said(rig)).attachments
    assert (attachment.name, attachment.media_type, attachment.size) == ("plan.png", "image/png", 3)
    assert await rig.adapter.fetch(attachment) == b"png"


# Mentions and direct messages ---------------------------------------------------------------------------------------------


async def test_a_mention_delivered_as_two_events_is_one_command(rig: SlackRig) -> None:
    rig.server.people.say(ANA, GENERAL, f"{ME} runs", raw=True)
    first, second = await commanded(rig), await commanded(rig)
    assert first.name == "runs"
    assert first.key == second.key


async def test_text_after_a_mention_is_a_task(rig: SlackRig) -> None:
    rig.server.people.say(ANA, GENERAL, f"{ME} plan our move to PostgreSQL", raw=True)
    heard = await commanded(rig)
    assert (heard.name, heard.text) == ("ask", "plan our move to PostgreSQL")


async def test_a_mention_in_somebody_elses_thread_gives_a_command_there(rig: SlackRig) -> None:
    first = rig.server.people.say(BEN, GENERAL, "we should move")
    rig.server.people.say(ANA, GENERAL, f"{ME} ask plan it, please", first["ts"], raw=True)
    heard = await commanded(rig)
    assert (heard.name, heard.text, heard.place.thread) == ("ask", "plan it, please", first["ts"])


async def test_a_reply_that_begins_with_a_commands_name_is_a_reply(rig: SlackRig) -> None:
    asked = await rig.post(question())
    rig.server.people.say(ANA, GENERAL, f"{ME} cost matters most to us", asked.thread, raw=True)
    assert (await said(rig)).text == "cost matters most to us"


@pytest.mark.parametrize("text", [f"thanks, {ME}", f"{ME} hi", f"look what {ME} has done to our plans"])
async def test_a_short_mention_is_confirmed_before_it_costs_money(rig: SlackRig, text: str) -> None:
    rig.server.people.say(ANA, GENERAL, text, raw=True)
    await rig.server.until(lambda: rig.world.ephemeral)
    offer = rig.world.ephemeral[0]
    assert offer["to"] == ANA
    rig.server.people.click(ANA, GENERAL, offer, "command")
    heard = await commanded(rig)
    assert heard.name == "ask"
    assert ME not in heard.text


async def test_a_direct_message_is_a_command_or_needs_a_confirmation(rig: SlackRig) -> None:
    room = rig.world.direct(ANA)
    rig.server.people.say(ANA, room.id, "questions")
    heard = await commanded(rig)
    assert (heard.name, heard.place.channel) == ("questions", f"@{ANA}")
    rig.server.people.say(ANA, room.id, "plan our move to PostgreSQL")
    await rig.server.until(lambda: [message for message in room.messages.values() if message["user"] == BOT_USER])
    offer = next(message for message in room.messages.values() if message["user"] == BOT_USER)
    rig.server.people.click(ANA, room.id, offer, "command")
    heard = await commanded(rig)
    assert (heard.name, heard.text, heard.place.channel) == ("ask", "plan our move to PostgreSQL", f"@{ANA}")


async def test_a_question_in_direct_messages_is_answered_there(rig: SlackRig) -> None:
    place = rig.home.__class__(platform="slack", channel=f"@{BEN}")
    asked = await rig.post(question(), place=place)
    rig.server.people.say(BEN, rig.world.direct(BEN).id, "SQLite", asked.thread)
    heard = await said(rig)
    assert (heard.place.channel, heard.place.thread) == (f"@{BEN}", asked.thread)
    assert [item.text for item in await rig.adapter.read_thread(heard.place, asked.at)] == ["SQLite"]


# Who is not heard ---------------------------------------------------------------------------------------------------------


async def test_an_external_person_is_refused_privately(rig: SlackRig) -> None:
    asked = await rig.post(question())
    rig.server.people.say(STRANGER, GENERAL, "SQLite", asked.thread)
    await rig.server.until(lambda: rig.world.ephemeral)
    assert rig.world.ephemeral[0]["to"] == STRANGER
    rig.server.people.click(STRANGER, GENERAL, rig.card(2), "pass")
    await rig.server.until(lambda: len(rig.world.ephemeral) == 2)
    await rig.say(rig.thread(asked), "mine")
    assert (await said(rig)).text == "mine"
    assert [item.text for item in await rig.adapter.read_thread(rig.thread(asked), asked.at)] == ["mine"]


async def test_other_bots_are_ignored(rig: SlackRig) -> None:
    asked = await rig.post(question())
    rig.server.people.say(ROBOT, GENERAL, "1", asked.thread, bot_id="B9")
    rig.server.people.say(ROBOT, GENERAL, "1", asked.thread)
    await rig.say(rig.thread(asked), "mine")
    assert (await said(rig)).text == "mine"


@pytest.mark.parametrize("outer", [{"team_id": "T9AWAY"}, {"api_app_id": "A9OTHER"}])
async def test_a_request_for_another_team_or_app_is_refused(rig: SlackRig, outer: dict[str, str]) -> None:
    asked = await rig.post(question())
    event = {"type": "message", "user": ANA, "text": "1", "ts": rig.world.stamp(), "channel": GENERAL, "thread_ts": asked.thread}
    refused = rig.world.event(event, **outer)
    await rig.say(rig.thread(asked), "mine")
    assert (await said(rig)).text == "mine"
    assert refused.number in rig.world.unacknowledged


async def test_an_event_of_a_shared_channel_is_ours_if_we_are_among_its_teams(rig: SlackRig) -> None:
    asked = await rig.post(question())
    event = {"type": "message", "user": ANA, "text": "1", "ts": rig.world.stamp(), "channel": GENERAL, "thread_ts": asked.thread}
    rig.world.event(event, team_id="T9AWAY", authorizations=[{"team_id": TEAM}], api_app_id=APP)
    assert (await said(rig)).text == "1"


async def test_a_task_in_a_channel_without_the_bot_is_answered_with_the_fix(rig: SlackRig) -> None:
    rig.server.people.command(ANA, ELSEWHERE, "ask plan it")
    room = rig.world.direct(ANA)
    await rig.server.until(lambda: room.messages)
    (told,) = room.messages.values()
    assert "/invite @Townhall" in told["text"]
