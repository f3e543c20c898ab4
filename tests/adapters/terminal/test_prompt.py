"""The terminal with keys: a real pseudo-terminal with an emulator behind it, a person who types, pastes and interrupts."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import redirect_stderr
from dataclasses import replace

import pytest
from rich.cells import cell_len

from adapters.terminal.adapter import TERMINAL_PLACE, TerminalAdapter
from adapters.terminal.screen import TerminalDevice
from orchestrator_bridge.chat.inbound import CommandReceived, MessageReceived
from orchestrator_bridge.chat.outbound import CardAgent, FinalAnswer, Note
from orchestrator_bridge.chat.testing import HOSTILE, RUN, TIMEOUT, question
from tests.support.terminal_pipe import NOW
from tests.support.terminal_user import Desk, a_desk
from tests.support.terminal_window import CTRL_C, CTRL_D, UP, Window

IN_RUN = replace(TERMINAL_PLACE, thread="run-3")


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with a_desk() as made:
        yield made


async def test_a_task_is_typed_a_question_seen_and_answered_by_an_option(desk: Desk) -> None:
    await desk.window.enter("Build a shop")
    task = await desk.next_event()
    assert isinstance(task, CommandReceived)
    assert (task.name, task.text) == ("ask", "Build a shop")
    await desk.post(RUN)
    await desk.post(question())
    await desk.window.until(lambda text: "1 PostgreSQL (recommended)" in text and "1 open question: 2" in text)
    await desk.window.enter("2 1")
    said = await desk.next_event()
    assert isinstance(said, MessageReceived)
    assert (said.question, said.text) == (2, "1")
    await desk.window.until("> 2 1")


async def test_the_line_being_typed_survives_what_is_printed_above_it(desk: Desk) -> None:
    await desk.window.type("half a tho")
    await desk.window.until("> half a tho")
    for number in range(30):
        await desk.post(Note(text=f"progress {number}", speaker="architect"), place=IN_RUN)
    await desk.window.enter("ught")
    heard = await desk.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == "half a thought"
    lines = (await desk.window.until("progress 29")).splitlines()
    assert [line for line in lines if "progress" in line] == [f"run 3 │ architect: progress {number}" for number in range(30)]


async def test_the_toolbar_follows_the_runs_without_a_line_for_each_change(desk: Desk) -> None:
    posted = await desk.post(RUN)
    await desk.window.until("run 3 working · $0.02 · architect working, skeptic waiting")
    newer = replace(RUN, cost="$0.05", agents=(CardAgent(name="architect", model="grok-4.3", state="voted"),))
    await desk.post(newer, replaces=posted)
    text = await desk.window.until("run 3 working · $0.05 · architect voted")
    assert "$0.02" not in text
    await desk.post(replace(newer, status="finished", ended=True), replaces=posted)
    await desk.window.until(lambda text: "Run 3 finished" in text and "Type a task" in text)


async def test_a_paste_of_several_lines_is_one_entry(desk: Desk) -> None:
    await desk.window.paste("def f():\r\n    return 1\n\nWhat is wrong?")
    await desk.window.until("What is wrong?")
    await desk.window.enter("")
    heard = await desk.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == "def f():\n    return 1\n\nWhat is wrong?"


async def test_a_paste_of_200000_characters_is_handed_over_whole_and_shown_short(desk: Desk) -> None:
    text = "word " * 40_000
    await desk.window.type("/ask summarise: ")
    await desk.window.paste(text)
    await desk.window.until("> /ask summarise: [paste 1: 200,000 characters]")
    await desk.window.enter("")
    heard = await desk.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == f"summarise: {text.strip()}"
    await desk.window.type(UP)
    await desk.window.until(lambda text: text.count("[paste 1: 200,000 characters]") == 2)


async def test_a_paste_that_the_terminal_does_not_mark_as_one_is_taken_as_quickly(desk: Desk) -> None:
    await desk.window.type("жук " * 5_000)
    await desk.window.until("characters]")
    await desk.window.enter("!")
    heard = await desk.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == "жук " * 5_000 + "!"


async def test_lines_that_come_in_one_burst_are_one_entry_which_waits_for_enter(desk: Desk) -> None:
    await desk.window.type("def f():\r\treturn 1\r\rWhat is wrong?\r")
    await desk.window.until("What is wrong?")
    await desk.window.enter("")
    heard = await desk.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == "def f():\n\treturn 1\n\nWhat is wrong?"


async def test_a_signal_from_elsewhere_is_the_programs_own_affair() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, told.set)
    try:
        async with a_desk() as desk, asyncio.timeout(TIMEOUT):
            os.kill(os.getpid(), signal.SIGINT)
            await told.wait()
            await desk.window.enter("still here")
            assert isinstance(await desk.next_event(), CommandReceived)
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def test_what_others_print_goes_above_the_line_being_typed() -> None:
    window = Window()
    try:
        with redirect_stderr(window.screen):
            desk = Desk(window, TerminalAdapter(TerminalDevice(stdin=window.stdin, screen=window.screen, environ={})))
            await desk.start()
            await window.type("half a tho")
            await window.until("> half a tho")
            sys.stderr.write("a warning of a library\n")
            text = await window.until("a warning of a library")
            assert "> half a tho" not in text.partition("a warning")[0]
            await window.enter("ught")
            assert isinstance(await desk.next_event(), CommandReceived)
            await desk.adapter.stop()
    finally:
        window.close()


async def test_a_window_that_is_closed_is_a_person_who_left(desk: Desk) -> None:
    await desk.post(RUN)
    desk.window.hang_up()
    assert await desk.terminal.wait_exit() == "left"


async def test_ctrl_c_empties_the_line_first_and_leaves_when_pressed_twice_after_that(desk: Desk) -> None:
    await desk.window.type("never mind")
    await desk.window.until("> never mind")
    await desk.window.type(CTRL_C)
    await desk.window.until(lambda text: "never mind" not in text)
    await desk.window.type(CTRL_C)
    await desk.window.until("Press Ctrl-C again to leave.")
    await desk.window.type(CTRL_C)
    assert await desk.terminal.wait_exit() == "left"


async def test_two_ctrl_c_far_apart_do_not_leave() -> None:
    now = NOW
    async with a_desk(clock=lambda: now) as desk:
        await desk.window.type(CTRL_C)
        await desk.window.until("Press Ctrl-C again")
        now += 60
        await desk.window.type(CTRL_C)
        await desk.window.until(lambda text: text.count("Press Ctrl-C again") == 2)
        await desk.window.enter("still here")
        await desk.next_event()


async def test_ctrl_d_on_the_empty_line_leaves_and_says_what_goes_on_later(desk: Desk) -> None:
    await desk.post(RUN)
    await desk.window.type(CTRL_D)
    assert await desk.terminal.wait_exit() == "left"
    await desk.window.until("at the next start: run 3")


async def test_words_that_could_mean_two_things_come_back_into_the_line(desk: Desk) -> None:
    await desk.post(question(2))
    await desk.post(question(5))
    await desk.window.enter("postgres")
    await desk.window.until(lambda text: "Questions 2 and 5 are open." in text and text.count("> postgres") == 2)
    await desk.window.until("Your text is back on the line. Edit it or press Ctrl-C.")
    await desk.window.type("\x01")
    await desk.window.enter("5 ")
    said = await desk.next_event()
    assert isinstance(said, MessageReceived)
    assert (said.question, said.text) == (5, "postgres")


@pytest.mark.parametrize("columns", [30, 40])
async def test_a_narrow_window_stays_readable(columns: int) -> None:
    async with a_desk(columns) as desk:
        await desk.post(RUN)
        await desk.post(question())
        await desk.post(Note(text="A sentence that is longer than the window is wide.", speaker="architect"), place=IN_RUN)
        text = await desk.window.until("1 open question: 2")
        lines = text.splitlines()
        assert all(cell_len(line) <= columns for line in lines)
        block = " ".join(line.removeprefix("#2│").strip() for line in lines if line.startswith("#2│"))
        for whole in ("Which database shall we take?", "1 PostgreSQL (recommended): keeps its promises", "at 14:30 (in 30 min)"):
            assert whole in block
        assert "1 to 2, or your own words" in block


async def test_a_window_made_narrower_gets_narrower_lines() -> None:
    async with a_desk(100) as desk:
        desk.window.resize(35)
        await desk.post(Note(text="word " * 30, speaker="architect"), place=IN_RUN)
        text = await desk.window.until(lambda text: text.count("word") == 30)
        assert all(len(line) <= 35 for line in text.splitlines())


async def test_markdown_is_rendered_and_cannot_do_anything_to_the_terminal(desk: Desk) -> None:
    text = f"# Title\n\nUse `List<int>` or List<int>, **boldly**.\n\n```\ncode()\n```\n\n{HOSTILE}"
    await desk.post(FinalAnswer(run=3, text=text, how="One vote of one.", by="architect"))
    seen = await desk.window.until("One vote of one.")
    assert "Use List<int> or List<int>, boldly." in seen
    assert "code()" in seen
    assert "https://evil.example/x" in seen
    wire = desk.window.raw.decode()
    assert "\x1b]" not in wire
    assert "\x1b[2J" not in wire
    assert "\u202e" not in wire


async def test_what_agents_say_is_rendered_under_their_name(desk: Desk) -> None:
    await desk.post(Note(text="Answer: **Take SQLite**, it is `one file`.", speaker="architect"), place=IN_RUN)
    await desk.post(Note(text="Answer:\n\n## Plan\n\n- **first** step", speaker="skeptic"), place=IN_RUN)
    await desk.post(Note(text="# Reasons\n\nNone.", speaker="critic"), place=IN_RUN)
    await desk.post(replace(question(), context="We have **one** writer."))
    await desk.post(Note(text="2 ** 3 is not shown **boldly** by whoever is no agent"), place=IN_RUN)
    seen = await desk.window.until("by whoever is no agent")
    assert "architect: Answer: Take SQLite, it is one file." in seen
    assert "skeptic: Answer:" in seen
    assert "• first step" in seen
    await desk.post(Note(text="2. Try it small.", speaker="novice"), place=IN_RUN)
    await desk.window.until("novice:\nrun 3 │  2 Try it small.")
    assert "critic:\n" in seen
    assert "We have one writer." in seen
    assert seen.count("**") == 3


async def test_there_are_no_colours_where_none_are_wanted() -> None:
    async with a_desk(NO_COLOR="1") as desk:
        await desk.post(question())
        await desk.post(FinalAnswer(run=3, text="# Title\n\n`code`", how="One vote.", by="architect"))
        await desk.window.until("One vote.")
        assert not re.search(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7])(?:;\d+)*m", bytes(desk.window.raw))


async def test_a_dumb_terminal_gets_plain_lines() -> None:
    window = Window()
    try:
        desk = Desk(window, TerminalAdapter(TerminalDevice(stdin=window.stdin, screen=window.screen, environ={"TERM": "dumb"})))
        await desk.start()
        await window.enter("Build a shop")
        heard = await desk.next_event()
        assert isinstance(heard, CommandReceived)
        await desk.post(RUN)
        await window.until("Run 3: Choose a database for the shop")
        assert b"\x1b" not in window.raw
        await window.type(CTRL_D)
        assert await desk.terminal.wait_exit() == "left"
        await desk.adapter.stop()
    finally:
        window.close()


async def test_the_terminal_is_given_back_as_it_was_found() -> None:
    window = Window()
    try:
        before = termios.tcgetattr(window.stdin)
        desk = Desk(window, TerminalAdapter(TerminalDevice(stdin=window.stdin, screen=window.screen, environ={})))
        await desk.start()
        await window.until("Type a task")
        assert termios.tcgetattr(window.stdin) != before
        await desk.adapter.stop()
        assert termios.tcgetattr(window.stdin) == before
        await window.until(lambda text: ">" not in text)
    finally:
        window.close()
