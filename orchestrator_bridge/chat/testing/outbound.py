"""Contract of posts: people see what was sent, in its thread, and no text in it has an effect of its own."""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import replace

import pytest

from orchestrator_bridge.chat.inbound import CommandReceived, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Acknowledgement, CardOption, Link, Note, PrivateReply, Table, TextFile
from orchestrator_bridge.chat.testing.driver import HOSTILE, RUN, PlatformDriver, closed, long_answer, question

_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


async def visible_text(driver: PlatformDriver, place: Place | None = None) -> str:
    """All texts that people see there, as one text with spaces for line breaks."""
    return " ".join(" ".join(message.text for message in await driver.visible(place or driver.home)).split())


def assert_harmless(text: str) -> None:
    """No control characters and no marks that reverse the direction of text."""
    controls = {char for char in text if unicodedata.category(char) == "Cc" and char not in "\n\t"}
    assert not controls
    assert not set(_BIDI) & set(text)


class OutboundContract:
    """Tests of posts and private replies."""

    async def test_a_runs_card_names_the_task_the_agents_and_their_models(self, driver: PlatformDriver) -> None:
        posted = await driver.post(RUN)
        assert posted.message
        assert posted.thread is not None
        shown = await visible_text(driver)
        for expected in (RUN.task, "architect", "grok-4.3", "skeptic", "gpt-9"):
            assert expected in shown

    async def test_scripted_agents_are_called_scripted(self, driver: PlatformDriver) -> None:
        await driver.post(RUN)
        assert "scripted" not in await visible_text(driver)
        await driver.post(replace(RUN, run=4, scripted=True))
        assert "scripted" in await visible_text(driver)

    async def test_a_newer_state_of_a_run_is_visible(self, driver: PlatformDriver) -> None:
        posted = await driver.post(RUN)
        newer = await driver.post(replace(RUN, status="waiting for people"), replaces=posted)
        assert (newer.message, newer.thread) == (posted.message, posted.thread)
        assert "waiting for people" in await visible_text(driver)
        if driver.adapter.capabilities.edits:
            assert (await visible_text(driver)).count(RUN.task) == 1

    async def test_the_card_of_a_next_turn_and_its_notes_appear_in_the_conversations_thread(self, driver: PlatformDriver) -> None:
        first = await driver.post(replace(RUN, status="finished", ended=True))
        turn = replace(RUN, run=8, task="Which backup?", continues=3)
        card = await driver.post(turn, place=driver.thread(first))
        await driver.post(Note(text="SQLite can copy itself.", speaker="skeptic"), place=driver.thread(card))
        shown = "\n".join(message.text for message in await driver.visible(driver.thread(card)))
        assert "Which backup?" in shown
        assert "SQLite can copy itself." in shown
        ended = replace(turn, status="finished", ended=True)
        await driver.post(ended, place=driver.thread(first), replaces=card)
        assert any("finished" in message.text and "8" in message.text for message in await driver.visible(driver.thread(card)))

    async def test_notes_appear_in_their_runs_thread_under_their_speakers_name(self, driver: PlatformDriver) -> None:
        first = await driver.post(RUN)
        second = await driver.post(replace(RUN, run=4, task="Another task"))
        await driver.post(Note(text="I propose a queue", speaker="architect"), place=driver.thread(first))
        await driver.post(Note(text="I propose a heap", speaker="skeptic"), place=driver.thread(second))
        in_first, in_second = await visible_text(driver, driver.thread(first)), await visible_text(driver, driver.thread(second))
        assert "architect" in in_first
        assert "I propose a queue" in in_first
        assert "skeptic" in in_second
        assert "heap" in in_second
        assert "heap" not in in_first

    async def test_a_question_shows_all_that_an_answer_needs(self, driver: PlatformDriver) -> None:
        card = question()
        posted = await driver.post(card)
        assert posted.thread is not None
        shown = " ".join(message.text + " " + " ".join(message.controls) for message in await driver.visible(driver.home))
        for expected in ("skeptic", card.text, card.context, "PostgreSQL", "SQLite", "recommended", "Alice", card.silence):
            assert expected in shown
        assert driver.when(card.expires_at) in shown

    async def test_a_question_has_controls_if_the_platform_has_them_until_it_is_closed(self, driver: PlatformDriver) -> None:
        card = question()
        posted = await driver.post(card)
        controls = [message.controls for message in await driver.visible(driver.home)]
        assert any(controls) == driver.adapter.capabilities.buttons
        await driver.post(closed(card), replaces=posted)
        assert not any(message.controls for message in await driver.visible(driver.home))
        assert "Alice answered: SQLite" in await visible_text(driver)

    async def test_closing_a_question_leaves_another_open(self, driver: PlatformDriver) -> None:
        first, second = question(2), question(7)
        posted = await driver.post(first)
        await driver.post(second)
        await driver.post(closed(first), replaces=posted)
        assert (await visible_text(driver)).count("Alice answered: SQLite") == 1
        assert any(message.controls for message in await driver.visible(driver.home)) == driver.adapter.capabilities.buttons

    async def test_only_those_asked_are_notified(self, driver: PlatformDriver) -> None:
        await driver.post(RUN)
        assert not await driver.notified()
        await driver.post(question(asked=driver.person))
        assert await driver.notified() <= {driver.person.id}

    async def test_a_long_final_answer_is_visible_whole_and_in_order(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        answer = long_answer()
        await driver.post(answer, place=driver.thread(run))
        shown = await visible_text(driver, driver.thread(run))
        places = [shown.index(f"Point {number}.") for number in range(60)]
        assert places == sorted(places)
        assert "line_399 = 399" in shown
        assert "The end." in shown
        assert answer.how in shown

    async def test_the_file_of_a_note_is_available_whole_and_unchanged(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        text = "\n".join(f"line {number}: *no* markup, <@U1>" for number in range(500))
        await driver.post(
            Note(text="All of it:", file=TextFile(name="question-2-arguments.txt", text=text)), place=driver.thread(run)
        )
        shown = await visible_text(driver, driver.thread(run))
        assert "All of it:" in shown
        files = await driver.files()
        assert files == {"question-2-arguments.txt": text} or " ".join(text.split()) in shown

    async def test_a_replaced_note_shows_its_newest_text(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        first = await driver.post(Note(text="Uses web.fetch.", speaker="architect"), place=driver.thread(run))
        now = Note(text="Uses files.read. 2 calls so far.", speaker="architect")
        await driver.post(now, place=driver.thread(run), replaces=first)
        shown = await visible_text(driver, driver.thread(run))
        assert "2 calls so far" in shown
        assert shown.count("architect") == 1 or not driver.adapter.capabilities.edits
        assert ("Uses web.fetch" not in shown) or not driver.adapter.capabilities.edits

    async def test_a_question_that_was_not_asked_can_be_asked_again(self, driver: PlatformDriver) -> None:
        run, decided = await driver.post(RUN), await driver.post(closed(question()))
        link = Link(text="Decision 2", place=driver.thread(decided), message=decided.message)
        note = Note(text="Settled on 3 Nov by Alice and Bob", speaker="skeptic", link=link, again=12)
        await driver.adapter.send(replace(driver.outbound(note, place=driver.thread(run)), link=link))
        shown = await driver.visible(driver.thread(run))
        assert any("Settled on 3 Nov by Alice and Bob" in message.text for message in shown)
        controls = {control for message in shown for control in message.controls}
        text = " ".join(message.text for message in shown)
        assert ("Ask again" in controls) if driver.adapter.capabilities.buttons else ("/questions 12 again" in text)

    async def test_every_kind_of_acknowledgement_can_be_sent(self, driver: PlatformDriver) -> None:
        asked = await driver.post(question())
        await driver.say(driver.thread(asked), "SQLite")
        reply = await driver.next_event()
        assert isinstance(reply, MessageReceived)
        for sign in ("taken", "late", "refused", "passed"):
            await driver.post(
                Acknowledgement(message=reply.message, author=reply.author, sign=sign, text="so be it"),
                place=driver.thread(asked),
            )

    async def test_the_author_of_a_command_gets_the_reply_with_its_table(self, driver: PlatformDriver) -> None:
        await driver.command("runs", "")
        event = await driver.next_event()
        assert isinstance(event, CommandReceived)
        table = Table(columns=("run", "status"), rows=(("3", "working"), ("4", "finished")), title="Runs of today")
        await driver.adapter.reply_privately(event, PrivateReply(text="There are two.", tables=(table,)))
        shown = await visible_text(driver)
        for expected in ("There are two.", "Runs of today", "status", "working", "finished"):
            assert expected in shown

    async def test_concurrent_posts_all_arrive_intact(self, driver: PlatformDriver) -> None:
        run = await driver.post(RUN)
        notes = [Note(text=f"note number {number} ends here", speaker="architect") for number in range(20)]
        posted = await asyncio.gather(*(driver.post(note, place=driver.thread(run)) for note in notes))
        shown = await visible_text(driver, driver.thread(run))
        assert all(shown.count(f"note number {number} ends here") == 1 for number in range(20))
        assert len({message.message for message in posted}) == 20

    @pytest.mark.parametrize("part", ["note", "final", "question", "run", "private reply"])
    async def test_hostile_text_is_shown_as_plain_text(self, driver: PlatformDriver, part: str) -> None:
        run = await driver.post(RUN)
        await _post_hostile(driver, part, driver.thread(run))
        shown = [
            message.text + " ".join(message.controls)
            for message in (*await driver.visible(driver.home), *await driver.visible(driver.thread(run)))
        ]
        assert_harmless("".join(shown))
        assert "desrever" in "".join(shown)
        assert "https://evil.example/x" in "".join(shown)
        assert "everyone" not in await driver.notified()

    async def test_a_card_with_texts_that_are_too_long_is_shown_all_the_same(self, driver: PlatformDriver) -> None:
        options = (CardOption(id="a", label="a" * 10_000, description="b" * 10_000), CardOption(id="b", label="Short"))
        card = replace(question(), text="Which one? " * 200, context="c" * 20_000, options=options, silence="d" * 5000)
        await driver.post(card)
        await driver.post(replace(RUN, task="e" * 200_000))
        shown = await visible_text(driver)
        assert "Which one?" in shown
        assert "Short" in shown


async def _post_hostile(driver: PlatformDriver, part: str, thread: Place) -> None:
    match part:
        case "note":
            await driver.post(Note(text=HOSTILE, speaker=f"skeptic{HOSTILE}"), place=thread)
        case "final":
            await driver.post(replace(long_answer(), text=HOSTILE, by=HOSTILE), place=thread)
        case "question":
            option = CardOption(id="x", label=HOSTILE[:70], description=HOSTILE)
            card = replace(question(), text=HOSTILE, context=HOSTILE, agent=HOSTILE, asked=HOSTILE, silence=HOSTILE)
            await driver.post(replace(card, options=(option,)))
        case "run":
            await driver.post(replace(RUN, run=9, task=HOSTILE, team=HOSTILE, status=HOSTILE))
        case _:
            await driver.command("runs", "")
            table = Table(columns=("run", "task"), rows=(("3", HOSTILE),))
            await driver.adapter.reply_privately(await driver.next_event(), PrivateReply(text=HOSTILE, tables=(table,)))
