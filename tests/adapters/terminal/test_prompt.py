"""The terminal with a keyboard: a person types, pastes and interrupts in a real pseudo-terminal with an emulator behind it."""

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
from prompt_toolkit.application import Application
from rich.cells import cell_len

from adapters.terminal.adapter import TerminalAdapter
from adapters.terminal.board import TERMINAL_PLACE
from adapters.terminal.prompt_io import PrintQueue
from adapters.terminal.screen import TerminalDevice
from orchestrator_bridge.chat.inbound import CommandReceived, MessageReceived
from orchestrator_bridge.chat.outbound import CardAgent, FinalAnswer, Note, PrivateReply, Table
from orchestrator_bridge.chat.testing import HOSTILE, RUN, TIMEOUT, question
from tests.support.terminal_pipe import NOW
from tests.support.terminal_user import TerminalUser, start_terminal_user
from tests.support.terminal_window import CTRL_C, CTRL_D, UP, Window

IN_RUN = replace(TERMINAL_PLACE, thread="run-3")


@pytest.fixture
async def user() -> AsyncIterator[TerminalUser]:
    async with start_terminal_user() as user:
        yield user


async def test_a_person_types_a_task_and_answers_its_question_by_an_option(user: TerminalUser) -> None:
    await user.window.enter("Build a shop")
    task = await user.next_event()
    assert isinstance(task, CommandReceived)
    assert (task.name, task.text) == ("task", "Build a shop")
    await user.post(RUN)
    await user.post(question())
    await user.window.until(lambda text: "1. PostgreSQL (recommended)" in text and "1 open question: 2" in text)
    await user.window.enter("2 1")
    said = await user.next_event()
    assert isinstance(said, MessageReceived)
    assert (said.question, said.text) == (2, "1")
    await user.window.until("> 2 1")


async def test_printing_above_does_not_change_the_line_being_typed(user: TerminalUser) -> None:
    await user.window.type("half a tho")
    await user.window.until("> half a tho")
    for number in range(30):
        await user.post(Note(text=f"progress {number}", speaker="architect"), place=IN_RUN)
    await user.window.enter("ught")
    heard = await user.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == "half a thought"
    lines = (await user.window.until("progress 29")).splitlines()
    assert [line for line in lines if "progress" in line] == [f"run 3 │ architect: progress {number}" for number in range(30)]


async def test_the_toolbar_follows_the_runs_without_a_line_for_each_change(user: TerminalUser) -> None:
    posted = await user.post(RUN)
    await user.window.until("run 3 working · $0.02 · architect working, skeptic waiting")
    newer = replace(RUN, cost="$0.05", agents=(CardAgent(name="architect", model="grok-4.3", state="voted"),))
    await user.post(newer, replaces=posted)
    text = await user.window.until("run 3 working · $0.05 · architect voted")
    assert "$0.02" not in text
    await user.post(replace(newer, status="finished", ended=True), replaces=posted)
    await user.window.until(lambda text: "Run 3 finished" in text and "Type to continue run 3 · /ask for a new task" in text)


async def test_a_paste_of_several_lines_is_one_entry(user: TerminalUser) -> None:
    await user.window.paste("def f():\r\n    return 1\n\nWhat is wrong?")
    await user.window.until("What is wrong?")
    await user.window.enter("")
    heard = await user.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == "def f():\n    return 1\n\nWhat is wrong?"


async def test_a_paste_of_200000_characters_is_delivered_whole_and_shown_as_a_placeholder(user: TerminalUser) -> None:
    text = "word " * 40_000
    await user.window.type("/ask summarise: ")
    await user.window.paste(text)
    await user.window.until("> /ask summarise: [paste 1: 200,000 characters]")
    await user.window.enter("")
    heard = await user.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == f"summarise: {text.strip()}"
    await user.window.type(UP)
    await user.window.until(lambda text: text.count("[paste 1: 200,000 characters]") == 2)


async def test_a_paste_without_bracketed_paste_is_inserted_whole(user: TerminalUser) -> None:
    await user.window.type("жук " * 5_000)
    await user.window.until("characters]")
    await user.window.enter("!")
    heard = await user.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == "жук " * 5_000 + "!"


