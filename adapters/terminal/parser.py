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
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from adapters.terminal.board import Board
from orchestrator_bridge.chat.outbound import QuestionCard
from orchestrator_bridge.common.duration import parse_duration
from orchestrator_bridge.common.text import listed


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandIntent:
    """A command for the bot, with the rest of its line."""

    name: str
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyIntent:
    """Words for a question."""

    question: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GuidanceIntent:
    """Words for the agents of a run."""

    run: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlIntent:
    """What is a button elsewhere."""

    question: int
    press: Literal["pass", "more"]
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedEntry:
    """The entry was not taken; why, and what to type instead."""

    text: str


@dataclass(frozen=True, slots=True)
class QuitIntent:
    """The person leaves."""


@dataclass(frozen=True, slots=True)
class EmptyEntry:
    """A blank entry."""


EntryIntent = CommandIntent | ReplyIntent | GuidanceIntent | ControlIntent | RejectedEntry | QuitIntent | EmptyEntry


def how_to_answer(card: QuestionCard) -> str:
    """The ways to answer a question, as a person types them."""
    number = card.question
    match card.answer_kind:
        case "choice":
            return f"`{number} 1` or `{number} your words`"
        case "approval":
            return f"`{number} approve` or `{number} no, because …`"
        case "confirm":
            return f"`{number} yes` or `{number} no`"
        case "number":
            return f"`{number} 42`"
        case _:
            return f"`{number} your words`"


def number_only_hint(card: QuestionCard, typed: int | None = None) -> str:
    """The entry was the number of an open question and nothing else."""
    number = card.question
    if typed is not None and 1 <= typed <= len(card.options):
        return f"That names question {number}. For its option {typed} type `{number} {typed}`, else `{number} your words`."
    return f"That names question {number}; its answer is missing. Type {how_to_answer(card)}."


def closed_question_hint(number: int, only: QuestionCard) -> str:
    """The entry names a closed question, or else an option of the only open one."""
    open_one = only.question
    return (
        f"Question {number} is closed, and question {open_one} has an option {number}. For the option type "
        f"`{open_one} {number} your words`; for a late word to question {number}, `#{number} your words`."
    )


def no_listener_hint(number: int) -> str:
    """The entry names a closed question, and no run goes on in which anybody could hear it."""
    return (
        f"Question {number} is closed, and no run goes on that could hear more of it: `#{number} …` tells what became of it, "
        f"`/ask {number} …` begins a task. Nothing was sent."
    )


def unseen_question_hint(number: int, only: QuestionCard | None) -> str:
    """The entry begins with the number of a question that this screen has not shown, though it has shown later ones."""
    answer = f"`{only.question} {number} …` answers question {only.question}, " if only else ""
    return (
        f"Question {number} is older than this screen: `#{number} …` is a word to it, {answer}and `/ask {number} …` begins a "
        "task. Nothing was sent."
    )


def spaced_number_hint(number: int, text: str, only: QuestionCard) -> str:
    """The entry is a figure with spaces in it, which reads as if it named a question."""
    figure = "".join(text.split())
    return f"`{number} …` names question {number}. To answer question {only.question} type `{only.question} {figure}`."


def ambiguous_question_hint(board: Board) -> str:
    """Several questions are open, and the entry names none."""
    number = min(board.questions)
    return (
        f"{open_questions_text(board)} Name the one that you answer, as in `{number} your words`; a new task begins with `/ask`. "
        "Nothing was sent."
    )


def open_questions_text(board: Board) -> str:
    """The open questions by number."""
    numbers = sorted(board.questions)
    if not numbers:
        return "No question is open."
    if len(numbers) == 1:
        return f"Question {numbers[0]} is open."
    return f"Questions {listed([*map(str, numbers)])} are open."


def running_runs_text(board: Board) -> str:
    """The runs that go on, by number."""
    numbers = sorted(board.runs)
    if not numbers:
        return "No run is going on."
    return f"Run {numbers[0]} is going on." if len(numbers) == 1 else f"Runs {listed([*map(str, numbers)])} are going on."


