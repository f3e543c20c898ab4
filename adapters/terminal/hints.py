"""What a person at the terminal is told where an entry was not taken: what is open, and what to type instead."""

from __future__ import annotations

from adapters.terminal.board import Board
from orchestrator_bridge.chat import QuestionCard
from orchestrator_bridge.text import listed


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
