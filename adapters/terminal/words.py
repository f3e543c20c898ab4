"""How notes, final answers, receipts and answers to commands read on a terminal."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from adapters.terminal.board import Board
from adapters.terminal.cards import Lines, one_line
from adapters.terminal.hints import how_to_answer
from adapters.terminal.markdown import render_markdown
from adapters.terminal.paint import Page
from orchestrator_bridge.chat import Acknowledgement, Confirmation, FinalAnswer, Note, PrivateReply, Table

_TONES = {"plain": "", "good": "green", "warning": "yellow"}
_STATUS_WORDS = {"taken": "Taken", "late": "Too late", "refused": "Not taken", "passed": "Passed"}
TERMINAL_HELP = (
    "Here: `2 words` answers question 2 and `2 1` picks its option 1 · `/say 3 words` tells the agents of run 3 something · "
    "`/pass 2` not me · `/more 2 1h` more time · `/quit` or Ctrl-D leaves"
)
"""What only the terminal needs to be told about."""
_CELL = 500
"""Characters of a table's cell that are shown."""


def render_note(post: Note, page: Page) -> Lines:
    """A message in a thread, under its speaker's name if it is an agent's, who writes Markdown; a file's text below it."""
    return [*_note_lines(post, page), *([Text(post.file.text)] if post.file else [])]


def _note_lines(post: Note, page: Page) -> Lines:
    if post.speaker and post.tone == "plain":
        return render_markdown(post.text, page, speaker=one_line(post.speaker))
    speaker = f"{one_line(post.speaker)}: " if post.speaker else ""
    return [Text.assemble((speaker, "bold"), (post.text.strip("\n"), _TONES[post.tone]))]


def render_final_answer(post: FinalAnswer, page: Page) -> Lines:
    """A run's final text: rendered where styles are known, else as it was written."""
    head, how = render_final_notice(post)
    return [head, *render_markdown(post.text, page), how]


def render_final_notice(post: FinalAnswer) -> Lines:
    """That there is a final text, and how it came about."""
    head = Text(f"Final answer of run {post.run}, by {one_line(post.by)}", style="bold green")
    return [head, Text(one_line(post.how, 1000), style="dim")]


def render_acknowledgement(post: Acknowledgement) -> Lines:
    """What became of a person's message."""
    sign, text = _STATUS_WORDS[post.sign], f"{post.taken_as} {post.text}".strip()
    return [Text(f"{sign}: {text}" if text else f"{sign}.", style="dim" if post.sign == "taken" else "yellow")]


def render_private_reply(said: PrivateReply, page: Page) -> Lines:
    """The answer to a command."""
    lines: Lines = [Text(said.text.strip("\n"), style=_TONES[said.tone])] if said.text else []
    return lines + [line for table in said.tables for line in _table(table, page)] + _confirm(said.confirm)


def render_terminal_help(command: str, board: Board) -> Lines:
    """What only the terminal adds to the answer to a command: what to type here."""
    match command:
        case "help":
            return [Text(TERMINAL_HELP, style="dim")]
        case "questions" if board.questions:
            ways = " · ".join(how_to_answer(card) for _, card in sorted(board.questions.items()))
            return [Text(f"To answer type {ways}", style="dim")]
        case _:
            return []


def _confirm(asked: Confirmation | None) -> Lines:
    if asked is None:
        return []
    options = " ".join(f"{name}={value}" for name, value in asked.options)
    command = " ".join(word for word in (f"/{asked.name}", options, asked.text) if word)
    return [Text(f"{asked.label}: type {one_line(command, 400)}", style="yellow")]


# Tables -------------------------------------------------------------------------------------------------------------------


def _table(table: Table, page: Page) -> Lines:
    rows = [tuple(one_line(cell if isinstance(cell, str) else cell.text, _CELL) for cell in row) for row in table.rows]
    title: Lines = [Text(one_line(table.title), style="bold")] if table.title else []
    if not rows:
        return [*title, Text("Nothing.", style="dim")]
    fits = _natural_width([table.columns, *rows]) <= page.width
    return title + ([_grid(table.columns, rows)] if fits else _stacked(table.columns, rows))


def _natural_width(rows: list[tuple[str, ...]]) -> int:
    return sum(2 + max(map(cell_len, column)) for column in zip(*rows, strict=True))


def _grid(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> RenderableType:
    grid = Grid(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in columns:
        grid.add_column(Text(column), no_wrap=True)
    for row in rows:
        grid.add_row(*map(Text, row))
    return grid


def _stacked(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Lines:
    """Too wide for the screen: one row after the other, each cell under its column's name; what is empty is left out."""
    lines: Lines = []
    for row in rows:
        head, *rest = (f"{column}: {cell}" for column, cell in zip(columns, row, strict=True) if cell)
        lines += [Text(f"- {head}", style="bold"), *(Padding(Text(cell), (0, 0, 0, 2), expand=False) for cell in rest)]
    return lines
