"""The terminal without a keyboard: lines through a real pipe."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest

from adapters.terminal.adapter import TerminalAdapter
from adapters.terminal.paint import Page, paint
from adapters.terminal.render import render_private_reply
from adapters.terminal.screen import TerminalDevice
from orchestrator_bridge.chat.adapter import SendRejected
from orchestrator_bridge.chat.inbound import CommandReceived, InboundEvent, InputClosed, MessageReceived
from orchestrator_bridge.chat.outbound import FinalAnswer, Note, OutboundPost, PrivateReply, Table
from orchestrator_bridge.chat.testing import RUN, closed, question
from tests.support.terminal_pipe import NOW, Pipe, PipeRig, RecordedOutput, open_pipe


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    with open_pipe() as made:
        yield made


@pytest.fixture
async def driver(pipe: Pipe) -> AsyncIterator[PipeRig]:
    made = PipeRig(pipe)
    await made.start()
    yield made
    await made.adapter.stop()


async def test_every_line_is_delivered_before_the_end_of_input(pipe: Pipe, driver: PipeRig) -> None:
    pipe.put("first task\r\n\n/runs\nlast task")
    pipe.end()
    heard = [await driver.next_event() for _ in range(4)]
    assert [(event.name, event.text) for event in heard if isinstance(event, CommandReceived)] == [
        ("task", "first task"),
        ("runs", ""),
        ("task", "last task"),
    ]
    assert isinstance(heard[-1], InputClosed)
    assert await driver.terminal.wait_exit() == "input_ended"


async def test_a_file_is_read_like_a_pipe(tmp_path: Path) -> None:
    tasks = tmp_path / "tasks.txt"
    tasks.write_text("one\ntwo\n")
    with tasks.open() as stdin:
        heard = await _all_events(TerminalAdapter(TerminalDevice(stdin=stdin, screen=RecordedOutput())))
    assert [getattr(event, "text", "gone") for event in heard] == ["one", "two", "gone"]


async def test_without_input_the_end_of_input_is_reported_at_the_start() -> None:
    heard = await _all_events(TerminalAdapter(TerminalDevice(stdin=None, screen=RecordedOutput())))
    assert [type(event) for event in heard] == [InputClosed]


async def _all_events(adapter: TerminalAdapter) -> list[InboundEvent]:
    heard: list[InboundEvent] = []

    async def receive(event: InboundEvent) -> None:
        heard.append(event)

    await adapter.start(receive)
    await adapter.wait_exit()
    await adapter.stop()
    return heard


async def test_a_task_of_200000_characters_is_delivered_whole(pipe: Pipe, driver: PipeRig) -> None:
    await asyncio.to_thread(pipe.put, "/ask " + "x" * 200_000 + "\n")
    heard = await driver.next_event()
    assert isinstance(heard, CommandReceived)
    assert len(heard.text) == 200_000


async def test_invalid_utf8_does_not_end_the_input(pipe: Pipe, driver: PipeRig) -> None:
    pipe.put(b"\xff\xfe broken\nwhole\n")
    first, second = await driver.next_event(), await driver.next_event()
    assert isinstance(first, CommandReceived)
    assert "broken" in first.text
    assert isinstance(second, CommandReceived)
    assert second.text == "whole"


async def test_an_ambiguous_line_is_printed_back(pipe: Pipe, driver: PipeRig) -> None:
    await driver.post(question(2))
    await driver.post(question(5))
    pipe.put("postgres\n#5 sqlite\n")
    said = await driver.next_event()
    assert isinstance(said, MessageReceived)
    assert (said.question, said.text) == (5, "sqlite")
    assert "Questions 2 and 5 are open." in driver.output.getvalue()
    assert "> postgres\n" in driver.output.getvalue()


async def test_a_line_that_could_not_be_stored_is_printed_back_with_the_reason(pipe: Pipe, driver: PipeRig) -> None:
    driver.fail_next_store()
    pipe.put("precious words\nother words\n")
    await driver.next_event()
    assert "the disk is full" in driver.output.getvalue()
    assert "> precious words\n" in driver.output.getvalue()


async def test_quit_leaves_immediately_and_names_the_runs_that_continue(pipe: Pipe, driver: PipeRig) -> None:
    await driver.post(RUN)
    pipe.put("/quit\n")
    assert await driver.terminal.wait_exit() == "left"
    assert "at the next start: run 3" in driver.output.getvalue()


async def test_a_closed_output_counts_as_leaving(driver: PipeRig) -> None:
    driver.output.failure = errno.EPIPE
    with pytest.raises(SendRejected):
        await driver.post(RUN)
    assert await driver.terminal.wait_exit() == "left"


async def test_piped_output_has_no_escapes_and_no_wrapping(driver: PipeRig) -> None:
    await driver.post(question())
    await driver.post(Note(text="word " * 100, speaker="skeptic", tone="warning"), place=replace(driver.home, thread="run-3"))
    assert "\x1b" not in driver.output.getvalue()
    assert "word " * 99 in driver.output.getvalue()


async def test_final_answers_can_go_to_a_stream_of_their_own(pipe: Pipe) -> None:
    answers = RecordedOutput()
    driver = PipeRig(pipe, answers=answers)
    await driver.start()
    await driver.post(RUN)
    await driver.post(FinalAnswer(run=3, text="# Take SQLite\n\x1b[31mNow.", how="Two votes of three.", by="skeptic"))
    await driver.adapter.stop()
    assert answers.getvalue() == "# Take SQLite\nNow.\n"
    assert "Two votes of three." in driver.output.getvalue()
    assert "Take SQLite" not in driver.output.getvalue()


async def test_a_quiet_terminal_shows_questions_only(pipe: Pipe) -> None:
    output = RecordedOutput()
    adapter = TerminalAdapter(TerminalDevice(stdin=pipe.stdin, screen=output, clock=lambda: NOW, zone=UTC), quiet=True)
    driver = PipeRig(pipe, output=output)
    driver.adapter = adapter
    await driver.start()
    for post in (RUN, Note(text="some progress"), question()):
        await driver.post(post)
    await adapter.stop()
    assert "some progress" not in output.getvalue()
    assert "Run 3" not in output.getvalue()
    assert "Question 2 from skeptic" in output.getvalue()


async def test_a_card_update_prints_a_line_only_when_the_status_changes(driver: PipeRig) -> None:
    posted = await driver.post(RUN)
    before = driver.output.getvalue()
    for tokens in range(50):
        await driver.post(replace(RUN, tokens=tokens, cost=f"${tokens}"), replaces=posted)
    assert driver.output.getvalue() == before
    await driver.post(replace(RUN, status="finished", ended=True, cost="$0.07"), replaces=posted)
    await driver.post(replace(RUN, status="late news from before"), replaces=posted)
    assert driver.output.getvalue().removeprefix(before) == "run 3 │ Run 3 finished · $0.07 · 12,345 tokens\n"


async def test_an_extension_and_a_closing_print_one_line_each(driver: PipeRig) -> None:
    posted = await driver.post(question())
    before = len(driver.output.getvalue().splitlines())
    await driver.post(replace(question(), expires_at=NOW + 7200), replaces=posted)
    await driver.post(closed(question()), replaces=posted)
    later, end = driver.output.getvalue().splitlines()[before:]
    assert "at 16:00 (in 2 h)" in later
    assert end == "question 2 │ Question 2 is closed: Alice answered: SQLite"


async def test_cards_of_an_earlier_process_are_shown_whole(pipe: Pipe, driver: PipeRig) -> None:
    earlier = await driver.post(Note(text="of no matter"))
    await driver.post(question(), replaces=earlier)
    await driver.post(closed(question(7)), replaces=earlier)
    assert "1. PostgreSQL (recommended)" in driver.output.getvalue()
    assert "skeptic asked: Which database shall we take?" in driver.output.getvalue()
    pipe.put("2 1\n")
    said = await driver.next_event()
    assert isinstance(said, MessageReceived)
    assert said.question == 2


async def test_a_question_that_expires_on_another_day_names_the_day(driver: PipeRig) -> None:
    await driver.post(replace(question(), expires_at=NOW + 86_400 * 2))
    assert "Expires on Tue 2026-11-24 at 14:00 (in 2 d)" in driver.output.getvalue()


@pytest.mark.parametrize(
    ("kind", "bare", "numbered"),
    [
        ("approval", "`approve`, or `no, because …`", "`5 approve` or `5 no, because …`"),
        ("confirm", "`yes` or `no`", "`5 yes` or `5 no`"),
        ("number", "a number", "`5 42`"),
        ("text", "your own words", "`5 your words`"),
    ],
)
async def test_a_question_shows_how_to_answer_it(driver: PipeRig, kind: str, bare: str, numbered: str) -> None:
    await driver.post(replace(question(2), answer_kind=kind, options=()))
    assert f"To answer, type {bare}." in driver.output.getvalue()
    await driver.post(replace(question(5), answer_kind=kind, options=()))
    assert f"To answer, type {numbered}." in driver.output.getvalue()


async def test_help_includes_the_syntax_of_the_terminal(pipe: Pipe, driver: PipeRig) -> None:
    pipe.put("/help\n")
    await driver.adapter.reply_privately(
        await driver.next_event(), PrivateReply(text="/ask starts a run", tables=(Table(columns=("a",), rows=()),))
    )
    assert "/say 3" in driver.output.getvalue()


async def test_a_row_that_is_too_wide_leaves_out_empty_cells(driver: PipeRig) -> None:
    wide = Page(width=40)
    lines = render_private_reply(
        PrivateReply(text="", tables=(Table(columns=("run", "task", "result"), rows=(("1", "word " * 20, ""),)),)), wide
    )
    assert "result" not in paint(lines, wide)


async def test_an_ascii_output_gets_ascii(pipe: Pipe, tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    with target.open("w", encoding="ascii") as screen:
        adapter = TerminalAdapter(TerminalDevice(stdin=pipe.stdin, screen=screen, clock=lambda: NOW))
        await adapter.start(_ignore)
        await adapter.send(OutboundPost(key="q", place=PipeRig(pipe).home, post=replace(question(), text="Größe?")))
        await adapter.stop()
    assert b"question 2 | Gr??e?" in target.read_bytes()


async def _ignore(event: InboundEvent) -> None:
    """Takes everything."""


async def test_standard_input_stays_blocking_for_other_processes(pipe: Pipe, driver: PipeRig) -> None:
    pipe.put("one\n")
    await driver.next_event()
    assert os.get_blocking(pipe.stdin.fileno())


async def test_the_program_can_submit_entries(driver: PipeRig) -> None:
    await driver.terminal.submit("/ask Build a shop")
    heard = await driver.next_event()
    assert isinstance(heard, CommandReceived)
    assert heard.text == "Build a shop"
