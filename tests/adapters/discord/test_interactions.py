"""Buttons, selects, modals and confirmations: acknowledged at once whatever the store does, stored, then answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from adapters.discord.components import MAX_BUTTONS, MAX_LABEL, DiscordControl
from orchestrator_bridge.chat.inbound import Author, CommandReceived, ControlUsed, InboundEvent
from orchestrator_bridge.chat.outbound import CardOption, Confirmation, PrivateReply, QuestionCard, Table
from orchestrator_bridge.chat.testing import question
from tests.support.fake_discord.fixture import DiscordRig, a_rig

LITE = DiscordControl(kind="option", number=2, value="lite").id
WRITE = DiscordControl(kind="write", number=2).id


def many(count: int) -> tuple[CardOption, ...]:
    return tuple(CardOption(id=f"o{number}", label=f"Option {number} " + "of many words" * 5) for number in range(count))


async def test_a_few_options_are_buttons_that_a_phone_can_show() -> None:
    async with a_rig() as rig:
        await rig.post(replace(question(), options=many(MAX_BUTTONS)))
        (card,) = rig.world.here(rig.channel.id)
        labels = [str(control["label"]) for control in card.controls]
        assert labels[MAX_BUTTONS:] == ["Write an answer", "Not me", "More time"]
        assert all(len(label) <= MAX_LABEL for label in labels)
        assert [label[:1] for label in labels[:MAX_BUTTONS]] == ["1", "2", "3", "4", "5"]


async def test_many_options_are_a_select() -> None:
    async with a_rig() as rig:
        await rig.post(replace(question(), options=many(MAX_BUTTONS + 1)))
        pick = DiscordControl(kind="select", number=2).id
        held = rig.holding(pick)
        assert held is not None
        assert len(held.controls[0]["options"]) == MAX_BUTTONS + 1
        rig.click(pick, values=["o3"])
        heard = await rig.next_event()
        assert isinstance(heard, ControlUsed)
        assert (heard.press, heard.value) == ("option", "o3")


async def test_a_click_is_acknowledged_while_the_store_still_works() -> None:
    async with a_rig() as rig:
        stored = asyncio.Event()
        received: list[InboundEvent] = []

        async def slow(heard: InboundEvent) -> None:
            received.append(heard)
            await stored.wait()

        await rig.adapter.stop()
        await rig.adapter.start(slow)
        await rig.post(question())
        interaction = rig.click(LITE)
        await rig.server.until(lambda: rig.answer_to(interaction))
        assert not stored.is_set()
        stored.set()


async def test_a_click_that_could_not_be_stored_says_so() -> None:
    async with a_rig() as rig:
        await rig.post(question())
        rig.fail_next_store()
        interaction = rig.click(LITE)
        await answered(rig, interaction, "try again")


async def answered(rig: DiscordRig, interaction: str, text: str) -> None:
    def there() -> bool:
        message = rig.answer_to(interaction)
        return message is not None and text in message.text

    await rig.server.until(there)
    message = rig.answer_to(interaction)
    assert message is not None
    assert message.private_to == rig.ana.id


async def test_the_answer_to_a_click_replaces_the_acknowledgement_and_is_private() -> None:
    async with a_rig() as rig:
        await rig.post(question())
        interaction = rig.click(LITE)
        heard = await rig.next_event()
        await rig.adapter.reply_privately(heard, PrivateReply(text="You answered question 2: SQLite"))
        await answered(rig, interaction, "You answered question 2")
        await rig.adapter.reply_privately(heard, PrivateReply(text="And something else"))
        private = [message.content for message in rig.world.here(rig.channel.id) if message.private_to]
        assert private == ["You answered question 2: SQLite", "And something else"]


async def test_after_a_restart_buttons_work_and_an_old_click_is_answered_directly() -> None:
    async with a_rig() as rig:
        await rig.post(question())
        rig.click(LITE)
        before = await rig.next_event()
        await rig.adapter.stop()
        later = DiscordRig(rig.server)
        await later.start()
        try:
            later.click(LITE)
            heard = await later.next_event()
            assert isinstance(heard, ControlUsed)
            assert (heard.question, heard.value) == (2, "lite")
            await later.adapter.reply_privately(before, PrivateReply(text="Too late: it was answered"))
            direct = rig.world.direct(rig.ana.id).id
            assert [message.content for message in rig.world.here(direct)] == ["Too late: it was answered"]
        finally:
            await later.adapter.stop()


async def test_a_modal_is_the_first_response_and_shows_the_question() -> None:
    async with a_rig() as rig:
        await rig.post(question())
        rig.fail_next_store()  # nothing is stored to open a form
        rig.click(WRITE)
        await rig.server.until(lambda: rig.world.modals)
        modal = rig.world.modals[0]
        assert modal["title"] == "Answer question 2"
        assert modal["components"][0]["description"] == "Which database shall we take?"


async def test_a_modal_can_be_submitted_after_a_restart() -> None:
    async with a_rig() as rig:
        await rig.post(question())
        rig.click(WRITE)
        await rig.server.until(lambda: rig.world.modals)
        await rig.adapter.stop()
        later = DiscordRig(rig.server)
        await later.start()
        try:
            later.submit(rig.world.modals[0], "let's go with staging, please")
            heard = await later.next_event()
            assert isinstance(heard, ControlUsed)
            assert (heard.question, heard.press, heard.value) == (2, "write", "let's go with staging, please")
        finally:
            await later.adapter.stop()


async def test_a_confirmation_gives_the_command_that_it_asks_about_once() -> None:
    async with a_rig() as rig:
        await rig.command("model", "grok-4.1-fast")
        heard = await rig.next_event()
        assert isinstance(heard, CommandReceived)
        offer = Confirmation(label="Take it anyway", name="model", text="grok-4.1-fast", options=(("sure", "yes"),))
        await rig.adapter.reply_privately(heard, PrivateReply(text="It is retired; grok-4.3 answers.", confirm=offer))
        yes = DiscordControl(kind="confirm", number=int(heard.interaction)).id
        message = rig.holding(yes)
        rig.click(yes)
        confirmed = await rig.next_event()
        assert isinstance(confirmed, CommandReceived)
        assert (confirmed.name, confirmed.text, confirmed.options) == ("model", "grok-4.1-fast", (("sure", "yes"),))
        assert confirmed.key != heard.key
        again = rig.click(yes, message=message)
        await answered(rig, again, "give the command again")


async def test_not_me_asks_for_another_person_and_delegates_to_the_one_selected() -> None:
    async with a_rig() as rig:
        ben = rig.world.add_person("Ben")
        await rig.post(question())
        hand = DiscordControl(kind="delegate", number=2)
        await rig.click_through("decline", hand, [str(ben.id)])
        heard = await rig.next_event()
        assert isinstance(heard, ControlUsed)
        assert (heard.press, heard.question, heard.value) == ("pass", 2, str(ben.id))
        assert heard.to == Author(platform="discord", id=str(ben.id), name="Ben")
        assert rig.world.people[ben.id].name not in "".join(rig.world.notified())


async def test_a_question_is_not_delegated_to_a_bot() -> None:
    async with a_rig() as rig:
        robot = rig.world.add_person("Robot", bot=True)
        await rig.post(question())
        clicked = await rig.click_through("decline", DiscordControl(kind="delegate", number=2), [str(robot.id)])
        await answered(rig, clicked, "Only people can answer")
        rig.click(LITE)
        heard = await rig.next_event()
        assert isinstance(heard, ControlUsed)
        assert heard.press == "option"


# Open questions, privately ------------------------------------------------------------------------------------------------


async def asks_for_questions(rig: DiscordRig, *cards: QuestionCard) -> str:
    """Ana asks for the open questions, and gets these. Returns the id of the interaction."""
    await rig.command("questions", "")
    heard = await rig.next_event()
    assert isinstance(heard, CommandReceived)
    rows = tuple((str(card.question), card.text) for card in cards)
    table = Table(columns=("question", "what"), rows=rows, title="Open questions", cards=cards)
    await rig.adapter.reply_privately(heard, PrivateReply(text="", tables=(table,)))
    return heard.interaction


async def test_the_only_open_question_is_shown_with_everything_that_can_be_done_about_it() -> None:
    async with a_rig() as rig:
        ana = Author(platform="discord", id=rig.person.id, name="Ana")
        answer = rig.answer_to(await asks_for_questions(rig, question(asked=ana)))
        assert answer is not None
        labels = [str(control["label"]) for control in answer.controls]
        assert labels[-4:] == ["Write an answer", "Not me", "More time", "Cancel question"]
        assert answer.private_to == rig.ana.id
        assert list(rig.world.notified()) == []
        rig.click(LITE, message=answer)
        heard = await rig.next_event()
        assert isinstance(heard, ControlUsed)
        assert (heard.question, heard.value) == (2, "lite")


async def test_one_of_several_open_questions_is_selected_from_a_list_and_can_be_cancelled() -> None:
    async with a_rig() as rig:
        await asks_for_questions(rig, question(2), question(7))
        rig.click(DiscordControl(kind="view", number=0).id, values=["7"])
        picked = await rig.next_event()
        assert isinstance(picked, CommandReceived)
        assert (picked.name, picked.text) == ("questions", "7")
        await rig.adapter.reply_privately(
            picked, PrivateReply(text="", tables=(Table(columns=("",), rows=(("7",),), cards=(question(7),)),))
        )
        close = DiscordControl(kind="cancel", number=7)
        await rig.server.until(lambda: rig.holding(close.id))
        rig.click(close.id)
        closed = await rig.next_event()
        assert isinstance(closed, CommandReceived)
        assert (closed.name, closed.text) == ("questions", "7 cancel")


@pytest.mark.parametrize("custom_id", ["somebody-elses", "th:z:2", "th:o:x:y", "th:o:"])
async def test_controls_of_other_apps_are_ignored(custom_id: str) -> None:
    async with a_rig() as rig:
        await rig.post(question())
        (card,) = rig.world.here(rig.channel.id)
        rig.click(custom_id, message=card)
        rig.click(LITE)
        heard = await rig.next_event()
        assert isinstance(heard, ControlUsed)
        assert heard.value == "lite"
