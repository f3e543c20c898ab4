"""The lines under the input: which questions wait for an answer, and how the runs stand. A pure reading of the board."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from adapters.terminal.board import Board
from adapters.terminal.cards import one_line
from orchestrator_bridge.chat import RunCard

MOST_RUNS = 3
"""Runs with a line of their own; the others are counted."""


def toolbar_lines(board: Board, width: int) -> list[str]:
    """The lines to show, each at most `width` columns wide."""
    newest = sorted(board.runs, reverse=True)
    lines = [_questions(board), *(_run(board.runs[number]) for number in newest[:MOST_RUNS])]
    if len(newest) > MOST_RUNS:
        lines.append(f"{len(newest) - MOST_RUNS} more: /runs")
    return [_cut_line(line, width) for line in lines]


def _questions(board: Board) -> str:
    numbers = sorted(board.questions)
    if not numbers:
        return "No open question · /help · /quit" if board.runs else "Type a task · /help · /quit"
    if len(numbers) == 1:
        return f"1 open question: {numbers[0]} · type your answer"
    return f"{len(numbers)} open questions: {', '.join(map(str, numbers))} · type `{numbers[0]} your words`"


def _run(card: RunCard) -> str:
    agents = ", ".join(f"{one_line(agent.name)} {one_line(agent.state)}".rstrip() for agent in card.agents)
    return f"run {card.run} {one_line(card.status)} · {one_line(card.cost)} · {agents}"


def _cut_line(line: str, width: int) -> str:
    return line if cell_len(line) <= width else f"{set_cell_size(line, max(0, width - 1)).rstrip()}…"
