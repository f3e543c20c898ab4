"""Parses an entry (one line, or one paste) by its text and the runs and questions on the board.

    /ask text, /runs, …         a command with the rest of its line
    2 postgres please, #2 1     a reply to question 2: words, or the number of an option (`parse_numbered` has the rule)
    postgres please, 1          a reply if exactly one question is open; words are a command or a task if none is
    sorry, I meant MySQL        a correction of the last answer while its run is active; never a task
    /say 3 use less memory      guidance for the agents of run 3
    /pass 2, /more 2 1h         "not me" and "more time" on question 2
    /quit                       leave

An ambiguous entry is refused with the alternatives, and returned to the person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from adapters.terminal.board import Board
from orchestrator_bridge.chat.command_line import TASK, parse_typed_command
from orchestrator_bridge.chat.outbound import QuestionCard
from orchestrator_bridge.common.duration import parse_duration
from orchestrator_bridge.common.text import listed


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandIntent:
    """A command of the bot, with the rest of its line."""

    name: str
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyIntent:
    """A reply to a question."""

    question: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GuidanceIntent:
    """Guidance for the agents of a run, or the next turn of its conversation if the run has ended."""

    run: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlIntent:
    """A control that is a button on other platforms."""

    question: int
    press: Literal["pass", "more"]
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedEntry:
    """A refused entry: the reason, and the text to type instead."""

    text: str


@dataclass(frozen=True, slots=True)
class QuitIntent:
    """A request to leave."""


@dataclass(frozen=True, slots=True)
class EmptyEntry:
    """A blank entry."""


EntryIntent = CommandIntent | ReplyIntent | GuidanceIntent | ControlIntent | RejectedEntry | QuitIntent | EmptyEntry


def how_to_answer(card: QuestionCard, *, only: bool = False) -> str:
    """Entries that answer a question. Without the question's number if it is the `only` open one."""
    number = card.question
    if only:
        return _how_to_answer_only(card)
    match card.answer_kind:
        case "choice":
            last = len(card.options)
            return f"`{number} 1` {'or' if last == 2 else 'to'} `{number} {last}`, or `{number} your words`"
        case "approval":
            return f"`{number} approve` or `{number} no, because …`"
        case "confirm":
            return f"`{number} yes` or `{number} no`"
        case "number":
            return f"`{number} 42`"
        case _:
            return f"`{number} your words`"


def _how_to_answer_only(card: QuestionCard) -> str:
    match card.answer_kind:
        case "choice":
            last = len(card.options)
            return f"1 {'or' if last == 2 else 'to'} {last}, or your own words"
        case "approval":
            return "`approve`, or `no, because …`"
        case "confirm":
            return "`yes` or `no`"
        case "number":
            return "a number"
        case _:
            return "your own words"


def number_only_hint(card: QuestionCard, typed: int | None = None) -> str:
    """Hint for an entry that is only the number of an open question."""
    number = card.question
    if typed is not None and 1 <= typed <= len(card.options):
        return (
            f"That is the number of question {number}. For its option {typed}, type `{number} {typed}`; for another answer, "
            f"`{number} your words`."
        )
    return f"That is the number of question {number}, without an answer. Type {how_to_answer(card)}."


def closed_question_hint(number: int, only: QuestionCard) -> str:
    """Hint for an entry whose number is that of a closed question and of an option of the only open question."""
    open_number = only.question
    return (
        f"Question {number} is closed, and question {open_number} has an option {number}. For the option, type "
        f"`{open_number} {number} your words`; for a late reply to question {number}, `#{number} your words`."
    )


def no_listener_hint(number: int) -> str:
    """Hint for an entry that names a closed question while no run is active that could receive it."""
    return (
        f"Question {number} is closed, and no run is active that could receive more. `#{number} …` shows its outcome, "
        f"`/ask {number} …` starts a task. Nothing was sent."
    )


def unseen_question_hint(number: int, only: QuestionCard | None) -> str:
    """Hint for an entry that begins with the number of a question which this screen has not shown, but a later one."""
    answer = f"`{only.question} {number} …` answers question {only.question}, " if only else ""
    return (
        f"Question {number} is older than this screen. `#{number} …` replies to it, {answer}`/ask {number} …` starts a task. "
        "Nothing was sent."
    )