# Entries that begin with a number: whether it names a question, an option, or is only the first word of something else.
#
# A number and a space name a question: `2 postgres please`, `2 1`. They do so where the screen has shown question 2, open or
# closed. A number that it has not shown names a question too where no task would go on so: where an option, a figure, a yes or
# a no
# follows (`6 2`). What may as well be a task is taken as neither, and the person is asked: words to a closed question while no
# run
# goes on that could hear them, and words after a number that is lower than one that was shown, for questions are numbered
# upwards
# and this one may have been asked before a restart. Any other number is a word like others: `3 tests fail, why?` is a task, or
# the
# answer where one question is open.


_NAMED = re.compile(r"#(\d{1,9})(?::?\s+|:|$)(.*)", re.DOTALL)
_NUMBERED = re.compile(r"(\d{1,9})(?::\s*|\s+)(\S.*)", re.DOTALL)
_NUMBER = re.compile(r"\d{1,9}")
_TERSE_ANSWER = re.compile(
    r"#?-?\d+([.,]\d+)?[%.!)]?"  # `6 2`, `6 -3.5`
    r"|#?\d{1,2}[).:,;]?\s.*"  # `6 2 because it is cheap`
    r"|(yes|no|y|n|ok|ja|nein)\b(\s*[.,;:!].*|\s+please)?",
    re.DOTALL | re.IGNORECASE,
)
"""What answers a question and begins no task."""
_THOUSANDS = re.compile(r"\d{1,3}(\s\d{3})+")
"""`12 000`, as many countries write a figure."""


def parse_numbered(text: str, board: Board) -> EntryIntent | None:
    """What an entry means that begins with a number; None if the number is a word like others."""
    if named := _NAMED.match(text):
        return _parse_named(int(named[1]), named[2].strip(), board)
    if _NUMBER.fullmatch(text):
        return _parse_number_only(int(text), text, board)
    if numbered := _NUMBERED.match(text):
        number, words = int(numbered[1]), numbered[2]
        return _parse_known(number, words, board) if board.knows(number) else _parse_unknown(number, words, text, board)
    return None


def _parse_named(number: int, words: str, board: Board) -> EntryIntent:
    if words:
        return ReplyIntent(question=number, text=words)
    if number in board.questions:
        return RejectedEntry(text=number_only_hint(board.questions[number]))
    return RejectedEntry(text=f"Question {number} is not open here. {open_questions_text(board)}")


def _parse_number_only(number: int, text: str, board: Board) -> EntryIntent:
    only = board.only_question
    if only is not None and (number != only.question or number <= len(only.options) or only.answer_kind == "number"):
        return ReplyIntent(question=only.question, text=text)
    if number in board.questions:
        return RejectedEntry(text=number_only_hint(board.questions[number], number))
    if board.questions:
        return RejectedEntry(text=ambiguous_question_hint(board))
    state = f"Question {number} is closed." if number in board.closed else "No question is open."
    return RejectedEntry(text=f"{state} If {number} is a task, type `/ask {number}`.")


def _parse_known(number: int, words: str, board: Board) -> EntryIntent:
    only = board.only_question
    if number in board.closed and only is not None and number <= len(only.options):
        return RejectedEntry(text=closed_question_hint(number, only))
    if number in board.closed and not (board.runs or board.questions) and not _TERSE_ANSWER.fullmatch(words):
        return RejectedEntry(text=no_listener_hint(number))
    return ReplyIntent(question=number, text=words)


def _parse_unknown(number: int, words: str, text: str, board: Board) -> EntryIntent | None:
    only = board.only_question
    if only is not None and only.answer_kind == "number" and _THOUSANDS.fullmatch(text):
        return RejectedEntry(text=spaced_number_hint(number, text, only))
    if _TERSE_ANSWER.fullmatch(words):
        return ReplyIntent(question=number, text=words)
    return RejectedEntry(text=unseen_question_hint(number, only)) if number < board.newest_question else None


OWN_COMMANDS = ("say", "pass", "more", "quit")
"""What the terminal understands itself, because other platforms have threads and buttons for it."""
DEFAULT_EXTENSION = 1800.0
"""Seconds that `/more` asks for when it names no time: as long as a question waits by default."""
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
