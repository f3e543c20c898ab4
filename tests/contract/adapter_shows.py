"""The contract of adapters: what is sent is what people see, in its thread, and nothing in it can act on them."""

from __future__ import annotations

import asyncio
import unicodedata
from dataclasses import replace

import pytest

from orchestrator_bridge.chat.inbound import CommandReceived, MessageReceived, Place
from orchestrator_bridge.chat.outbound import Acknowledgement, CardOption, Note, PrivateReply, QuestionCard, Table, TextFile
from tests.contract.adapter_posts import HOSTILE, RUN, closed, long_answer, question
from tests.contract.adapter_rig import Rig

_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


async def words(rig: Rig, place: Place | None = None) -> str:
    """All that people see there, as one text in which line breaks are spaces."""
    return " ".join(" ".join(seen.text for seen in await rig.seen(place or rig.home)).split())


def assert_harmless(text: str) -> None:
    controls = {char for char in text if unicodedata.category(char) == "Cc" and char not in "\n\t"}
    assert not controls
    assert not set(_BIDI) & set(text)


class Shows:
    async def test_a_runs_card_names_the_task_the_agents_and_their_models(self, rig: Rig) -> None:
        posted = await rig.post(RUN)
        assert posted.message
        assert posted.thread is not None
        shown = await words(rig)
        for expected in (RUN.task, "architect", "grok-4.3", "skeptic", "gpt-9"):
            assert expected in shown

    async def test_scripted_agents_are_called_scripted(self, rig: Rig) -> None:
        await rig.post(RUN)
        assert "scripted" not in await words(rig)
        await rig.post(replace(RUN, run=4, scripted=True))
        assert "scripted" in await words(rig)

    async def test_a_runs_newer_state_is_seen(self, rig: Rig) -> None:
        posted = await rig.post(RUN)
        newer = await rig.post(replace(RUN, status="waiting for people"), replaces=posted)
        assert (newer.message, newer.thread) == (posted.message, posted.thread)
        assert "waiting for people" in await words(rig)
        if rig.adapter.capabilities.edits:
            assert (await words(rig)).count(RUN.task) == 1

    async def test_notes_land_in_their_runs_thread_under_their_speakers_name(self, rig: Rig) -> None:
        first = await rig.post(RUN)
        second = await rig.post(replace(RUN, run=4, task="Another task"))
        await rig.post(Note(text="I propose a queue", speaker="architect"), place=rig.thread(first))
        await rig.post(Note(text="I propose a heap", speaker="skeptic"), place=rig.thread(second))
        in_first, in_second = await words(rig, rig.thread(first)), await words(rig, rig.thread(second))
        assert "architect" in in_first
        assert "I propose a queue" in in_first
        assert "skeptic" in in_second
        assert "heap" in in_second
        assert "heap" not in in_first

    async def test_a_question_shows_all_that_an_answer_needs(self, rig: Rig) -> None:
        card = question()
        posted = await rig.post(card)
        assert posted.thread is not None
        shown = " ".join(seen.text + " " + " ".join(seen.controls) for seen in await rig.seen(rig.home))
        for expected in ("skeptic", card.text, card.context, "PostgreSQL", "SQLite", "recommended", "Alice", card.silence):
            assert expected in shown
        assert rig.when(card.expires_at) in shown

    async def test_a_question_has_controls_where_there_are_any_and_loses_them_when_it_ends(self, rig: Rig) -> None:
        card = question()
        posted = await rig.post(card)
        controls = [seen.controls for seen in await rig.seen(rig.home)]
        assert any(controls) == rig.adapter.capabilities.buttons
        await rig.post(closed(card), replaces=posted)
        assert not any(seen.controls for seen in await rig.seen(rig.home))
        assert "Alice answered: SQLite" in await words(rig)

    async def test_two_questions_close_apart_from_one_another(self, rig: Rig) -> None:
        first, second = question(2), question(7)
        posted = await rig.post(first)
        await rig.post(second)
        await rig.post(closed(first), replaces=posted)
        assert (await words(rig)).count("Alice answered: SQLite") == 1
        assert any(seen.controls for seen in await rig.seen(rig.home)) == rig.adapter.capabilities.buttons

    async def test_only_those_asked_are_notified(self, rig: Rig) -> None:
        await rig.post(RUN)
        assert not await rig.notified()
        await rig.post(question(asked=rig.person))
        assert await rig.notified() <= {rig.person.id}

    async def test_a_long_final_text_is_seen_whole_and_in_order(self, rig: Rig) -> None:
        run = await rig.post(RUN)
        answer = long_answer()
        await rig.post(answer, place=rig.thread(run))
        shown = await words(rig, rig.thread(run))
        places = [shown.index(f"Point {number}.") for number in range(60)]
        assert places == sorted(places)
        assert "line_399 = 399" in shown
        assert "The end." in shown
        assert answer.how in shown

    async def test_a_text_that_goes_along_with_a_note_is_there_whole_and_as_it_is(self, rig: Rig) -> None:
        run = await rig.post(RUN)
        text = "\n".join(f"line {number}: *no* markup, <@U1>" for number in range(500))
        await rig.post(Note(text="All of it:", file=TextFile(name="question-2-arguments.txt", text=text)), place=rig.thread(run))
        shown = await words(rig, rig.thread(run))
        assert "All of it:" in shown
        files = await rig.files()
        assert files == {"question-2-arguments.txt": text} or " ".join(text.split()) in shown

    async def test_a_note_that_is_replaced_shows_its_newest_words(self, rig: Rig) -> None:
        run = await rig.post(RUN)
        first = await rig.post(Note(text="Uses web.fetch.", speaker="architect"), place=rig.thread(run))
        now = Note(text="Uses files.read. 2 calls so far.", speaker="architect")
        await rig.post(now, place=rig.thread(run), replaces=first)
        shown = await words(rig, rig.thread(run))
        assert "2 calls so far" in shown
        assert shown.count("architect") == 1 or not rig.adapter.capabilities.edits
        assert ("Uses web.fetch" not in shown) or not rig.adapter.capabilities.edits

    async def test_every_kind_of_receipt_can_be_sent(self, rig: Rig) -> None:
        asked = await rig.post(question())
        await rig.say(rig.thread(asked), "SQLite")
        said = await rig.heard()
        assert isinstance(said, MessageReceived)
        for sign in ("taken", "late", "refused", "passed"):
            await rig.post(
                Acknowledgement(message=said.message, author=said.author, sign=sign, text="so be it"), place=rig.thread(asked)
            )

    async def test_whoever_gave_a_command_gets_the_answer_with_its_table(self, rig: Rig) -> None:
        await rig.command("runs", "")
        heard = await rig.heard()
        assert isinstance(heard, CommandReceived)
        table = Table(columns=("run", "status"), rows=(("3", "working"), ("4", "finished")), title="Runs of today")
        await rig.adapter.reply_privately(heard, PrivateReply(text="There are two.", tables=(table,)))
        shown = await words(rig)
        for expected in ("There are two.", "Runs of today", "status", "working", "finished"):
            assert expected in shown

    async def test_many_posts_at_once_all_arrive_intact(self, rig: Rig) -> None:
        run = await rig.post(RUN)
        notes = [Note(text=f"note number {number} ends here", speaker="architect") for number in range(20)]
        posted = await asyncio.gather(*(rig.post(note, place=rig.thread(run)) for note in notes))
        shown = await words(rig, rig.thread(run))
        assert all(shown.count(f"note number {number} ends here") == 1 for number in range(20))
        assert len({one.message for one in posted}) == 20

    @pytest.mark.parametrize("part", ["note", "final", "question", "run", "word"])
    async def test_hostile_text_reaches_people_as_words_only(self, rig: Rig, part: str) -> None:
        run = await rig.post(RUN)
        await _post_hostile(rig, part, rig.thread(run))
        shown = [seen.text + " ".join(seen.controls) for seen in (*await rig.seen(rig.home), *await rig.seen(rig.thread(run)))]
        assert_harmless("".join(shown))
        assert "desrever" in "".join(shown)
        assert "https://evil.example/x" in "".join(shown)
        assert "everyone" not in await rig.notified()

    async def test_what_is_too_long_for_a_card_does_not_keep_it_from_people(self, rig: Rig) -> None:
        options = (CardOption(id="a", label="a" * 10_000, description="b" * 10_000), CardOption(id="b", label="Short"))
        card = replace(question(), text="Which one? " * 200, context="c" * 20_000, options=options, silence="d" * 5000)
        await rig.post(card)
        await rig.post(replace(RUN, task="e" * 200_000))
        shown = await words(rig)
        assert "Which one?" in shown
        assert "Short" in shown


async def _post_hostile(rig: Rig, part: str, thread: Place) -> None:
    match part:
        case "note":
            await rig.post(Note(text=HOSTILE, speaker=f"skeptic{HOSTILE}"), place=thread)
        case "final":
            await rig.post(replace(long_answer(), text=HOSTILE, by=HOSTILE), place=thread)
        case "question":
            await rig.post(_hostile_question())
        case "run":
            await rig.post(replace(RUN, run=9, task=HOSTILE, team=HOSTILE, status=HOSTILE))
        case _:
            await rig.command("runs", "")
            table = Table(columns=("run", "task"), rows=(("3", HOSTILE),))
            await rig.adapter.reply_privately(await rig.heard(), PrivateReply(text=HOSTILE, tables=(table,)))


def _hostile_question() -> QuestionCard:
    option = CardOption(id="x", label=HOSTILE[:70], description=HOSTILE)
    return replace(question(), text=HOSTILE, context=HOSTILE, agent=HOSTILE, asked=HOSTILE, silence=HOSTILE, options=(option,))