async def test_keys_are_read_whole_while_text_is_printed(user: TerminalUser, monkeypatch: pytest.MonkeyPatch) -> None:
    """In canonical mode the kernel keeps at most 4,095 bytes of a line and drops the rest of a paste."""
    modes: list[int] = []
    write = PrintQueue._try_write

    def look_and_write(queue: PrintQueue, text: str) -> OSError | None:
        modes.append(termios.tcgetattr(user.window.stdin)[3] & (termios.ICANON | termios.ECHO))
        return write(queue, text)

    monkeypatch.setattr(PrintQueue, "_try_write", look_and_write)
    await user.post(Note(text="a long report", speaker="architect"), place=IN_RUN)
    assert modes == [0]


async def test_the_toolbar_shows_the_open_question_with_its_options(user: TerminalUser) -> None:
    await user.post(RUN)
    await user.post(question())
    await user.window.until("1 open question: 2 · Which database shall we take?")
    await user.window.until("1 PostgreSQL · 2 SQLite")


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("2", "Enter answers question 2: SQLite"),
        ("neither", "Enter answers question 2: neither"),
        ("/ask a new task", "Enter starts a new run with this task"),
        ("/say 3 use less", "Enter sends guidance to the agents of run 3"),
        ("/pass", "Enter declines question 2"),
        ("/runs", "Enter: /runs"),
        ("/runz", "There is no command `/runz`. Did you mean `/runs`?"),
    ],
)
async def test_the_toolbar_says_what_enter_does_with_the_text_on_the_line(user: TerminalUser, typed: str, shown: str) -> None:
    await user.post(RUN)
    await user.post(question())
    await user.window.type(typed)
    await user.window.until(shown)


async def test_a_shown_question_has_its_options(user: TerminalUser) -> None:
    await user.post(RUN)
    await user.post(question())
    await user.window.enter("/questions 2")
    heard = await user.next_event()
    assert isinstance(heard, CommandReceived)
    shown = Table(columns=("expires",), rows=(("in 30 min",),), cards=(question(),))
    await user.adapter.reply_privately(heard, PrivateReply(text="Question 2", tables=(shown,)))
    await user.window.until(lambda text: text.count("1. PostgreSQL (recommended)") == 2)


async def test_a_correction_after_an_answer_reaches_the_question_and_starts_no_run(user: TerminalUser) -> None:
    await user.post(RUN)
    posted = await user.post(question())
    await user.window.type("1")
    await user.window.until("Enter answers question 2: PostgreSQL")
    await user.window.type("\r")
    await user.next_event()
    await user.post(replace(question(), closed="PostgreSQL, by you"), replaces=posted)
    await user.window.type("sorry, I meant SQLite")
    await user.window.until("Enter sends a late reply to question 2")
    await user.window.type("\r")
    said = await user.next_event()
    assert isinstance(said, MessageReceived)
    assert (said.question, said.text) == (2, "sorry, I meant SQLite")
    await user.post(replace(RUN, status="finished", ended=True), place=IN_RUN)
    await user.window.type("sorry, I meant MySQL")
    await user.window.until("run 3 has ended. `/say 3 sorry, I meant MySQL` goes on")


async def test_text_after_the_answer_continues_its_run_and_the_toolbar_says_so_before(
    user: TerminalUser,
) -> None:
    posted = await user.post(RUN)
    await user.post(replace(RUN, status="finished", ended=True), replaces=posted)
    await user.window.type("And which backup?")
    await user.window.until("Enter continues run 3 · /ask for a new task")
    await user.window.type("\r")
    said = await user.next_event()
    assert isinstance(said, MessageReceived)
    assert (said.place.thread, said.text, said.addressed) == ("run-3", "And which backup?", True)
    await user.post(replace(RUN, run=4, task="And which backup?", continues=3), place=IN_RUN)
    await user.window.until("Run 4, continues run 3: And which backup?")


async def test_a_wrong_command_is_not_put_back_on_the_line(user: TerminalUser) -> None:
    await user.window.enter("/foo")
    await user.window.until("There is no command `/foo`")
    await user.window.enter("/questions")
    heard = await user.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.name == "questions"


@pytest.mark.parametrize(
    ("typed", "line"),
    [("/ques", "> /questions"), ("/questions ", "> /questions 2"), ("/say ", "> /say 3"), ("/canc", "> /cancel")],
)
async def test_tab_completes_commands_and_numbers(user: TerminalUser, typed: str, line: str) -> None:
    await user.post(RUN)
    await user.post(question())
    await user.window.type(f"{typed}\t")
    await user.window.until(line)


