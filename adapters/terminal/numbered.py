"""Entries that begin with a number: whether it names a question, an option, or is only the first word of something else.

A number and a space name a question: `2 postgres please`, `2 1`. They do so where the screen has shown question 2, open or
closed. A number that it has not shown names a question too where no task would go on so: where an option, a figure, a yes or a no
follows (`6 2`). What may as well be a task is taken as neither, and the person is asked: words to a closed question while no run
goes on that could hear them, and words after a number that is lower than one that was shown, for questions are numbered upwards
and this one may have been asked before a restart. Any other number is a word like others: `3 tests fail, why?` is a task, or the
answer where one question is open.
"""

from __future__ import annotations

import re

from adapters.terminal.board import Board
from adapters.terminal.hints import no_longer_here, older, one_word, reaches_nobody, that_names, what_is_open, which_question
from adapters.terminal.intent import Hint, Intent, Reply

_NAMED = re.compile(r"#(\d{1,9})(?::?\s+|:|$)(.*)", re.DOTALL)
_NUMBERED = re.compile(r"(\d{1,9})(?::\s*|\s+)(\S.*)", re.DOTALL)
_NUMBER = re.compile(r"\d{1,9}")
_TERSE = re.compile(
    r"#?-?\d+([.,]\d+)?[%.!)]?"  # `6 2`, `6 -3.5`
    r"|#?\d{1,2}[).:,;]?\s.*"  # `6 2 because it is cheap`
    r"|(yes|no|y|n|ok|ja|nein)\b(\s*[.,;:!].*|\s+please)?",
    re.DOTALL | re.IGNORECASE,
)
"""What answers a question and begins no task."""
_THOUSANDS = re.compile(r"\d{1,3}(\s\d{3})+")
"""`12 000`, as many countries write a figure."""


def read_numbered(text: str, board: Board) -> Intent | None:
    """What an entry means that begins with a number; None if the number is a word like others."""
    if named := _NAMED.match(text):
        return _named(int(named[1]), named[2].strip(), board)
    if _NUMBER.fullmatch(text):
        return _alone(int(text), text, board)
    if numbered := _NUMBERED.match(text):
        number, words = int(numbered[1]), numbered[2]
        return _known(number, words, board) if board.knows(number) else _unknown(number, words, text, board)
    return None


def _named(number: int, words: str, board: Board) -> Intent:
    if words:
        return Reply(question=number, text=words)
    if number in board.questions:
        return Hint(text=that_names(board.questions[number]))
    return Hint(text=f"Question {number} is not open here. {what_is_open(board)}")


def _alone(number: int, text: str, board: Board) -> Intent:
    only = board.only_question
    if only is not None and (number != only.question or number <= len(only.options) or only.answer_kind == "number"):
        return Reply(question=only.question, text=text)
    if number in board.questions:
        return Hint(text=that_names(board.questions[number], number))
    if board.questions:
        return Hint(text=which_question(board))
    state = f"Question {number} is closed." if number in board.closed else "No question is open."
    return Hint(text=f"{state} If {number} is a task, type `/ask {number}`.")


def _known(number: int, words: str, board: Board) -> Intent:
    only = board.only_question
    if number in board.closed and only is not None and number <= len(only.options):
        return Hint(text=no_longer_here(number, only))
    if number in board.closed and not (board.runs or board.questions) and not _TERSE.fullmatch(words):
        return Hint(text=reaches_nobody(number))
    return Reply(question=number, text=words)


def _unknown(number: int, words: str, text: str, board: Board) -> Intent | None:
    only = board.only_question
    if only is not None and only.answer_kind == "number" and _THOUSANDS.fullmatch(text):
        return Hint(text=one_word(number, text, only))
    if _TERSE.fullmatch(words):
        return Reply(question=number, text=words)
    return Hint(text=older(number, only)) if number < board.newest_question else None
