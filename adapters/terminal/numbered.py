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
from adapters.terminal.hints import (
    ambiguous_question_hint,
    closed_question_hint,
    no_listener_hint,
    number_only_hint,
    open_questions_text,
    spaced_number_hint,
    unseen_question_hint,
)
from adapters.terminal.intent import EntryIntent, RejectedEntry, ReplyIntent

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