async def test_ctrl_z_suspends_the_program(user: TerminalUser, monkeypatch: pytest.MonkeyPatch) -> None:
    suspended = asyncio.Event()
    monkeypatch.setattr(Application, "suspend_to_background", lambda _: suspended.set())
    await user.window.type("\x1a")
    async with asyncio.timeout(TIMEOUT):
        await suspended.wait()


async def test_lines_in_one_burst_are_one_entry_that_waits_for_enter(user: TerminalUser) -> None:
    await user.window.type("def f():\r\treturn 1\r\rWhat is wrong?\r")
    await user.window.until("What is wrong?")
    await user.window.enter("")
    heard = await user.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == "def f():\n\treturn 1\n\nWhat is wrong?"


async def test_an_interrupt_signal_is_left_to_the_program() -> None:
    signalled = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, signalled.set)
    try:
        async with start_terminal_user() as user, asyncio.timeout(TIMEOUT):
            os.kill(os.getpid(), signal.SIGINT)
            await signalled.wait()
            await user.window.enter("still here")
            assert isinstance(await user.next_event(), CommandReceived)
    finally:
        loop.remove_signal_handler(signal.SIGINT)


async def test_output_of_other_code_appears_above_the_line_being_typed() -> None:
    window = Window()
    try:
        with redirect_stderr(window.screen):
            user = TerminalUser(window, TerminalAdapter(TerminalDevice(stdin=window.stdin, screen=window.screen, environ={})))
            await user.start()
            await window.type("half a tho")
            await window.until("> half a tho")
            sys.stderr.write("a warning of a library\n")
            text = await window.until("a warning of a library")
            assert "> half a tho" not in text.partition("a warning")[0]
            await window.enter("ught")
            assert isinstance(await user.next_event(), CommandReceived)
            await user.adapter.stop()
    finally:
        window.close()


async def test_closing_the_window_counts_as_leaving(user: TerminalUser) -> None:
    await user.post(RUN)
    user.window.hang_up()
    assert await user.terminal.wait_exit() == "left"


async def test_ctrl_c_clears_the_line_and_leaves_when_pressed_twice_on_an_empty_line(user: TerminalUser) -> None:
    await user.window.type("never mind")
    await user.window.until("> never mind")
    await user.window.type(CTRL_C)
    await user.window.until(lambda text: "never mind" not in text)
    await user.window.type(CTRL_C)
    await user.window.until("Press Ctrl-C again to leave.")
    await user.window.type(CTRL_C)
    assert await user.terminal.wait_exit() == "left"


async def test_two_ctrl_c_far_apart_do_not_leave() -> None:
    now = NOW
    async with start_terminal_user(clock=lambda: now) as user:
        await user.window.type(CTRL_C)
        await user.window.until("Press Ctrl-C again")
        now += 60
        await user.window.type(CTRL_C)
        await user.window.until(lambda text: text.count("Press Ctrl-C again") == 2)
        await user.window.enter("still here")
        await user.next_event()


async def test_ctrl_d_on_the_empty_line_leaves_and_names_the_runs_that_continue(user: TerminalUser) -> None:
    await user.post(RUN)
    await user.window.type(CTRL_D)
    assert await user.terminal.wait_exit() == "left"
    await user.window.until("at the next start: run 3")


async def test_an_ambiguous_entry_returns_to_the_line(user: TerminalUser) -> None:
    await user.post(question(2))
    await user.post(question(5))
    await user.window.enter("postgres")
    await user.window.until(lambda text: "Questions 2 and 5 are open." in text and text.count("> postgres") == 2)
    await user.window.until("Your text is back on the line. Edit it or press Ctrl-C.")
    await user.window.type("\x01")
    await user.window.enter("5 ")
    said = await user.next_event()
    assert isinstance(said, MessageReceived)
    assert (said.question, said.text) == (5, "postgres")


