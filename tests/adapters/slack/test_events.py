"""Messages on Slack, and the inbound events that they become."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from orchestrator_bridge.chat.adapter import NotSent
from orchestrator_bridge.chat.inbound import CommandReceived, ControlUsed, MessageDeleted, MessageReceived
from orchestrator_bridge.chat.testing import RUN, closed, question
from tests.support.fake_slack.faults import Fault, ReceivedRequest, Trouble
from tests.support.fake_slack.fixture import SlackDriver, slack_driver
from tests.support.fake_slack.shown import controls, words
from tests.support.fake_slack.state import ANA, APP, BEN, BOT_USER, CREW, ELSEWHERE, GENERAL, ROBOT, STRANGER, TEAM

ME = f"<@{BOT_USER}>"


@pytest.fixture
async def driver() -> AsyncIterator[SlackDriver]:
    async with slack_driver() as driver:
        yield driver


async def said(driver: SlackDriver) -> MessageReceived:
    heard = await driver.next_event()
    assert isinstance(heard, MessageReceived)
    return heard


async def commanded(driver: SlackDriver) -> CommandReceived:
    heard = await driver.next_event()
    assert isinstance(heard, CommandReceived)
    return heard


async def all_heard(driver: SlackDriver) -> None:
    """All envelopes are acknowledged."""
    await driver.server.until(lambda: not driver.world.unacknowledged)


# Threads ------------------------------------------------------------------------------------------------------------------


async def test_a_reply_that_was_sent_to_the_channel_too_counts(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    driver.server.people.say(ANA, GENERAL, "SQLite", asked.thread, broadcast=True)
    heard = await said(driver)
    assert (heard.text, heard.place.thread) == ("SQLite", asked.thread)


async def test_messages_between_people_are_ignored(driver: SlackDriver) -> None:
    first = driver.server.people.say(ANA, GENERAL, "lunch?")
    driver.server.people.say(BEN, GENERAL, "yes", first["ts"])
    driver.server.people.change(GENERAL, first["ts"], "lunch!")
    driver.server.people.delete(GENERAL, first["ts"])
    await all_heard(driver)
    run = await driver.post(RUN)
    await driver.say(driver.thread(run), "only this")
    assert (await said(driver)).text == "only this"


async def test_the_preview_of_a_link_is_no_edit(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    message = driver.server.people.say(ANA, GENERAL, "https://example.com", asked.thread)
    driver.server.people.unfurl(GENERAL, message["ts"])
    await all_heard(driver)
    await driver.say(driver.thread(asked), "next")
    assert [(await said(driver)).text for _ in range(2)] == ["https://example.com", "next"]


async def test_slacks_markup_is_read_as_it_was_typed(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    read = "README.md, a@b.example, docs (http://b.example), http://c.example"
    links = "<http://README.md|README.md>, <mailto:a@b.example|a@b.example>, <http://b.example|docs>, <http://c.example>"
    typed = f"<@{BEN}> &amp; <!subteam^{CREW}|@crew> in <#C9|shop>: 1 &lt; 2, {links} {ME}"
    driver.server.people.say(ANA, GENERAL, typed, run.thread, raw=True)
    heard = await said(driver)
    assert heard.text == f"@Ben Ng & @crew in #shop: 1 < 2, {read} @Townhall"
    assert [(person.id, person.name) for person in heard.mentions] == [(BEN, "Ben Ng")]


async def test_an_author_has_a_name_and_user_groups(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    await driver.say(driver.thread(run), "hello")
    author = (await said(driver)).author
    assert (author.name, author.roles) == ("Ana", (CREW,))
    members = driver.adapter.members(CREW)
    assert members is not None
    assert [item.id for item in members] == [ANA, BEN]
    assert driver.adapter.members("S9NONE") is None


async def test_a_changed_user_group_is_known_at_once(driver: SlackDriver) -> None:
    driver.world.groups[CREW] = [BEN]
    before = driver.server.count("usergroups.list")
    driver.world.create_event({"type": "subteam_members_changed", "subteam_id": CREW})
    await driver.server.until(lambda: driver.server.count("usergroups.list") > before)
    await driver.slack.session.requests.stop()
    assert [item.id for item in driver.adapter.members(CREW) or ()] == [BEN]


async def test_people_whom_a_message_mentions_are_looked_up_at_once(driver: SlackDriver) -> None:
    crowd = {
        f"U9{number}": {"id": f"U9{number}", "team_id": TEAM, "profile": {"display_name": f"N{number}"}} for number in range(25)
    }
    driver.world.people |= crowd
    open_requests, most = set[int](), [0]

    def watch(stage: str, asked: ReceivedRequest) -> None:
        if asked.path == "users.info" and stage != "done":
            open_requests.symmetric_difference_update({asked.number})  # once when it arrives, once when it is answered
            most.append(len(open_requests))

    driver.server.watch = watch
    driver.server.faults.plan = lambda asked: Fault(trouble="slow", seconds=0.05) if asked.path == "users.info" else None
    run = await driver.post(RUN)
    driver.server.people.say(ANA, GENERAL, " ".join(f"<@{user}>" for user in crowd), run.thread, raw=True)
    assert [person.name for person in (await said(driver)).mentions] == [f"N{number}" for number in range(25)]
    assert max(most) == 26


async def test_a_look_up_without_a_response_holds_no_other_thread(driver: SlackDriver) -> None:
    first, second = await driver.post(RUN), await driver.post(question())
    await driver.say(driver.thread(first), "hello")
    await said(driver)
    driver.server.faults.put("silence", "users.info")
    driver.server.people.say(BEN, GENERAL, "SQLite", first.thread)
    await driver.server.until(lambda: driver.server.count("users.info") == 2)
    await driver.say(driver.thread(second), "PostgreSQL")
    assert (await said(driver)).text == "PostgreSQL"


async def test_a_deletion_does_not_overtake_what_it_deletes(driver: SlackDriver) -> None:
    driver.server.faults.put("slow", "users.info", seconds=0.05)
    run = await driver.post(RUN)
    await driver.say(driver.thread(run), "no, wait")
    await driver.delete_message()
    assert isinstance(await driver.next_event(), MessageReceived)
    assert isinstance(await driver.next_event(), MessageDeleted)


async def test_attached_files_can_be_downloaded(driver: SlackDriver) -> None:
    run = await driver.post(RUN)
    file = {"id": "F1", "name": "plan.png", "mimetype": "image/png", "size": 3}
    driver.world.files["F1"] = {**file, "url_private_download": f"{driver.server.methods.url}/file/F1"}
    driver.world.contents["F1"] = b"png"
    driver.server.people.say(ANA, GENERAL, "see", run.thread, files=[file])
    (attachment,) = (await said(driver)).attachments
    assert (attachment.name, attachment.media_type, attachment.size) == ("plan.png", "image/png", 3)
    assert await driver.adapter.fetch(attachment) == b"png"


# Mentions and direct messages ---------------------------------------------------------------------------------------------


async def test_a_mention_delivered_as_two_events_is_one_command(driver: SlackDriver) -> None:
    driver.server.people.say(ANA, GENERAL, f"{ME} runs", raw=True)
    first, second = await commanded(driver), await commanded(driver)
    assert first.name == "runs"
    assert first.key == second.key


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        (f"{ME} cost, please", "cost", ""),
        (f"{ME}, cost", "cost", ""),
        (f"{ME}: runs!", "runs", ""),
        (f"{ME} help?", "help", ""),
        (f"{ME}\nask\nPlan it.\nSoon.", "ask", "Plan it.\nSoon."),
        (f"{ME} Ask: plan it", "ask", "plan it"),
    ],
)
async def test_punctuation_and_line_breaks_end_a_commands_name(driver: SlackDriver, text: str, name: str, rest: str) -> None:
    driver.server.people.say(ANA, GENERAL, text, raw=True)
    heard = await commanded(driver)
    assert (heard.name, heard.text) == (name, rest)


@pytest.mark.parametrize(
    ("text", "name", "rest"),
    [
        (f"{ME} plan our move to PostgreSQL", "task", "plan our move to PostgreSQL"),
        (f"{ME} thoughts?", "task", "thoughts?"),
        (f"thanks, {ME}", "remark", "thanks,"),
        (f"look what {ME} has done to our plans", "remark", "look what has done to our plans"),
        (f"{ME} stop", "cancel", ""),
        (f"{ME} cancel run 2", "cancel", "2"),
        (f"{ME} cost of moving to another host", "task", "cost of moving to another host"),
    ],
)
async def test_words_after_a_mention_are_a_command_a_task_or_a_remark(
    driver: SlackDriver, text: str, name: str, rest: str
) -> None:
    driver.server.people.say(ANA, GENERAL, text, raw=True)
    first, second = await commanded(driver), await commanded(driver)
    assert (first.name, first.text) == (name, rest)
    assert first.key == second.key


async def test_a_mention_in_somebody_elses_thread_gives_a_command_there(driver: SlackDriver) -> None:
    first = driver.server.people.say(BEN, GENERAL, "we should move")
    driver.server.people.say(ANA, GENERAL, f"{ME} ask plan it, please", first["ts"], raw=True)
    heard = await commanded(driver)
    assert (heard.name, heard.text, heard.place.thread) == ("ask", "plan it, please", first["ts"])


async def test_a_reply_that_begins_with_a_commands_name_is_a_reply(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    driver.server.people.say(ANA, GENERAL, f"{ME} cost matters most to us", asked.thread, raw=True)
    assert (await said(driver)).text == "cost matters most to us"


async def test_a_direct_message_is_a_command_or_a_task(driver: SlackDriver) -> None:
    room = driver.world.direct(ANA)
    driver.server.people.say(ANA, room.id, "questions")
    heard = await commanded(driver)
    assert (heard.name, heard.place.channel) == ("questions", f"@{ANA}")
    driver.server.people.say(ANA, room.id, "our move to PostgreSQL")
    heard = await commanded(driver)
    assert (heard.name, heard.text, heard.place.channel) == ("task", "our move to PostgreSQL", f"@{ANA}")


async def test_words_in_direct_messages_are_guidance_while_a_run_is_the_only_open_card_there(driver: SlackDriver) -> None:
    room, direct = driver.world.direct(ANA), replace(driver.home, channel=f"@{ANA}")
    run = await driver.post(RUN, place=direct)
    spoken = driver.server.people.say(ANA, room.id, "It has to be cheap to run")
    heard = await said(driver)
    assert (heard.place.thread, heard.message, heard.addressed) == (run.thread, spoken["ts"], True)
    driver.server.people.say(ANA, room.id, "status")
    assert (await commanded(driver)).name == "runs"
    await driver.reconnect()
    asked = await driver.post(question(), place=direct)
    driver.server.people.say(ANA, room.id, "words beside a question")
    assert (await commanded(driver)).name == "task"
    await driver.post(closed(question()), place=direct, replaces=asked)
    await driver.post(replace(RUN, ended=True), place=direct, replaces=run)
    driver.server.people.say(ANA, room.id, "our move to PostgreSQL")
    assert (await commanded(driver)).name == "task"


async def test_a_notice_is_sent_once_however_often_its_event_is_delivered(driver: SlackDriver) -> None:
    driver.server.people.say(ANA, GENERAL, f"{ME} ask", raw=True)
    driver.server.people.say(STRANGER, GENERAL, f"{ME} plan our move to PostgreSQL", raw=True)
    await all_heard(driver)
    for envelope in list(driver.world.envelopes):
        driver.world.deliver_again(envelope)
    await all_heard(driver)
    await driver.slack.session.requests.stop()
    assert len(driver.world.ephemeral) == 2


async def test_a_question_in_direct_messages_is_answered_there(driver: SlackDriver) -> None:
    place = driver.home.__class__(platform="slack", channel=f"@{BEN}")
    asked = await driver.post(question(), place=place)
    driver.server.people.say(BEN, driver.world.direct(BEN).id, "SQLite", asked.thread)
    heard = await said(driver)
    assert (heard.place.channel, heard.place.thread) == (f"@{BEN}", asked.thread)
    assert [item.text for item in await driver.adapter.read_thread(heard.place, asked.at)] == ["SQLite"]


# Reactions ----------------------------------------------------------------------------------------------------------------


async def test_reactions_of_bots_unknown_people_and_to_other_messages_answer_nothing(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    run = await driver.post(RUN)
    channel, people = driver.world.channels[GENERAL].messages, driver.server.people
    people.react(ROBOT, GENERAL, channel[asked.message], "one")
    people.react(ANA, GENERAL, channel[run.message], "one")
    people.react(ANA, GENERAL, people.say(BEN, GENERAL, "lunch?"), "one")
    people.react(STRANGER, GENERAL, channel[asked.message], "one")
    await driver.server.until(lambda: driver.world.ephemeral)
    assert "Only members of this workspace" in words(driver.world.ephemeral[0])
    people.react(ANA, GENERAL, channel[asked.message], "two")
    heard = await driver.next_event()
    assert isinstance(heard, ControlUsed)
    assert (heard.question, heard.press, heard.value, heard.place.thread) == (2, "option", "lite", asked.thread)


# Edits of commands --------------------------------------------------------------------------------------------------------


async def test_the_edit_of_a_task_is_answered(driver: SlackDriver) -> None:
    said_first = driver.server.people.say(ANA, GENERAL, f"{ME} plan our move", raw=True)
    first = await commanded(driver)
    assert (await commanded(driver)).key == first.key
    driver.world.channels[GENERAL].messages[said_first["ts"]]["text"] = f"{ME} plan our move"
    driver.server.people.change(GENERAL, said_first["ts"], f"{ME} plan our move to PostgreSQL", raw=True)
    edit = await commanded(driver)
    assert (edit.name, edit.text) == ("edit", "@Townhall plan our move to PostgreSQL")
    assert edit.key != first.key


# Who is not heard ---------------------------------------------------------------------------------------------------------


async def test_an_external_person_is_refused_privately(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    driver.server.people.say(STRANGER, GENERAL, "SQLite", asked.thread)
    await driver.server.until(lambda: driver.world.ephemeral)
    assert driver.world.ephemeral[0]["to"] == STRANGER
    driver.server.people.click(STRANGER, GENERAL, driver.card(2), "pass")
    await driver.server.until(lambda: len(driver.world.ephemeral) == 2)
    await driver.say(driver.thread(asked), "mine")
    assert (await said(driver)).text == "mine"
    assert [item.text for item in await driver.adapter.read_thread(driver.thread(asked), asked.at)] == ["mine"]


@pytest.mark.parametrize("text", [f"{ME} plan our move to PostgreSQL", f"{ME} thoughts?", "PostgreSQL"])
@pytest.mark.parametrize("trouble", ["error", "silence"])
async def test_somebody_who_cannot_be_looked_up_is_refused_until_it_works(text: str, trouble: Trouble) -> None:
    async with slack_driver(lookup_timeout=0.05) as driver:
        asked = await driver.post(question())
        driver.server.faults.put(trouble, "users.info", name="token_revoked")
        driver.server.people.say(ANA, GENERAL, text, None if ME in text else asked.thread, raw=True)
        await driver.server.until(lambda: driver.world.ephemeral)
        assert "did not confirm that you are a member" in words(driver.world.ephemeral[0])
        assert controls(driver.world.ephemeral[0]) == ()
        driver.server.people.command(BEN, GENERAL, "runs")
        assert (await commanded(driver)).name == "runs"


async def test_a_click_of_somebody_who_cannot_be_looked_up_is_refused(driver: SlackDriver) -> None:
    await driver.post(question())
    driver.server.faults.put("error", "users.info", name="token_revoked")
    driver.server.people.click(ANA, GENERAL, driver.card(2), "pass")
    await driver.server.until(lambda: driver.world.ephemeral)
    assert "did not confirm that you are a member" in words(driver.world.ephemeral[0])


async def test_a_thread_is_not_read_while_one_of_its_authors_is_unknown(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    driver.server.people.say(BEN, GENERAL, "SQLite", asked.thread, delivered=False)
    driver.server.faults.put("error", "users.info", name="token_revoked")
    with pytest.raises(NotSent, match="who U2BEN is"):
        await driver.adapter.read_thread(driver.thread(asked), asked.at)
    assert [item.text for item in await driver.adapter.read_thread(driver.thread(asked), asked.at)] == ["SQLite"]


async def test_the_team_of_a_message_shows_an_external_person(driver: SlackDriver) -> None:
    del driver.world.people[STRANGER]["is_stranger"]
    driver.world.people[STRANGER]["team_id"] = TEAM
    driver.server.people.say(STRANGER, GENERAL, f"{ME} plan our move to PostgreSQL", raw=True, team="T9AWAY")
    await driver.server.until(lambda: driver.world.ephemeral)
    assert "Only members of this workspace" in words(driver.world.ephemeral[0])


@pytest.mark.parametrize("subtype", ["channel_topic", "channel_join", "huddle_thread", "sh_room_created", "pinned_item"])
async def test_a_system_message_is_nobodys_words(subtype: str) -> None:
    async with slack_driver() as driver:
        driver.slack._listed = (ANA,)
        await driver.adapter.stop()
        await driver.start()
        asked = await driver.post(question())
        driver.server.people.say(ANA, GENERAL, "set the topic", asked.thread, subtype=subtype)
        await driver.say(driver.thread(asked), "SQLite")
        assert (await said(driver)).text == "SQLite"


async def test_other_bots_are_ignored(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    driver.server.people.say(ROBOT, GENERAL, "1", asked.thread, bot_id="B9")
    driver.server.people.say(ROBOT, GENERAL, "1", asked.thread)
    await driver.say(driver.thread(asked), "mine")
    assert (await said(driver)).text == "mine"


@pytest.mark.parametrize("outer", [{"team_id": "T9AWAY"}, {"api_app_id": "A9OTHER"}])
async def test_a_request_for_another_team_or_app_is_refused(driver: SlackDriver, outer: dict[str, str]) -> None:
    asked = await driver.post(question())
    event = {
        "type": "message",
        "user": ANA,
        "text": "1",
        "ts": driver.world.stamp(),
        "channel": GENERAL,
        "thread_ts": asked.thread,
    }
    refused = driver.world.create_event(event, **outer)
    await driver.say(driver.thread(asked), "mine")
    assert (await said(driver)).text == "mine"
    assert refused.number in driver.world.unacknowledged


async def test_an_event_of_a_shared_channel_is_ours_if_we_are_among_its_teams(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    event = {
        "type": "message",
        "user": ANA,
        "text": "1",
        "ts": driver.world.stamp(),
        "channel": GENERAL,
        "thread_ts": asked.thread,
    }
    driver.world.create_event(event, team_id="T9AWAY", authorizations=[{"team_id": TEAM}], api_app_id=APP)
    assert (await said(driver)).text == "1"


async def test_a_task_in_a_channel_without_the_bot_is_answered_with_the_fix(driver: SlackDriver) -> None:
    driver.server.people.command(ANA, ELSEWHERE, "ask plan it")
    room = driver.world.direct(ANA)
    await driver.server.until(lambda: room.messages)
    (told,) = room.messages.values()
    assert "/invite @Townhall" in told["text"]
