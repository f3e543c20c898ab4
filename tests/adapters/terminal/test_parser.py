"""Entries and the intents that they are parsed to, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.terminal.adapter import COMMANDS
from adapters.terminal.board import Board
from adapters.terminal.parser import (
    DEFAULT_EXTENSION,
    CommandIntent,
    ControlIntent,
    EmptyEntry,
    EntryIntent,
    GuidanceIntent,
    QuitIntent,
    RejectedEntry,
    ReplyIntent,
    parse_entry,
)
from orchestrator_bridge.chat.outbound import Note
from orchestrator_bridge.chat.testing import RUN, closed, question

Numbers = tuple[int, ...]


def board(*, questions: Numbers = (), over: Numbers = (), runs: Numbers = (), ended: Numbers = ()) -> Board:
    made = Board()
    for number in (*questions, *over):
        made = made.after(question(number))
    for number in over:
        made = made.after(closed(question(number)))
    for number in (*runs, *ended):
        made = made.after(replace(RUN, run=number, ended=number in ended))
    return made


QUIET = board()
ONE = board(questions=(2,), runs=(3,))
SEVERAL = board(questions=(2, 5), over=(1,), runs=(3, 4))
LATER = board(questions=(5,), over=(1, 2), runs=(3,))
OVER = board(over=(2,), ended=(3,))
ANSWERED = board(runs=(3,)).after(replace(RUN, status="finished", ended=True))
UNSEEN = ONE.after(Note(text="Question 6 by skeptic: …", ended_question=6))
FIGURE = board().after(replace(question(2), answer_kind="number", options=()))


@pytest.mark.parametrize(
    ("entry", "seen", "expected"),
    [
        # tasks and commands
        ("Build a shop", QUIET, CommandIntent(name="task", text="Build a shop")),
        ("  two\nlines  ", QUIET, CommandIntent(name="task", text="two\nlines")),
        ("stop please", QUIET, CommandIntent(name="cancel", text="")),
        ("how much did run 2 cost?", QUIET, CommandIntent(name="cost", text="2")),
        ("cost of moving to another host", QUIET, CommandIntent(name="task", text="cost of moving to another host")),
        ("/ask Build a shop", QUIET, CommandIntent(name="ask", text="Build a shop")),
        ("/ask", QUIET, CommandIntent(name="ask")),
        ("/ask  a\n\nb", SEVERAL, CommandIntent(name="ask", text="a\n\nb")),
        ("/say 3 and the backup?", OVER, GuidanceIntent(run=3, text="and the backup?")),
        ("/say and the backup?", ANSWERED, GuidanceIntent(run=3, text="and the backup?")),
        ("And the backup?", ANSWERED, CommandIntent(name="task", text="And the backup?")),
        ("/RUNS", QUIET, CommandIntent(name="runs")),
        ("/cancel 3", SEVERAL, CommandIntent(name="cancel", text="3")),
        ("", ONE, EmptyEntry()),
        (" \t\n", ONE, EmptyEntry()),
        # replies
        ("2 postgres please", SEVERAL, ReplyIntent(question=2, text="postgres please")),
        ("2: postgres", SEVERAL, ReplyIntent(question=2, text="postgres")),
        ("2:postgres", SEVERAL, ReplyIntent(question=2, text="postgres")),
        ("2 1", ONE, ReplyIntent(question=2, text="1")),
        ("2 two\nlines", ONE, ReplyIntent(question=2, text="two\nlines")),
        ("#2 1", ONE, ReplyIntent(question=2, text="1")),
        ("#2: because", SEVERAL, ReplyIntent(question=2, text="because")),
        ("#9 never heard of it", SEVERAL, ReplyIntent(question=9, text="never heard of it")),
        ("1 too late, I know", SEVERAL, ReplyIntent(question=1, text="too late, I know")),
        ("2 1", OVER, ReplyIntent(question=2, text="1")),
        ("#2 postgres", OVER, ReplyIntent(question=2, text="postgres")),
        ("1 postgres", replace(LATER, questions={}), ReplyIntent(question=1, text="postgres")),
        ("postgres", ONE, ReplyIntent(question=2, text="postgres")),
        ("7 reasons for postgres", ONE, ReplyIntent(question=2, text="7 reasons for postgres")),
        ("-3.5", ONE, ReplyIntent(question=2, text="-3.5")),
        ("2.5", ONE, ReplyIntent(question=2, text="2.5")),
        # a number alone
        ("1", ONE, ReplyIntent(question=2, text="1")),
        ("2", LATER, ReplyIntent(question=5, text="2")),
        ("2", ONE, ReplyIntent(question=2, text="2")),
        # a number that is no question's begins a task like any word
        ("2 bugs are to be fixed", QUIET, CommandIntent(name="task", text="2 bugs are to be fixed")),
        ("1. first\n2. second", OVER, CommandIntent(name="task", text="1. first\n2. second")),
        ("3 tests fail in CI, why?", QUIET, CommandIntent(name="task", text="3 tests fail in CI, why?")),
        ("3 tests fail in CI, why?", OVER, CommandIntent(name="task", text="3 tests fail in CI, why?")),
        ("3 no-op commits are to be dropped", QUIET, CommandIntent(name="task", text="3 no-op commits are to be dropped")),
        # a number that this screen never showed, with what only answers a question
        ("6 2", QUIET, ReplyIntent(question=6, text="2")),
        ("6 2", ONE, ReplyIntent(question=6, text="2")),
        ("1 2", ONE, ReplyIntent(question=1, text="2")),
        ("6 2 because it is cheap", ONE, ReplyIntent(question=6, text="2 because it is cheap")),
        ("6 yes", SEVERAL, ReplyIntent(question=6, text="yes")),
        ("6 No, not on a Friday", QUIET, ReplyIntent(question=6, text="No, not on a Friday")),
        ("6 12.5", QUIET, ReplyIntent(question=6, text="12.5")),
        # a question that ended before it was shown
        ("6 postgres please", UNSEEN, ReplyIntent(question=6, text="postgres please")),
        # what is a button or a thread elsewhere
        ("/pass 2", SEVERAL, ControlIntent(question=2, press="pass")),
        ("/pass #2", SEVERAL, ControlIntent(question=2, press="pass")),
        ("/pass", ONE, ControlIntent(question=2, press="pass")),
        ("/pass 1", SEVERAL, ControlIntent(question=1, press="pass")),
        ("/more 2 1h", SEVERAL, ControlIntent(question=2, press="more", value="3600")),
        ("/more 2 1h 30m", SEVERAL, ControlIntent(question=2, press="more", value="5400")),
        ("/more 2", SEVERAL, ControlIntent(question=2, press="more", value=f"{DEFAULT_EXTENSION:.0f}")),
        ("/more 20m", ONE, ControlIntent(question=2, press="more", value="1200")),
        ("/more", ONE, ControlIntent(question=2, press="more", value=f"{DEFAULT_EXTENSION:.0f}")),
        ("/say 4 mind the budget", SEVERAL, GuidanceIntent(run=4, text="mind the budget")),
        ("/say mind the budget", ONE, GuidanceIntent(run=3, text="mind the budget")),
        ("/quit", ONE, QuitIntent()),
    ],
)
def test_an_entry_is_parsed(entry: str, seen: Board, expected: EntryIntent) -> None:
    assert parse_entry(entry, seen, COMMANDS) == expected


@pytest.mark.parametrize(
    ("entry", "seen", "hints"),
    [
        ("postgres", SEVERAL, ["2 and 5", "`2 your words`", "/ask"]),
        ("7 postgres", SEVERAL, ["2 and 5"]),
        ("3 postgres", SEVERAL, ["Question 3 is older"]),
        ("1", SEVERAL, ["2 and 5"]),
        ("2", SEVERAL, ["question 2", "`2 2`"]),
        ("#2", ONE, ["question 2", "`2 1`"]),
        ("1 because it is quick", LATER, ["Question 1 is closed", "`5 1 your words`", "`#1 your words`"]),
        ("1 because it is quick", ONE, ["Question 1 is older", "`#1 …`", "`2 1 …`", "`/ask 1 …`"]),
        ("1 test fails in CI, why?", OVER, ["Question 1 is older", "`#1 …`", "`/ask 1 …`"]),
        ("2 tests fail in CI, why?", OVER, ["Question 2 is closed", "`#2 …`", "`/ask 2 …`"]),
        ("12 000", FIGURE, ["`12 …` names question 12", "`2 12000`"]),
        ("2", OVER, ["Question 2 is closed", "`/ask 2`"]),
        ("7", QUIET, ["No question is open", "`/ask 7`"]),
        ("exit", QUIET, ["`/quit`", "`/ask exit`"]),
        ("/qestions", QUIET, ["`/qestions`", "`/questions`"]),
        ("/usr/bin/foo crashes", QUIET, ["no command `/usr/bin/foo`", "`/help`", "`/ask`"]),
        ("/", QUIET, ["`/help`"]),
        ("/say", SEVERAL, ["`/say 3", "3 and 4"]),
        ("/say hurry up", SEVERAL, ["3 and 4"]),
        ("/say 8 hurry up", ONE, ["Run 8 is not known", "Run 3"]),
        ("/pass", SEVERAL, ["`/pass 2`", "2 and 5"]),
        ("/pass soon", ONE, ["`/pass 2`"]),
        ("/more 2 soon", SEVERAL, ["'soon'", "10m"]),
        ("/more", QUIET, ["`/more 2 1h`", "No question is open"]),
    ],
)
def test_an_ambiguous_entry_is_refused_with_the_text_to_type(entry: str, seen: Board, hints: list[str]) -> None:
    meant = parse_entry(entry, seen, COMMANDS)
    assert isinstance(meant, RejectedEntry)
    for hint in hints:
        assert hint in meant.text


def test_plain_text_starts_no_task_where_tasks_are_not_accepted() -> None:
    meant = parse_entry("Build a shop", QUIET, COMMANDS, takes_tasks=False)
    assert isinstance(meant, RejectedEntry)
    assert parse_entry("/ask Build a shop", QUIET, COMMANDS, takes_tasks=False) == CommandIntent(name="ask", text="Build a shop")


def test_a_very_long_entry_is_parsed_whole() -> None:
    text = "word " * 40_000
    assert parse_entry(text, ONE, COMMANDS) == ReplyIntent(question=2, text=text.strip())


def test_a_late_card_does_not_reopen_a_run_or_question() -> None:
    assert OVER.after(question(2)).questions == {}
    assert OVER.after(RUN).runs == {}


@pytest.mark.parametrize(
    ("entry", "seen", "expected"),
    [
        ("And the backup?", ANSWERED, GuidanceIntent(run=3, text="And the backup?")),
        ("/ask Build a shop", ANSWERED, CommandIntent(name="ask", text="Build a shop")),
        ("Build a shop", QUIET, CommandIntent(name="task", text="Build a shop")),
        ("Build a shop", ANSWERED.after(replace(RUN, run=4)), CommandIntent(name="task", text="Build a shop")),
        ("Build a shop", OVER, CommandIntent(name="task", text="Build a shop")),
    ],
)
def test_plain_text_goes_on_with_the_run_that_has_ended_last_where_somebody_types(
    entry: str, seen: Board, expected: EntryIntent
) -> None:
    assert parse_entry(entry, seen, COMMANDS, continues=True) == expected