def spaced_number_hint(number: int, text: str, only: QuestionCard) -> str:
    """Hint for an entry that is a number with spaces, whose beginning reads like a question's number."""
    figure = "".join(text.split())
    return f"`{number} …` names question {number}. To answer question {only.question}, type `{only.question} {figure}`."


def ambiguous_question_hint(board: Board) -> str:
    """Hint for an entry without a question's number while several questions are open."""
    number = min(board.questions)
    return (
        f"{open_questions_text(board)} Begin with the number of the one that you answer, for example `{number} your words`. "
        "Begin a new task with `/ask`. Nothing was sent."
    )


def open_questions_text(board: Board) -> str:
    """Open questions by number, as a sentence."""
    numbers = sorted(board.questions)
    if not numbers:
        return "No question is open."
    if len(numbers) == 1:
        return f"Question {numbers[0]} is open."
    return f"Questions {listed([*map(str, numbers)])} are open."


def running_runs_text(board: Board) -> str:
    """Active runs by number, as a sentence."""
    numbers = sorted(board.runs)
    if not numbers:
        return "No run is active."
    return f"Run {numbers[0]} is active." if len(numbers) == 1 else f"Runs {listed([*map(str, numbers)])} are active."


_NAMED = re.compile(r"#(\d{1,9})(?::?\s+|:|$)(.*)", re.DOTALL)
_NUMBERED = re.compile(r"(\d{1,9})(?::\s*|\s+)(\S.*)", re.DOTALL)
_NUMBER = re.compile(r"\d{1,9}")
_TERSE_ANSWER = re.compile(
    r"#?-?\d+([.,]\d+)?[%.!)]?"  # `6 2`, `6 -3.5`
    r"|#?\d{1,2}[).:,;]?\s.*"  # `6 2 because it is cheap`
    r"|(yes|no|y|n|ok|ja|nein)\b(\s*[.,;:!].*|\s+please)?",
    re.DOTALL | re.IGNORECASE,
)
"""Texts that answer a question and cannot begin a task."""
_THOUSANDS = re.compile(r"\d{1,3}(\s\d{3})+")
"""`12 000`, as many countries write a figure."""


def parse_numbered(text: str, board: Board) -> EntryIntent | None:
    """Parse an entry that begins with a number; None if the number is an ordinary word.

    - A number and a space name a question (`2 postgres please`, `2 1`) if the screen has shown question 2, open or closed.
    - An unknown number names a question too if the rest cannot continue a task: an option, a figure, yes or no (`6 2`).
    - The entry is refused as ambiguous if it may as well be a task: words to a closed question while no run is active that could
      receive them; words after an unknown number below one that was shown, because numbers only grow, and that question may
      have been asked before a restart.
    - Any other number is an ordinary word: `3 tests fail, why?` is a task, or the answer if exactly one question is open.
    """
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
"""Commands of the terminal itself: other platforms have threads and buttons for them."""
DEFAULT_EXTENSION = 1800.0
"""Seconds that `/more` asks for if it names no time: as long as a question waits by default."""
_MORE = re.compile(r"(?:#?(\d{1,9})(?=\s|$))?\s*(.*)", re.DOTALL)
_COMMAND_SLIPS = frozenset({"exit", "quit", "help", "?"})


def parse_entry(
    entry: str, board: Board, commands: Sequence[str], *, takes_tasks: bool = True, continues: bool = False
) -> EntryIntent:
    """Parse `entry` against `board`, the state that the person sees. `commands` are the names of the bot's commands.

    `continues`: plain text goes on with the run that has ended last. Not so in a pipe, in which each line is a task.
    """
    text = entry.strip()
    if not text:
        return EmptyEntry()
    if text.startswith("/"):
        return _parse_slash(text[1:], board, commands)
    return parse_numbered(text, board) or _parse_text(text, board, commands, takes_tasks, continues)


