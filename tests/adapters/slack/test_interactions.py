"""Slash commands, buttons, modals, the message shortcut and App Home."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from orchestrator_bridge.chat.inbound import Attachment, CommandReceived, ControlUsed, InboundEvent
from orchestrator_bridge.chat.outbound import Confirmation, Link, PrivateReply, Table
from orchestrator_bridge.chat.testing import RUN, closed, question
from tests.support.fake_slack.fixture import SlackRig, a_rig
from tests.support.fake_slack.limits import wrong_in_options
from tests.support.fake_slack.shown import controls, words
from tests.support.fake_slack.state import ANA, BEN, BOT_USER, GENERAL


@pytest.fixture
async def rig() -> AsyncIterator[SlackRig]:
    async with a_rig() as rig:
        yield rig


async def commanded(rig: SlackRig) -> CommandReceived:
    heard = await rig.next_event()
    assert isinstance(heard, CommandReceived)
    return heard


async def opened(rig: SlackRig, count: int = 1) -> dict[str, Any]:
    await rig.server.until(lambda: len(rig.world.views) >= count)
    return rig.world.views[-1]


def options(view: dict[str, Any], name: str) -> list[str]:
    element = next(block["element"] for block in view["blocks"] if block.get("element", {}).get("action_id") == name)
    return [option["value"] for option in element["options"]]


# Forms --------------------------------------------------------------------------------------------------------------------


async def test_ask_without_a_task_opens_a_modal_for_one(rig: SlackRig) -> None:
    rig.server.people.command(ANA, GENERAL, "ask")
    view = await opened(rig)
    assert options(view, "team") == ["house", "docs"]
    file = {"id": "F1", "name": "plan.txt", "mimetype": "text/plain", "size": 5}
    rig.server.people.submit(ANA, view, task="Plan it & <go>", team="docs", files=[file])
    heard = await commanded(rig)
    assert (heard.name, heard.text, heard.options) == ("ask", "Plan it & <go>", (("team", "docs"),))
    assert heard.place == rig.home
    assert [file.name for file in heard.attachments] == ["plan.txt"]


async def test_a_model_is_searched_and_selected_for_a_team(rig: SlackRig) -> None:
    rig.server.people.command(ANA, GENERAL, "model")
    view = await opened(rig)
    assert "grok-4.3" in words(view)
    rig.server.people.click_in_view(ANA, view, "scope", "team:docs")
    await rig.server.until(lambda: "gpt-9" in words(rig.world.views[-1]))
    view = rig.world.views[-1]
    asked = rig.server.people.search(ANA, view, "grok")
    await rig.server.until(lambda: asked.number in rig.world.answers)
    found = rig.world.answers[asked.number]["options"]
    assert wrong_in_options(found) == []
    assert [message["value"] for message in found] == ["grok-4.3", "grok-4.1-fast"]
    assert "retired" in found[1]["description"]["text"]
    rig.server.people.submit(ANA, view, model="grok-4.1-fast")
    heard = await commanded(rig)
    assert (heard.name, heard.text, heard.options) == ("model", "grok-4.1-fast", (("scope", "team:docs"),))


async def test_the_selected_model_is_marked_in_the_list(rig: SlackRig) -> None:
    rig.server.people.command(ANA, GENERAL, "model")
    asked = rig.server.people.search(ANA, await opened(rig), "")
    await rig.server.until(lambda: asked.number in rig.world.answers)
    shown = [option["text"]["text"] for option in rig.world.answers[asked.number]["options"]]
    assert shown == ["✓ grok-4.3", "grok-4.1-fast", "no key: gpt-9"]


async def test_a_selection_that_needs_a_confirmation_gets_a_button(rig: SlackRig) -> None:
    rig.server.people.command(ANA, GENERAL, "model grok-4.1-fast")
    heard = await commanded(rig)
    confirm = Confirmation(label="Use it", name="model", text="grok-4.1-fast", options=(("sure", "yes"),))
    await rig.adapter.reply_privately(
        heard, PrivateReply(text="It is retired; grok-4.3 answers.", tone="warning", confirm=confirm)
    )
    rig.server.people.click(ANA, GENERAL, rig.world.ephemeral[-1], "command")
    again = await commanded(rig)
    assert (again.name, again.text, again.options) == ("model", "grok-4.1-fast", (("sure", "yes"),))
    rig.server.people.click(ANA, GENERAL, rig.world.ephemeral[-1], "command")
    assert (await commanded(rig)).key == again.key, "clicked twice is meant once"


async def test_ask_about_a_message_quotes_it_in_the_modal(rig: SlackRig) -> None:
    file = {"id": "F1", "name": "log.txt", "mimetype": "text/plain", "size": 5}
    message = rig.server.people.say(ANA, GENERAL, "the export is slow", files=[file] * 9)
    rig.server.people.ask_about(ANA, GENERAL, message)
    view = await opened(rig)
    quoted = view["blocks"][0]["element"]["initial_value"]
    assert quoted.startswith("About this message by Ana:\n> the export is slow")
    rig.server.people.submit(ANA, view, task=f"{quoted}Why?")
    heard = await commanded(rig)
    assert heard.text.endswith("Why?")
    assert len(heard.attachments) == 5
    assert heard.attachments[0] == Attachment(ref="F1", name="log.txt", media_type="text/plain", size=5)


async def test_a_mention_alone_offers_a_button_that_opens_the_modal(rig: SlackRig) -> None:
    rig.server.people.say(ANA, rig.world.direct(ANA).id, "model")
    await rig.server.until(lambda: rig.world.effects)
    offer = rig.world.effects[-1]
    rig.server.people.click(ANA, offer.channel, dict(offer.body), "form/model")
    assert (await opened(rig))["callback_id"] == "model"


async def test_an_answer_is_written_in_a_modal(rig: SlackRig) -> None:
    asked = await rig.post(question())
    rig.server.people.click(ANA, GENERAL, rig.card(2), "write")
    view = await opened(rig)
    assert "Which database shall we take?" in words(view)
    rig.server.people.submit(ANA, view, answer="PostgreSQL, but on Friday")
    heard = await rig.next_event()
    assert isinstance(heard, ControlUsed)
    assert (heard.press, heard.question, heard.value) == ("write", 2, "PostgreSQL, but on Friday")
    assert heard.place.thread == asked.thread


async def test_a_question_is_delegated_to_another_person(rig: SlackRig) -> None:
    await rig.post(question())
    rig.server.people.click(ANA, GENERAL, rig.card(2), "hand", BEN)
    heard = await rig.next_event()
    assert isinstance(heard, ControlUsed)
    assert (heard.press, heard.question, heard.value) == ("pass", 2, BEN)
    assert heard.to is not None
    assert (heard.to.id, heard.to.name) == (BEN, "Ben Ng")


@pytest.mark.parametrize("way", ["slash", "mention"])
async def test_a_command_has_the_people_whom_it_mentions(rig: SlackRig, way: str) -> None:
    if way == "slash":
        rig.server.people.command(ANA, GENERAL, f"questions 2 pass <@{BEN}|ben>", raw=True)
    else:
        rig.server.people.say(ANA, GENERAL, f"<@{BOT_USER}> questions 2 pass <@{BEN}>", raw=True)
    heard = await commanded(rig)
    assert (heard.name, heard.text) == ("questions", "2 pass @Ben Ng")
    assert [(person.id, person.name) for person in heard.mentions] == [(BEN, "Ben Ng")]


# Acknowledging ------------------------------------------------------------------------------------------------------------


async def test_a_click_is_acknowledged_while_the_store_is_busy() -> None:
    async with a_rig(acknowledge_after=0.01) as rig:
        await rig.post(question())
        free, inner = asyncio.Event(), rig._receive

        async def busy(heard: InboundEvent) -> None:
            await free.wait()
            await inner(heard)

        await rig.adapter.stop()
        await rig.adapter.start(busy)
        rig.server.people.click(ANA, GENERAL, rig.card(2), "pass")
        await rig.server.until(lambda: not rig.world.unacknowledged)
        free.set()
        assert isinstance(await rig.next_event(), ControlUsed)


async def test_a_person_is_notified_when_a_click_could_not_be_stored(rig: SlackRig) -> None:
    await rig.post(question())
    rig.fail_next_store()
    rig.server.people.click(ANA, GENERAL, rig.card(2), "pass")
    await rig.server.until(lambda: rig.world.ephemeral)
    assert "could not" in words(rig.world.ephemeral[0]) or "not taken" in words(rig.world.ephemeral[0])


async def test_a_click_on_a_question_that_has_ended_still_arrives(rig: SlackRig) -> None:
    posted = await rig.post(question())
    before = rig.card(2)
    await rig.post(closed(question()), replaces=posted)
    rig.server.people.click(ANA, GENERAL, before, "option/1")
    heard = await rig.next_event()
    assert isinstance(heard, ControlUsed)
    await rig.adapter.reply_privately(heard, PrivateReply(text="Too late: Alice answered SQLite."))
    assert "Too late" in words(rig.world.ephemeral[-1])


async def test_an_unknown_button_is_answered(rig: SlackRig) -> None:
    old = {"ts": "1.1", "blocks": [{"type": "actions", "block_id": "old", "elements": [{"type": "button", "action_id": "x"}]}]}
    rig.server.people.click(ANA, GENERAL, old, "x")
    await rig.server.until(lambda: rig.world.ephemeral)
    assert "older version" in words(rig.world.ephemeral[0])


# App Home and words -------------------------------------------------------------------------------------------------------


async def test_app_home_shows_the_reply_of_the_bridge(rig: SlackRig) -> None:
    posted = await rig.post(RUN)
    rig.server.people.open_home(ANA)
    heard = await commanded(rig)
    assert (heard.name, heard.place.channel) == ("home", f"@{ANA}")
    link = Link(text="Question 2", place=rig.home, message=posted.message)
    table = Table(title="Waits for you", columns=("question", "what"), rows=((link, "Which database?"),))
    empty = Table(title="Your runs", columns=("run",), rows=())
    await rig.adapter.reply_privately(heard, PrivateReply(text="One question waits for you.", tables=(table, empty)))
    view = rig.world.homes[ANA]
    address = f"https://home.slack.example/archives/{GENERAL}/p{posted.message.replace('.', '')}"
    assert f"<{address}|Question 2>" in str(view["blocks"])
    assert "Nothing yet" in words(view)
    assert controls(view) == ("Give a task", "Models of which channel?", "Select a model")


async def test_a_task_can_be_given_in_app_home_for_any_channel(rig: SlackRig) -> None:
    rig.server.people.open_home(ANA)
    await rig.adapter.reply_privately(await commanded(rig), PrivateReply(text="Nothing waits for you."))
    rig.server.people.click_in_view(ANA, rig.world.homes[ANA], "form/ask")
    rig.server.people.submit(ANA, await opened(rig), task="Plan it", channel=GENERAL)
    heard = await commanded(rig)
    assert (heard.name, heard.place.channel) == ("ask", GENERAL)


async def test_commands_are_named_as_they_are_typed_on_slack(rig: SlackRig) -> None:
    await rig.command("runs", "")
    await rig.adapter.reply_privately(
        await rig.next_event(), PrivateReply(text="No runs yet. Start one: /ask and the task. See https://a.example/runs")
    )
    assert "/townhall ask and the task. See https://a.example/runs" in words(rig.world.ephemeral[-1])


async def test_slash_alone_asks_for_help(rig: SlackRig) -> None:
    rig.server.people.command(ANA, GENERAL, "")
    assert (await commanded(rig)).name == "help"