@pytest.mark.parametrize("columns", [30, 40])
async def test_a_narrow_window_stays_readable(columns: int) -> None:
    async with start_terminal_user(columns) as user:
        await user.post(RUN)
        await user.post(question())
        await user.post(Note(text="A sentence that is longer than the window is wide.", speaker="architect"), place=IN_RUN)
        text = await user.window.until("1 open question: 2")
        lines = text.splitlines()
        assert all(cell_len(line) <= columns for line in lines)
        block = " ".join(line.removeprefix("#2│").strip() for line in lines if line.startswith("#2│"))
        for whole in ("Which database shall we take?", "1. PostgreSQL (recommended): keeps its promises", "at 14:30 (in 30 min)"):
            assert whole in block
        assert "1 or 2, or your own words" in block


async def test_a_window_made_narrower_gets_narrower_lines() -> None:
    async with start_terminal_user(100) as user:
        user.window.resize(35)
        await user.post(Note(text="word " * 30, speaker="architect"), place=IN_RUN)
        text = await user.window.until(lambda text: text.count("word") == 30)
        assert all(len(line) <= 35 for line in text.splitlines())


async def test_markdown_is_rendered_and_cannot_control_the_terminal(user: TerminalUser) -> None:
    text = f"# Title\n\nUse `List<int>` or List<int>, **boldly**.\n\n```\ncode()\n```\n\n{HOSTILE}"
    await user.post(FinalAnswer(run=3, text=text, how="One vote of one.", by="architect"))
    seen = await user.window.until("One vote of one.")
    assert "Use List<int> or List<int>, boldly." in seen
    assert "code()" in seen
    assert "https://evil.example/x" in seen
    wire = user.window.raw.decode()
    assert "\x1b]" not in wire
    assert "\x1b[2J" not in wire
    assert "\u202e" not in wire


async def test_texts_of_agents_are_rendered_under_their_names(user: TerminalUser) -> None:
    await user.post(Note(text="Answer: **Take SQLite**, it is `one file`.", speaker="architect"), place=IN_RUN)
    await user.post(Note(text="Answer:\n\n## Plan\n\n- **first** step", speaker="skeptic"), place=IN_RUN)
    await user.post(Note(text="# Reasons\n\nNone.", speaker="critic"), place=IN_RUN)
    await user.post(replace(question(), context="We have **one** writer."))
    await user.post(Note(text="2 ** 3 is not shown **boldly** by a speaker that is not an agent"), place=IN_RUN)
    seen = await user.window.until("by a speaker that is not an agent")
    assert "architect: Answer: Take SQLite, it is one file." in seen
    assert "skeptic: Answer:" in seen
    assert "• first step" in seen
    await user.post(Note(text="2. Try it small.", speaker="novice"), place=IN_RUN)
    await user.window.until("novice:\nrun 3 │  2 Try it small.")
    assert "critic:\n" in seen
    assert "We have one writer." in seen
    assert seen.count("**") == 3


async def test_no_color_removes_colours() -> None:
    async with start_terminal_user(NO_COLOR="1") as user:
        await user.post(question())
        await user.post(FinalAnswer(run=3, text="# Title\n\n`code`", how="One vote.", by="architect"))
        await user.window.until("One vote.")
        assert not re.search(rb"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7])(?:;\d+)*m", bytes(user.window.raw))


async def test_a_dumb_terminal_gets_plain_lines() -> None:
    window = Window()
    try:
        user = TerminalUser(
            window, TerminalAdapter(TerminalDevice(stdin=window.stdin, screen=window.screen, environ={"TERM": "dumb"}))
        )
        await user.start()
        await window.enter("Build a shop")
        heard = await user.next_event()
        assert isinstance(heard, CommandReceived)
        await user.post(RUN)
        await window.until("Run 3: Choose a database for the shop")
        assert b"\x1b" not in window.raw
        await window.type(CTRL_D)
        assert await user.terminal.wait_exit() == "left"
        await user.adapter.stop()
    finally:
        window.close()


async def test_the_terminal_is_restored_at_the_end() -> None:
    window = Window()
    try:
        before = termios.tcgetattr(window.stdin)
        user = TerminalUser(window, TerminalAdapter(TerminalDevice(stdin=window.stdin, screen=window.screen, environ={})))
        await user.start()
        await window.until("Type a task")
        assert termios.tcgetattr(window.stdin) != before
        await user.adapter.stop()
        assert termios.tcgetattr(window.stdin) == before
        await window.until(lambda text: ">" not in text)
    finally:
        window.close()
