"""What a person means by an entry: the text of one line, or of one paste. A pure reading of the text and of what is open.

    /ask text, /runs, …         a command with the rest of its line
    2 postgres please, #2 1     a reply to question 2: words, or the number of an option
    postgres please, 1          a reply where exactly one question is open; words are a task where none is
    /say 3 use less memory      words to the agents of run 3
    /pass 2, /more 2 1h         "not me" and "more time" on question 2
    /quit                       leave

What could mean two things is taken as neither: the person is told, and gets the text back.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from adapters.terminal.board import Board
from orchestrator_bridge.chat import QuestionCard
from orchestrator_bridge.duration import parse_duration

OWN_COMMANDS = ("say", "pass", "more", "quit")
"""What the terminal understands itself, because other platforms have threads and buttons for it."""
MORE_TIME = 1800.0
"""Seconds that `/more` asks for when it names no time: as long as a question waits by default."""

_NAMED = re.compile(r"#(\d{1,9})(?::?\s+|:|$)(.*)", re.DOTALL)
_NUMBERED = re.compile(r"(\d{1,9})(?::\s*|\s+)(\S.*)", re.DOTALL)
_NUMBER = re.compile(r"\d{1,9}")
_MORE = re.compile(r"(?:#?(\d{1,9})(?=\s|$))?\s*(.*)", re.DOTALL)
_SLIPS = frozenset({"exit", "quit", "help", "?"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command for the bot, with the rest of its line."""

    name: str
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """Words for a question."""

    question: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Guide:
    """Words for the agents of a run."""

    run: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """What is a button elsewhere."""

    question: int
    press: Literal["pass", "more"]
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """The entry was not taken; why, and what to type instead."""

    text: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The person leaves."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """A blank entry."""


Intent = Command | Reply | Guide | Press | Hint | Leave | Nothing


def read_entry(entry: str, board: Board, commands: Sequence[str], *, takes_tasks: bool = True) -> Intent:
    """What `entry` means while `board` is what the person sees. `commands` are the names that the bot knows."""
    text = entry.strip()
    if not text:
        return Nothing()
    if text.startswith("/"):
        return _slash(text[1:], board, commands)
    if named := _NAMED.match(text):
        return _named(int(named[1]), named[2].strip(), board)
    if _NUMBER.fullmatch(text):
        return _bare_number(int(text), text, board)
    if (numbered := _NUMBERED.match(text)) and _known(int(numbered[1]), board):
        return _numbered(int(numbered[1]), numbered[2], board)
    return _plain(text, board, takes_tasks)


def _known(number: int, board: Board) -> bool:
    return number in board.questions or number in board.closed


def _numbered(number: int, words: str, board: Board) -> Intent:
    only = board.only_question
    if number in board.closed and only is not None and number <= len(only.options):
        open_one = only.question
        return Hint(
            text=f"Question {number} is closed, and question {open_one} has an option {number}. For the option type "
            f"`{open_one} {number} your words`; for a late word to question {number}, `#{number} your words`."
        )
    return Reply(question=number, text=words)


def _named(number: int, text: str, board: Board) -> Intent:
    if text:
        return Reply(question=number, text=text)
    if number in board.questions:
        return Hint(text=_how_to_answer(board.questions[number]))
    return Hint(text=f"Question {number} is not open here. {_what_is_open(board)}")


def _bare_number(number: int, text: str, board: Board) -> Intent:
    only = board.only_question
    if only is not None and (number != only.question or number <= len(only.options) or only.answer_kind == "number"):
        return Reply(question=only.question, text=text)
    if number in board.questions:
        return Hint(text=_how_to_answer(board.questions[number], number))
    if board.questions:
        return Hint(text=_which_question(board))
    if number in board.closed:
        return Hint(text=f"Question {number} is closed. If {number} is a task, type `/ask {number}`.")
    return Hint(text=f"No question is open. If {number} is a task, type `/ask {number}`.")


def _plain(text: str, board: Board, takes_tasks: bool) -> Intent:
    if board.only_question is not None:
        return Reply(question=board.only_question.question, text=text)
    if board.questions:
        return Hint(text=_which_question(board))
    if text.lower() in _SLIPS:
        return Hint(text=f"To leave type `/quit`, for help `/help`; if {text!r} is a task, type `/ask {text}`.")
    if not takes_tasks:
        return Hint(text="No question is open. `/say your words` tells the agents something; `/quit` leaves.")
    return Command(name="ask", text=text)


# Commands -----------------------------------------------------------------------------------------------------------------


def _slash(line: str, board: Board, commands: Sequence[str]) -> Intent:
    name, rest = _first_word(line)
    match name.lower():
        case "quit":
            return Leave()
        case "say":
            return _say(rest, board)
        case "pass":
            return _pass(rest, board)
        case "more":
            return _more(rest, board)
        case known if known in commands:
            return Command(name=known, text=rest)
        case unknown:
            return _no_such_command(unknown, commands)


def _first_word(line: str) -> tuple[str, str]:
    parts = line.split(maxsplit=1)
    return (parts[0] if parts else "", parts[1].strip() if len(parts) > 1 else "")


def _no_such_command(name: str, commands: Sequence[str]) -> Hint:
    near = get_close_matches(name[:40], (*commands, *OWN_COMMANDS), n=1)
    guess = f"did you mean `/{near[0]}`?" if near else "`/help` lists what there is."
    return Hint(text=f"There is no command `/{name[:40]}`; {guess} If it begins a task, put `/ask` before it.")


def _say(rest: str, board: Board) -> Intent:
    number, text = _first_word(rest)
    if not _NUMBER.fullmatch(number):
        number, text = (str(board.only_run.run) if board.only_run else "", rest)
    if not (number and text):
        return Hint(text=f"`/say` needs a run and words for its agents, as in `/say 3 use less memory`. {_what_runs(board)}")
    if int(number) not in board.runs:
        state = "has ended" if int(number) in board.ended else "is not known here"
        return Hint(text=f"Run {number} {state}. {_what_runs(board)}")
    return Guide(run=int(number), text=text)


def _pass(rest: str, board: Board) -> Intent:
    number = _question_of(rest.removeprefix("#"), board)
    if number is None:
        return Hint(text=f"`/pass` needs the number of a question, as in `/pass 2`. {_what_is_open(board)}")
    return Press(question=number, press="pass")


def _more(rest: str, board: Board) -> Intent:
    parts = _MORE.fullmatch(rest)
    number = _question_of((parts[1] or "") if parts else "", board)
    if parts is None or number is None:
        return Hint(text=f"`/more` needs the number of a question, as in `/more 2 1h`. {_what_is_open(board)}")
    try:
        seconds = parse_duration(parts[2]) if parts[2] else MORE_TIME
    except ValueError as found:
        return Hint(text=f"`/more {number}` takes a time: {found}.")
    return Press(question=number, press="more", value=f"{seconds:.0f}")


def _question_of(text: str, board: Board) -> int | None:
    if _NUMBER.fullmatch(text):
        return int(text)
    return board.only_question.question if not text and board.only_question else None


# Hints --------------------------------------------------------------------------------------------------------------------


def how_to_answer(card: QuestionCard) -> str:
    """The ways to answer a question, as a person types them."""
    number = card.question
    match card.answer_kind:
        case "choice":
            return f"`{number} 1` or `{number} your words`"
        case "confirm":
            return f"`{number} yes` or `{number} no`"
        case "number":
            return f"`{number} 42`"
        case _:
            return f"`{number} your words`"


def _how_to_answer(card: QuestionCard, typed: int | None = None) -> str:
    number = card.question
    if typed is not None and 1 <= typed <= len(card.options):
        return f"That names question {number}. For its option {typed} type `{number} {typed}`, else `{number} your words`."
    return f"That names question {number}; its answer is missing. Type {how_to_answer(card)}."


def _which_question(board: Board) -> str:
    number = min(board.questions)
    return (
        f"{_what_is_open(board)} Name the one that you answer, as in `{number} your words`; a new task begins with `/ask`. "
        "Nothing was sent."
    )


def _what_is_open(board: Board) -> str:
    numbers = sorted(board.questions)
    if not numbers:
        return "No question is open."
    if len(numbers) == 1:
        return f"Question {numbers[0]} is open."
    return f"Questions {_listed(numbers)} are open."


def _what_runs(board: Board) -> str:
    numbers = sorted(board.runs)
    if not numbers:
        return "No run is going on."
    return f"Run {numbers[0]} is going on." if len(numbers) == 1 else f"Runs {_listed(numbers)} are going on."


def _listed(numbers: Sequence[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"
