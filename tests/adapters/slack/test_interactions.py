"""Slash commands, buttons, modals, the message shortcut and App Home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from orchestrator_bridge.chat.inbound import Attachment, CommandReceived, ControlUsed, InboundEvent, MessageReceived
from orchestrator_bridge.chat.outbound import Confirmation, Link, PrivateReply, Table
from orchestrator_bridge.chat.testing import RUN, closed, question
from tests.support.fake_slack.fixture import SlackDriver, slack_driver
from tests.support.fake_slack.limits import wrong_in_options
from tests.support.fake_slack.server import SlackServer
from tests.support.fake_slack.shown import controls, words
from tests.support.fake_slack.state import ANA, BEN, BOT_USER, ELSEWHERE, GENERAL, GONE, ROBOT, STRANGER, Envelope


@pytest.fixture
async def driver() -> AsyncIterator[SlackDriver]:
    async with slack_driver() as driver:
        yield driver


async def commanded(driver: SlackDriver) -> CommandReceived:
    heard = await driver.next_event()
    assert isinstance(heard, CommandReceived)
    return heard


async def opened(driver: SlackDriver, count: int = 1) -> dict[str, Any]:
    await driver.server.until(lambda: len(driver.world.views) >= count)
    return driver.world.views[-1]


def options(view: dict[str, Any], name: str) -> list[str]:
    element = next(block["element"] for block in view["blocks"] if block.get("element", {}).get("action_id") == name)
    return [option["value"] for option in element["options"]]


# Forms --------------------------------------------------------------------------------------------------------------------


async def test_ask_without_a_task_opens_a_modal_for_one(driver: SlackDriver) -> None:
    driver.server.people.command(ANA, GENERAL, "ask")
    view = await opened(driver)
    assert options(view, "team") == ["house", "docs"]
    file = {"id": "F1", "name": "plan.txt", "mimetype": "text/plain", "size": 5}
    driver.server.people.submit(ANA, view, task="Plan it & <go>", team="docs", files=[file])
    heard = await commanded(driver)
    assert (heard.name, heard.text, heard.options) == ("ask", "Plan it & <go>", (("team", "docs"),))
    assert heard.place == driver.home
    assert [file.name for file in heard.attachments] == ["plan.txt"]


async def test_a_model_is_searched_and_selected_for_a_team(driver: SlackDriver) -> None:
    driver.server.people.command(ANA, GENERAL, "model")
    view = await opened(driver)
    assert "grok-4.3" in words(view)
    driver.server.people.click_in_view(ANA, view, "scope", "team:docs")
    await driver.server.until(lambda: "gpt-9" in words(driver.world.views[-1]))
    view = driver.world.views[-1]
    asked = driver.server.people.search(ANA, view, "grok")
    await driver.server.until(lambda: asked.number in driver.world.answers)
    found = driver.world.answers[asked.number]["options"]
    assert wrong_in_options(found) == []
    assert [message["value"] for message in found] == ["grok-4.3", "grok-4.1-fast"]
    assert "retired" in found[1]["description"]["text"]
    driver.server.people.submit(ANA, view, model="grok-4.1-fast")
    heard = await commanded(driver)
    assert (heard.name, heard.text, heard.options) == ("model", "grok-4.1-fast", (("scope", "team:docs"),))


async def test_the_selected_model_is_marked_in_the_list(driver: SlackDriver) -> None:
    driver.server.people.command(ANA, GENERAL, "model")
    asked = driver.server.people.search(ANA, await opened(driver), "")
    await driver.server.until(lambda: asked.number in driver.world.answers)
    shown = [option["text"]["text"] for option in driver.world.answers[asked.number]["options"]]
    assert shown == ["✓ grok-4.3", "grok-4.1-fast", "no key: gpt-9"]


async def test_a_selection_that_needs_a_confirmation_gets_a_button(driver: SlackDriver) -> None:
    driver.server.people.command(ANA, GENERAL, "model grok-4.1-fast")
    heard = await commanded(driver)
    confirm = Confirmation(label="Use it", name="model", text="grok-4.1-fast", options=(("sure", "yes"),))
    await driver.adapter.reply_privately(
        heard, PrivateReply(text="It is retired; grok-4.3 answers.", tone="warning", confirm=confirm)
    )
    offer = driver.world.ephemeral[-1]
    driver.server.people.click(ANA, GENERAL, offer, "command")
    again = await commanded(driver)
    await driver.server.until(lambda: offer not in driver.world.ephemeral)
    assert (again.name, again.text, again.options) == ("model", "grok-4.1-fast", (("sure", "yes"),))
    driver.server.people.click(ANA, GENERAL, offer, "command")
    assert (await commanded(driver)).key == again.key, "clicked twice is meant once"


async def test_a_confirmed_command_keeps_its_files(driver: SlackDriver) -> None:
    driver.server.people.command(ANA, GENERAL, "ask see")
    file = Attachment(name="plan.txt", media_type="text/plain", size=8, ref="F1")
    confirm = Confirmation(label="Start a run", name="ask", text="see", attachments=(file,))
    await driver.adapter.reply_privately(await commanded(driver), PrivateReply(text="Start?", confirm=confirm))
    driver.server.people.click(ANA, GENERAL, driver.world.ephemeral[-1], "command")
    assert (await commanded(driver)).attachments == (file,)


async def test_the_address_of_a_click_gets_a_request_only_if_it_is_slacks(driver: SlackDriver) -> None:
    before = len(driver.world.effects)
    await driver.slack.session.private_replies.remove("http://127.0.0.1:9/response/1")
    await driver.slack.session.private_replies.remove("https://hooks.slack.com.evil.example/1")
    await driver.slack.session.private_replies.remove(f"{driver.server.methods.url}/response/1")
    assert [effect.what for effect in driver.world.effects[before:]] == ["remove"]


async def test_ask_about_a_message_quotes_it_in_the_modal(driver: SlackDriver) -> None:
    file = {"id": "F1", "name": "log.txt", "mimetype": "text/plain", "size": 5}
    message = driver.server.people.say(ANA, GENERAL, "the export is slow", files=[file] * 9)
    driver.server.people.ask_about(ANA, GENERAL, message)
    view = await opened(driver)
    quoted = view["blocks"][0]["element"]["initial_value"]
    assert quoted.startswith("About this message by Ana:\n> the export is slow")
    driver.server.people.submit(ANA, view, task=f"{quoted}Why?")
    heard = await commanded(driver)
    assert heard.text.endswith("Why?")
    assert len(heard.attachments) == 5
    assert heard.attachments[0] == Attachment(ref="F1", name="log.txt", media_type="text/plain", size=5)


async def test_a_mention_alone_offers_a_button_that_opens_the_modal(driver: SlackDriver) -> None:
    driver.server.people.say(ANA, driver.world.direct(ANA).id, "model")
    await driver.server.until(lambda: driver.world.effects)
    offer = driver.world.effects[-1]
    driver.server.people.click(ANA, offer.channel, dict(offer.body), "form/model")
    assert (await opened(driver))["callback_id"] == "model"


async def test_an_answer_is_written_in_a_modal(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    driver.server.people.click(ANA, GENERAL, driver.card(2), "write")
    view = await opened(driver)
    assert "Which database shall we take?" in words(view)
    driver.server.people.submit(ANA, view, answer="PostgreSQL, but on Friday")
    heard = await driver.next_event()
    assert isinstance(heard, ControlUsed)
    assert (heard.press, heard.question, heard.value) == ("write", 2, "PostgreSQL, but on Friday")
    assert heard.place.thread == asked.thread


async def test_a_question_is_delegated_to_another_person(driver: SlackDriver) -> None:
    await driver.post(question())
    driver.server.people.click(ANA, GENERAL, driver.card(2), "hand", BEN)
    heard = await driver.next_event()
    assert isinstance(heard, ControlUsed)
    assert (heard.press, heard.question, heard.value) == ("pass", 2, BEN)
    assert heard.to is not None
    assert (heard.to.id, heard.to.name) == (BEN, "Ben Ng")


@pytest.mark.parametrize(
    ("to", "why"),
    [
        (BOT_USER, "does not answer its own questions"),
        (ROBOT, "Robot is an app"),
        (GONE, "The account of Gus is deactivated"),
        (STRANGER, "Sly is not a member of this workspace"),
        ("U9NOBODY", "is not a member of this workspace"),
    ],
)
async def test_a_question_is_not_delegated_to_somebody_who_cannot_answer(driver: SlackDriver, to: str, why: str) -> None:
    asked = await driver.post(question())
    driver.server.people.click(ANA, GENERAL, driver.card(2), "hand", to)
    await driver.server.until(lambda: driver.world.ephemeral)
    assert why in words(driver.world.ephemeral[0])
    driver.server.people.say(ANA, GENERAL, f"over to <@{to}>", asked.thread, raw=True)
    heard = await driver.next_event()
    assert isinstance(heard, MessageReceived)
    assert (heard.mentions, "over to @" in heard.text) == ((), True)
    driver.server.people.command(BEN, GENERAL, f"questions 2 pass <@{to}>", raw=True)
    while not isinstance(heard := await driver.next_event(), CommandReceived):
        pass  # a mention of the bot is delivered twice
    assert (heard.mentions, "pass @" in heard.text) == ((), True)


@pytest.mark.parametrize("way", ["slash", "mention"])
async def test_a_command_has_the_people_whom_it_mentions(driver: SlackDriver, way: str) -> None:
    if way == "slash":
        driver.server.people.command(ANA, GENERAL, f"questions 2 pass <@{BEN}|ben>", raw=True)
    else:
        driver.server.people.say(ANA, GENERAL, f"<@{BOT_USER}> questions 2 pass <@{BEN}>", raw=True)
    heard = await commanded(driver)
    assert (heard.name, heard.text) == ("questions", "2 pass @Ben Ng")
    assert [(person.id, person.name) for person in heard.mentions] == [(BEN, "Ben Ng")]


# Forms that stay open, and forms that do not open -------------------------------------------------------------------------


async def refused(driver: SlackDriver, submitted: Envelope) -> dict[str, str]:
    """The errors below the fields of a submitted form."""
    await driver.server.until(lambda: submitted.number in driver.world.answers)
    errors: dict[str, str] = driver.world.answers[submitted.number]["errors"]
    return errors


async def test_a_task_for_a_channel_without_the_bot_stays_in_its_form(driver: SlackDriver) -> None:
    driver.server.people.open_home(ANA)
    await driver.adapter.reply_privately(await commanded(driver), PrivateReply(text="Nothing waits for you."))
    driver.server.people.click_in_view(ANA, driver.world.homes[ANA], "form/ask")
    view, task = await opened(driver), "Plan it. " * 240
    errors = await refused(driver, driver.server.people.submit(ANA, view, task=task, channel=ELSEWHERE))
    assert list(errors) == ["channel"]
    assert "/invite @Townhall" in errors["channel"]
    driver.server.people.submit(ANA, view, task=task, channel=GENERAL)
    assert (await commanded(driver)).text == task


async def test_a_task_that_was_opened_where_the_bot_is_not_stays_in_its_form(driver: SlackDriver) -> None:
    driver.server.people.command(ANA, ELSEWHERE, "ask")
    errors = await refused(driver, driver.server.people.submit(ANA, await opened(driver), task="Plan it"))
    assert list(errors) == ["task"]


async def test_an_answer_that_cannot_be_stored_stays_in_its_form(driver: SlackDriver) -> None:
    await driver.post(question())
    driver.server.people.click(ANA, GENERAL, driver.card(2), "write")
    view = await opened(driver)
    driver.fail_next_store()
    errors = await refused(driver, driver.server.people.submit(ANA, view, answer="PostgreSQL, but on Friday"))
    assert "could not store" in errors["answer"]


async def test_an_external_persons_form_stays_open(driver: SlackDriver) -> None:
    driver.server.people.command(STRANGER, GENERAL, "ask")
    errors = await refused(driver, driver.server.people.submit(STRANGER, await opened(driver), task="Tell me all"))
    assert "Only members of this workspace" in errors["task"]


async def test_words_of_a_form_that_closed_before_it_was_refused_are_returned() -> None:
    async with slack_driver(acknowledge_after=0.01) as driver:
        driver.server.people.command(ANA, GENERAL, "ask")
        view, free = await opened(driver), asyncio.Event()

        async def broken(heard: InboundEvent) -> None:
            await free.wait()
            raise OSError("the disk is full")

        await driver.adapter.stop()
        await driver.adapter.start(broken)
        submitted = driver.server.people.submit(ANA, view, task="Plan it & go. " * 400)
        await driver.server.until(lambda: submitted.number in driver.world.answers)
        free.set()
        await driver.server.until(lambda: any("You wrote" in words(message) for message in driver.world.ephemeral))
        assert words(driver.world.ephemeral[-1]).count("Plan it & go.") == 400


async def test_the_submitted_scope_of_a_model_counts_and_not_the_drawn_one(driver: SlackDriver) -> None:
    driver.server.people.command(ANA, GENERAL, "model")
    view = await opened(driver)
    driver.server.people.submit(ANA, view, model="grok-4.3", scope="agent:skeptic")
    assert (await commanded(driver)).options == (("scope", "agent:skeptic"),)
    driver.server.people.click_in_view(ANA, view, "scope", "agent:skeptic")
    await driver.server.until(lambda: "agent:skeptic" in driver.world.views[-1]["private_metadata"])
    driver.server.people.submit(ANA, driver.world.views[-1], model="grok-4.3", scope="channel")
    assert (await commanded(driver)).options == ()


@pytest.mark.parametrize("trouble", ["expired_trigger_id", "ratelimited"])
@pytest.mark.parametrize(("form", "instead"), [("ask", "/townhall ask and the task"), ("model", "/townhall model")])
async def test_a_form_that_does_not_open_is_reported_with_another_way(
    driver: SlackDriver, trouble: str, form: str, instead: str
) -> None:
    driver.server.faults.put("error", "views.open", name=trouble)
    driver.server.people.command(ANA, GENERAL, form)
    await driver.server.until(lambda: driver.world.ephemeral)
    assert "did not open the form" in words(driver.world.ephemeral[0])
    assert instead in words(driver.world.ephemeral[0])


async def test_an_answer_form_that_does_not_open_is_reported(driver: SlackDriver) -> None:
    await driver.post(question())
    driver.server.faults.put("limit", "views.open", seconds=30)
    driver.server.people.click(ANA, GENERAL, driver.card(2), "write")
    await driver.server.until(lambda: driver.world.ephemeral)
    assert "reply in the question's thread" in words(driver.world.ephemeral[0])


# Acknowledging ------------------------------------------------------------------------------------------------------------


async def test_a_click_is_acknowledged_while_the_store_is_busy() -> None:
    async with slack_driver(acknowledge_after=0.01) as driver:
        await driver.post(question())
        free, inner = asyncio.Event(), driver._receive

        async def busy(heard: InboundEvent) -> None:
            await free.wait()
            await inner(heard)

        await driver.adapter.stop()
        await driver.adapter.start(busy)
        driver.server.people.click(ANA, GENERAL, driver.card(2), "pass")
        await driver.server.until(lambda: not driver.world.unacknowledged and driver.world.ephemeral)
        assert "not stored yet" in words(driver.world.ephemeral[0])
        free.set()
        assert isinstance(await driver.next_event(), ControlUsed)


async def test_a_person_is_notified_when_a_click_could_not_be_stored(driver: SlackDriver) -> None:
    await driver.post(question())
    driver.fail_next_store()
    driver.server.people.click(ANA, GENERAL, driver.card(2), "pass")
    await driver.server.until(lambda: driver.world.ephemeral)
    assert "could not" in words(driver.world.ephemeral[0]) or "not taken" in words(driver.world.ephemeral[0])


async def test_a_click_on_a_question_that_has_ended_still_arrives(driver: SlackDriver) -> None:
    posted = await driver.post(question())
    before = driver.card(2)
    await driver.post(closed(question()), replaces=posted)
    driver.server.people.click(ANA, GENERAL, before, "option/1")
    heard = await driver.next_event()
    assert isinstance(heard, ControlUsed)
    await driver.adapter.reply_privately(heard, PrivateReply(text="Too late: Alice answered SQLite."))
    assert "Too late" in words(driver.world.ephemeral[-1])


async def test_an_unknown_button_is_answered(driver: SlackDriver) -> None:
    old = {"ts": "1.1", "blocks": [{"type": "actions", "block_id": "old", "elements": [{"type": "button", "action_id": "x"}]}]}
    driver.server.people.click(ANA, GENERAL, old, "x")
    await driver.server.until(lambda: driver.world.ephemeral)
    assert "older version" in words(driver.world.ephemeral[0])


# App Home and words -------------------------------------------------------------------------------------------------------


async def test_app_home_shows_the_reply_of_the_bridge(driver: SlackDriver) -> None:
    posted = await driver.post(RUN)
    driver.server.people.open_home(ANA)
    heard = await commanded(driver)
    assert (heard.name, heard.place.channel) == ("home", f"@{ANA}")
    link = Link(text="Question 2", place=driver.home, message=posted.message)
    table = Table(title="Waits for you", columns=("question", "what"), rows=((link, "Which database?"),))
    empty = Table(title="Your runs", columns=("run",), rows=())
    await driver.adapter.reply_privately(heard, PrivateReply(text="One question waits for you.", tables=(table, empty)))
    view = driver.world.homes[ANA]
    address = f"https://home.slack.example/archives/{GENERAL}/p{posted.message.replace('.', '')}"
    assert f"<{address}|Question 2>" in str(view["blocks"])
    assert "Nothing yet" in words(view)
    assert controls(view) == ("Give a task", "Models of which channel?", "Select a model")


async def test_a_task_can_be_given_in_app_home_for_any_channel(driver: SlackDriver) -> None:
    driver.server.people.open_home(ANA)
    await driver.adapter.reply_privately(await commanded(driver), PrivateReply(text="Nothing waits for you."))
    driver.server.people.click_in_view(ANA, driver.world.homes[ANA], "form/ask")
    driver.server.people.submit(ANA, await opened(driver), task="Plan it", channel=GENERAL)
    heard = await commanded(driver)
    assert (heard.name, heard.place.channel) == ("ask", GENERAL)


async def test_commands_are_named_as_they_are_typed_on_slack(driver: SlackDriver) -> None:
    await driver.command("runs", "")
    await driver.adapter.reply_privately(
        await driver.next_event(), PrivateReply(text="No runs yet. Start one: `/ask` and the task. See https://a.example/runs")
    )
    assert "`/townhall ask` and the task. See https://a.example/runs" in words(driver.world.ephemeral[-1])


async def test_peoples_words_are_never_rewritten(driver: SlackDriver) -> None:
    task = "Document our /models endpoint, as in README.md"
    await driver.command("runs", "")
    runs = Table(title="Runs", columns=("run", "task"), rows=(("3", task),))
    text = f"Should the agents work on this?\n> {task}, or `/models`\nQuestion 2 asks: {task}"
    await driver.adapter.reply_privately(await driver.next_event(), PrivateReply(text=text, tables=(runs,)))
    shown_words = words(driver.world.ephemeral[-1])
    assert shown_words.count(task) == 3
    assert "/townhall" not in shown_words


async def test_the_list_of_commands_shows_them_as_they_are_typed_on_slack(driver: SlackDriver) -> None:
    await driver.command("help", "")
    table = Table(columns=("command", "what it does"), rows=(("/ask TASK", "Give a task"),), commands=True)
    await driver.adapter.reply_privately(await driver.next_event(), PrivateReply(text="", tables=(table,)))
    assert "/townhall ask TASK" in words(driver.world.ephemeral[-1])


@pytest.mark.parametrize("text", ["ask\nPlan it.\nSoon.", "ask: Plan it.\nSoon.", "/ask\tPlan it.\nSoon."])
async def test_a_line_break_or_punctuation_ends_a_commands_name(driver: SlackDriver, text: str) -> None:
    driver.server.people.command(ANA, GENERAL, text)
    heard = await commanded(driver)
    assert (heard.name, heard.text) == ("ask", "Plan it.\nSoon.")


@pytest.mark.parametrize("outer", [{"team": {"id": "T9AWAY"}, "api_app_id": "A9OTHER"}, {"api_app_id": "A9OTHER"}])
@pytest.mark.parametrize("kind", ["block_actions", "view_submission", "message_action", "block_suggestion"])
async def test_an_interaction_of_another_app_or_team_is_refused(driver: SlackDriver, outer: dict[str, Any], kind: str) -> None:
    asked = await driver.post(question())
    driver.server.people.click(ANA, GENERAL, driver.card(2), "option/1")
    await driver.next_event()
    ours = driver.world.envelopes[-1].payload
    refused = driver.world.create_envelope("interactive", {**ours, **outer, "type": kind, "trigger_id": "9.9.forged"})
    await driver.say(driver.thread(asked), "mine")
    heard = await driver.next_event()
    assert isinstance(heard, MessageReceived)
    assert refused.number in driver.world.unacknowledged


async def test_a_click_that_names_another_team_is_refused_with_a_notice(driver: SlackDriver) -> None:
    asked = await driver.post(question())
    driver.server.people.click(ANA, GENERAL, driver.card(2), "option/1")
    await driver.next_event()
    ours = driver.world.envelopes[-1].payload
    driver.world.create_envelope("interactive", {**ours, "team": {"id": "T9AWAY"}, "trigger_id": "9.9.forged"})
    await driver.server.until(lambda: driver.world.ephemeral)
    assert "Only members of this workspace" in words(driver.world.ephemeral[0])
    await driver.say(driver.thread(asked), "mine")
    assert isinstance(await driver.next_event(), MessageReceived)


async def test_slash_alone_asks_for_help(driver: SlackDriver) -> None:
    driver.server.people.command(ANA, GENERAL, "")
    assert (await commanded(driver)).name == "help"


async def test_a_click_of_another_app_is_refused_where_the_bot_may_not_ask_which_app_it_is() -> None:
    async with SlackServer() as server:
        server.faults.put("error", "bots.info", name="missing_scope")
        driver = SlackDriver(server)
        await driver.start()
        await driver.post(question())
        driver.server.people.click(ANA, GENERAL, driver.card(2), "option/1")
        await driver.next_event()
        ours = driver.world.envelopes[-1].payload
        refused = driver.world.create_envelope("interactive", {**ours, "api_app_id": "A9OTHER", "trigger_id": "9.9.forged"})
        await driver.command("runs", "")
        assert isinstance(await driver.next_event(), CommandReceived)
        assert refused.number in driver.world.unacknowledged
        await driver.adapter.stop()