_CORRECTION = re.compile(
    r"(oh |oops,? |no,? |wait,? )*(sorry|oops|wait\b|correction|scratch that|i meant|i mean\b|my mistake|instead\b"
    r"|sorry|entschuldigung|moment\b|korrektur|ich meinte|ich meine\b|doch lieber)",
    re.IGNORECASE,
)
"""Beginnings of a text that corrects what was said just before."""


def _parse_text(text: str, board: Board, commands: Sequence[str], takes_tasks: bool, continues: bool) -> EntryIntent:
    if board.only_question is not None:
        return ReplyIntent(question=board.only_question.question, text=text)
    if board.questions:
        return RejectedEntry(text=ambiguous_question_hint(board))
    if board.answered is not None and _CORRECTION.match(text):
        return _parse_correction(text, board.answered, board)
    if text.lower() in _COMMAND_SLIPS:
        return RejectedEntry(text=f"To leave, type `/quit`; for help, `/help`. If {text!r} is a task, type `/ask {text}`.")
    if not takes_tasks:
        return RejectedEntry(text="No question is open. `/say your words` sends guidance to the agents; `/quit` leaves.")
    typed = parse_typed_command(text)
    if typed is not None and typed.name in commands and typed.name != "ask":
        return CommandIntent(name=typed.name, text=typed.text)
    if continues and board.last_run is not None and not board.runs:
        return GuidanceIntent(run=board.last_run, text=text)
    return CommandIntent(name=TASK, text=text)


def _parse_correction(text: str, answered: QuestionCard, board: Board) -> EntryIntent:
    """A correction reaches the agents that go on with the answer. No run is started on a guess, because it may cost money."""
    if answered.run in board.runs:
        return ReplyIntent(question=answered.question, text=text)
    return RejectedEntry(
        text=f"Question {answered.question} is closed, run {answered.run} has ended. `/say {answered.run} {text}` goes on from "
        f"its answer, `/ask {text}` starts a new run."
    )


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
            near = get_close_matches(unknown[:40], (*commands, *OWN_COMMANDS), n=1)
            guess = f"Did you mean `/{near[0]}`?" if near else "`/help` lists the commands."
            return RejectedEntry(
                text=f"There is no command `/{unknown[:40]}`. {guess} If it begins a task, put `/ask` before it."
            )


def _first_word(line: str) -> tuple[str, str]:
    parts = line.split(maxsplit=1)
    return (parts[0] if parts else "", parts[1].strip() if len(parts) > 1 else "")


def _parse_say(rest: str, board: Board) -> EntryIntent:
    number, text = _first_word(rest)
    if not _NUMBER.fullmatch(number):
        only = board.only_run.run if board.only_run else board.last_run if not board.runs else None
        number, text = ("" if only is None else str(only), rest)
    if not (number and text):
        return RejectedEntry(
            text=f"`/say` needs a run and a text, for example `/say 3 use less memory`. {running_runs_text(board)}"
        )
    if int(number) not in board.runs and int(number) not in board.ended:
        return RejectedEntry(text=f"Run {number} is not known here. {running_runs_text(board)}")
    return GuidanceIntent(run=int(number), text=text)


def _parse_pass(rest: str, board: Board) -> EntryIntent:
    number = _question_of(rest.removeprefix("#"), board)
    if number is None:
        return RejectedEntry(text=f"`/pass` needs the number of a question, for example `/pass 2`. {open_questions_text(board)}")
    return ControlIntent(question=number, press="pass")


def _parse_more(rest: str, board: Board) -> EntryIntent:
    parts = _MORE.fullmatch(rest)
    number = _question_of((parts[1] or "") if parts else "", board)
    if parts is None or number is None:
        hint = f"`/more` needs the number of a question, for example `/more 2 1h`. {open_questions_text(board)}"
        return RejectedEntry(text=hint)
    try:
        seconds = parse_duration(parts[2]) if parts[2] else DEFAULT_EXTENSION
    except ValueError as found:
        return RejectedEntry(text=f"`/more {number}` needs a duration: {found}.")
    return ControlIntent(question=number, press="more", value=f"{seconds:.0f}")


def _question_of(text: str, board: Board) -> int | None:
    if _NUMBER.fullmatch(text):
        return int(text)
    return board.only_question.question if not text and board.only_question else None
