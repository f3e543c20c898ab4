"""What a person means by an entry: the text of one line, or of one paste. A pure reading of the text and of what is open.

    /ask text, /runs, …         a command with the rest of its line
    2 postgres please, #2 1     a reply to question 2: words, or the number of an option (`numbered` has the rule)
    postgres please, 1          a reply where exactly one question is open; words are a task where none is
    /say 3 use less memory      words to the agents of run 3
    /pass 2, /more 2 1h         "not me" and "more time" on question 2
    /quit                       leave

What could mean two things is taken as neither: the person is told, and gets the text back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches

from adapters.terminal.board import Board
from adapters.terminal.hints import ambiguous_question_hint, open_questions_text, running_runs_text
from adapters.terminal.intent import (
    CommandIntent,
    ControlIntent,
    EmptyEntry,
    EntryIntent,
    GuidanceIntent,
    QuitIntent,
    RejectedEntry,
    ReplyIntent,
)
from adapters.terminal.numbered import parse_numbered
from orchestrator_bridge.duration import parse_duration

OWN_COMMANDS = ("say", "pass", "more", "quit")
"""What the terminal understands itself, because other platforms have threads and buttons for it."""
DEFAULT_EXTENSION = 1800.0
"""Seconds that `/more` asks for when it names no time: as long as a question waits by default."""

_NUMBER = re.compile(r"\d{1,9}")
_MORE = re.compile(r"(?:#?(\d{1,9})(?=\s|$))?\s*(.*)", re.DOTALL)
_COMMAND_SLIPS = frozenset({"exit", "quit", "help", "?"})


def parse_entry(entry: str, board: Board, commands: Sequence[str], *, takes_tasks: bool = True) -> EntryIntent:
    """What `entry` means while `board` is what the person sees. `commands` are the names that the bot knows."""
    text = entry.strip()
    if not text:
        return EmptyEntry()
    if text.startswith("/"):
        return _parse_slash(text[1:], board, commands)
    return parse_numbered(text, board) or _parse_text(text, board, takes_tasks)


def _parse_text(text: str, board: Board, takes_tasks: bool) -> EntryIntent:
    if board.only_question is not None:
        return ReplyIntent(question=board.only_question.question, text=text)
    if board.questions:
        return RejectedEntry(text=ambiguous_question_hint(board))
    if text.lower() in _COMMAND_SLIPS:
        return RejectedEntry(text=f"To leave type `/quit`, for help `/help`; if {text!r} is a task, type `/ask {text}`.")
    if not takes_tasks:
        return RejectedEntry(text="No question is open. `/say your words` tells the agents something; `/quit` leaves.")
    return CommandIntent(name="ask", text=text)


# Commands -----------------------------------------------------------------------------------------------------------------


def _parse_slash(line: str, board: Board, commands: Sequence[str]) -> EntryIntent:
    name, rest = _first_word(line)
    match name.lower():
        case "quit":
            return QuitIntent()
        case "say":
            return _parse_say(rest, board)
        case "pass":
            return _parse_pass(rest, board)
        case "more":
            return _parse_more(rest, board)
        case known if known in commands:
            return CommandIntent(name=known, text=rest)
        case unknown:
            return _no_such_command(unknown, commands)


def _first_word(line: str) -> tuple[str, str]:
    parts = line.split(maxsplit=1)
    return (parts[0] if parts else "", parts[1].strip() if len(parts) > 1 else "")


def _no_such_command(name: str, commands: Sequence[str]) -> RejectedEntry:
    near = get_close_matches(name[:40], (*commands, *OWN_COMMANDS), n=1)
    guess = f"did you mean `/{near[0]}`?" if near else "`/help` lists what there is."
    return RejectedEntry(text=f"There is no command `/{name[:40]}`; {guess} If it begins a task, put `/ask` before it.")


def _parse_say(rest: str, board: Board) -> EntryIntent:
    number, text = _first_word(rest)
    if not _NUMBER.fullmatch(number):
        number, text = (str(board.only_run.run) if board.only_run else "", rest)
    if not (number and text):
        return RejectedEntry(
            text=f"`/say` needs a run and words for its agents, as in `/say 3 use less memory`. {running_runs_text(board)}"
        )
    if int(number) not in board.runs:
        state = "has ended" if int(number) in board.ended else "is not known here"
        return RejectedEntry(text=f"Run {number} {state}. {running_runs_text(board)}")
    return GuidanceIntent(run=int(number), text=text)


def _parse_pass(rest: str, board: Board) -> EntryIntent:
    number = _question_of(rest.removeprefix("#"), board)
    if number is None:
        return RejectedEntry(text=f"`/pass` needs the number of a question, as in `/pass 2`. {open_questions_text(board)}")
    return ControlIntent(question=number, press="pass")


def _parse_more(rest: str, board: Board) -> EntryIntent:
    parts = _MORE.fullmatch(rest)
    number = _question_of((parts[1] or "") if parts else "", board)
    if parts is None or number is None:
        return RejectedEntry(text=f"`/more` needs the number of a question, as in `/more 2 1h`. {open_questions_text(board)}")
    try:
        seconds = parse_duration(parts[2]) if parts[2] else DEFAULT_EXTENSION
    except ValueError as found:
        return RejectedEntry(text=f"`/more {number}` takes a time: {found}.")
    return ControlIntent(question=number, press="more", value=f"{seconds:.0f}")


def _question_of(text: str, board: Board) -> int | None:
    if _NUMBER.fullmatch(text):
        return int(text)
    return board.only_question.question if not text and board.only_question else None
