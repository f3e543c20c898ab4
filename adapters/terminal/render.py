"""Renders runs, questions, notes, final answers and replies as lines of a terminal."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import assert_never

from rich.cells import cell_len, set_cell_size
from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from adapters.terminal.board import Board
from adapters.terminal.paint import Page, render_markdown
from adapters.terminal.parser import (
    CommandIntent,
    ControlIntent,
    EmptyEntry,
    EntryIntent,
    GuidanceIntent,
    QuitIntent,
    RejectedEntry,
    ReplyIntent,
    how_to_answer,
)
from orchestrator_bridge.chat.command_line import TASK
from orchestrator_bridge.chat.outbound import (
    Acknowledgement,
    CardAgent,
    CardOption,
    FinalAnswer,
    Note,
    PrivateReply,
    QuestionCard,
    RunCard,
    Table,
)
from orchestrator_bridge.common.duration import format_duration
from orchestrator_bridge.common.text import shorten

Lines = list[RenderableType]

MAX_RUNS = 3
"""Runs with a line of their own in the toolbar; the others are counted."""

_TASK = 400
_LABEL = 200
_DESCRIPTION = 500
"""Characters of a task, an option's label and its description that are shown."""


def one_line(text: str, limit: int = 200) -> str:
    """`text` without line breaks, at most `limit` characters of it."""
    return shorten(" ".join(text[: 4 * limit].split()), limit)


def render_run_opened(card: RunCard) -> Lines:
    """A run that this screen has not shown yet."""
    goes_on = f", continues run {card.continues}" if card.continues is not None else ""
    lines: Lines = [Text(f"Run {card.run}{goes_on}: {one_line(card.task, _TASK)}", style="bold")]
    if card.continues is None:
        lines.append(Text(f"Team {one_line(card.team)}, {one_line(card.status)}:", style="dim"))
        lines += [_agent(agent, card.scripted) for agent in card.agents]
    if card.scripted:
        lines.append(Text("These agents are scripted: no model is called, and the run is free.", style="yellow"))
    if not card.ended:
        lines.append(Text(f"`/say {card.run} your words` sends guidance to all of them.", style="dim"))
    return lines


def _agent(agent: CardAgent, scripted: bool) -> RenderableType:
    model = f"{one_line(agent.model)} (scripted)" if scripted else one_line(agent.model)
    state = f", {one_line(agent.state)}" if agent.state else ""
    line = Text.assemble((one_line(agent.name), "bold"), " with ", model, (state, "dim"))
    return Padding(line, (0, 0, 0, 2), expand=False)


def render_run_changed(card: RunCard) -> Lines:
    """A run whose status has changed, with its cost so far."""
    state = one_line(card.status) if card.ended else f"is {one_line(card.status)}"
    costs = "scripted, no model was called" if card.scripted else f"{one_line(card.cost)} · {card.tokens:,} tokens"
    text = f"Run {card.run} {state} · {costs}"
    return [Text(text, style="bold" if card.ended else "")]


def render_question_opened(card: QuestionCard, page: Page, now: float, zone: tzinfo | None, *, only: bool) -> Lines:
    """An open question that this screen has not shown yet. `only`: no other question is open."""
    head = f"Question {card.question} from {one_line(card.agent)} to {one_line(card.asked)} (run {card.run})"
    lines: Lines = [Text(head, style="yellow"), Text(card.text, style="bold")]
    if card.task:
        lines.append(Text(f"The task: {one_line(card.task)}", style="dim"))
    if card.context:
        lines += render_markdown(card.context, page)
    lines += [render_option(number, option) for number, option in enumerate(card.options, 1)]
    lines.append(Text(expiry_text(card, now, zone), style="dim"))
    number = card.question
    answer = (
        f"To answer, type {how_to_answer(card, only=only)}. To decline, `/pass {number}`. For more time, `/more {number} 1h`."
    )
    lines.append(Text(answer, style="dim"))
    return lines


def render_option(number: int, option: CardOption) -> RenderableType:
    """One option of a question, with its number."""
    line = Text.assemble((f"{number}. ", "bold cyan"), one_line(option.label, _LABEL))
    line.append(" (recommended)" if option.recommended else "", style="green")
    line.append(f": {one_line(option.description, _DESCRIPTION)}" if option.description else "", style="dim")
    return Padding(line, (0, 0, 0, 2), expand=False)


def render_question_changed(card: QuestionCard, now: float, zone: tzinfo | None) -> Lines:
    """An open question whose deadline, people asked or fallback has changed."""
    return [Text(f"Question {card.question} waits for {one_line(card.asked)}. {expiry_text(card, now, zone)}")]


def render_question_closed(card: QuestionCard, *, seen: bool) -> Lines:
    """A question that has ended; its text is repeated if this screen has not shown it."""
    line = Text(f"Question {card.question} is closed: {one_line(card.closed or '', 1000)}", style="green")
    return [line] if seen else [Text(f"{one_line(card.agent)} asked: {one_line(card.text, 500)}"), line]


def expiry_text(card: QuestionCard, now: float, zone: tzinfo | None) -> str:
    """Deadline of a question in `zone` (None: this machine's), the time left, and the fallback."""
    left = card.expires_at - now
    away = f"in {format_duration(left)}" if left > 0 else "any moment"
    then = datetime.fromtimestamp(card.expires_at, UTC).astimezone(zone)
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    when = f"at {then:%H:%M}" if then.date() == today else f"on {then:%a %Y-%m-%d} at {then:%H:%M}"
    return f"Expires {when} ({away}). Then: {one_line(card.silence, 1000)}"


_TONES = {"plain": "", "good": "green", "warning": "yellow"}
_SIGNS = {"taken": "Received", "late": "Too late", "refused": "Not accepted", "passed": "Passed"}
TERMINAL_HELP = (
    "On the terminal: `2 words` answers question 2, `2 1` selects its option 1 · `/say 3 words` sends guidance to the agents of "
    "run 3 · `/pass 2` declines question 2 · `/more 2 1h` asks for more time · `/quit` or Ctrl-D leaves"
)
MIN_WRAPPED = 40
"""Columns of the screen below which the last column of a table is not wrapped: the rows become blocks instead."""

_TOOLBAR_LABEL = 30
"""Characters of an option's label in the toolbar."""

_CELL = 500
"""Characters of a table cell that are shown."""


def render_note(post: Note, page: Page) -> Lines:
    """A message in a thread, with the speaker's name, and an attached file's text below. Agents write Markdown."""
    file = [Text(post.file.text)] if post.file else []
    if post.again is not None:
        file.append(Text(f"`/questions {post.again} again` asks it all the same.", style="dim"))
    if post.speaker and post.tone == "plain":
        return [*render_markdown(post.text, page, speaker=one_line(post.speaker)), *file]
    speaker = f"{one_line(post.speaker)}: " if post.speaker else ""
    return [Text.assemble((speaker, "bold"), (post.text.strip("\n"), _TONES[post.tone])), *file]


def render_final_answer(post: FinalAnswer, page: Page) -> Lines:
    """A run's final text, rendered if the screen supports styles."""
    head, how = render_final_notice(post)
    return [head, *render_markdown(post.text, page), how]


def render_final_notice(post: FinalAnswer) -> Lines:
    """Heading of a final text, and the vote that led to it."""
    head = Text(f"Final answer of run {post.run}, by {one_line(post.by)}", style="bold green")
    return [head, Text(one_line(post.how, 1000), style="dim")]


def render_acknowledgement(post: Acknowledgement) -> Lines:
    """Acknowledgement of a person's message."""
    sign, text = _SIGNS[post.sign], f"{post.taken_as} {post.text}".strip()
    return [Text(f"{sign}: {text}" if text else f"{sign}.", style="dim" if post.sign == "taken" else "yellow")]


def render_private_reply(reply: PrivateReply, page: Page) -> Lines:
    """Reply to a command."""
    lines: Lines = [Text(reply.text.strip("\n"), style=_TONES[reply.tone])] if reply.text else []
    for table in reply.tables:
        lines += _table(table, page)
        if len(table.cards) == 1 and (card := table.cards[0]) is not None:
            lines += [render_option(number, option) for number, option in enumerate(card.options, 1)]
    if reply.confirm is not None:
        options = " ".join(f"{name}={value}" for name, value in reply.confirm.options)
        command = " ".join(word for word in (f"/{reply.confirm.name}", options, reply.confirm.text) if word)
        lines.append(Text(f"{reply.confirm.label}: type {one_line(command, 400)}", style="yellow"))
    return lines


def render_terminal_help(command: str, board: Board) -> Lines:
    """Terminal syntax that is added to the reply to a command."""
    match command:
        case "help":
            return [Text(TERMINAL_HELP, style="dim")]
        case "questions" if board.questions:
            only = board.only_question is not None
            ways = " · ".join(how_to_answer(card, only=only) for _, card in sorted(board.questions.items()))
            return [Text(f"To answer, type {ways}", style="dim")]
        case _:
            return []


def _table(table: Table, page: Page) -> Lines:
    rows = [tuple(one_line(cell if isinstance(cell, str) else cell.text, _CELL) for cell in row) for row in table.rows]
    title: Lines = [Text(one_line(table.title), style="bold")] if table.title else []
    if not rows:
        return [*title, Text("Nothing.", style="dim")]
    widths = [2 + max(map(cell_len, column)) for column in zip(table.columns, *rows, strict=True)]
    # The last column may wrap, as long as the others leave it a readable width.
    fits = sum(widths) <= page.width or page.width - sum(widths[:-1]) >= MIN_WRAPPED
    return title + ([_grid(table.columns, rows)] if fits else _stacked(table.columns, rows))


def _grid(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> RenderableType:
    grid = Grid(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for number, column in enumerate(columns, 1):
        grid.add_column(Text(column), no_wrap=number < len(columns))
    for row in rows:
        grid.add_row(*map(Text, row))
    return grid


def _stacked(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> Lines:
    """Rows as blocks, one line a cell, for a table that is wider than the screen; empty cells are left out."""
    lines: Lines = []
    for row in rows:
        head, *rest = (f"{column}: {cell}" for column, cell in zip(columns, row, strict=True) if cell)
        lines += [Text(f"- {head}", style="bold"), *(Padding(Text(cell), (0, 0, 0, 2), expand=False) for cell in rest)]
    return lines


def describe_intent(intent: EntryIntent, board: Board) -> str:
    """Effect of the key Enter on the text on the line, shown before it costs anything."""
    match intent:
        case CommandIntent():
            return "Enter starts a new run with this task" if intent.name in ("ask", TASK) else f"Enter: /{intent.name}"
        case ReplyIntent():
            return _describe_reply(intent, board.questions.get(intent.question))
        case GuidanceIntent():
            if intent.run in board.ended:
                return f"Enter continues run {intent.run} · /ask for a new task"
            return f"Enter sends guidance to the agents of run {intent.run}"
        case ControlIntent():
            return f"Enter {'declines' if intent.press == 'pass' else 'asks for more time for'} question {intent.question}"
        case RejectedEntry():
            return one_line(intent.text)
        case QuitIntent() | EmptyEntry():
            return ""
        case _:
            assert_never(intent)


def _describe_reply(intent: ReplyIntent, card: QuestionCard | None) -> str:
    if card is None:
        return f"Enter sends a late reply to question {intent.question}"
    text = intent.text
    number = int(text) if text.isdecimal() and len(text) < 3 else 0
    shown = card.options[number - 1].label if 1 <= number <= len(card.options) else text
    return f"Enter answers question {card.question}: {one_line(shown, _LABEL)}"


def toolbar_lines(board: Board, width: int, preview: str = "") -> list[str]:
    """Lines of the toolbar, each at most `width` columns wide. `preview`: what Enter does with the text on the line."""
    newest = sorted(board.runs, reverse=True)
    lines = [*([preview] if preview else []), *_question_lines(board)]
    for card in (board.runs[number] for number in newest[:MAX_RUNS]):
        agents = ", ".join(f"{one_line(agent.name)} {one_line(agent.state)}".rstrip() for agent in card.agents)
        lines.append(f"run {card.run} {one_line(card.status)} · {one_line(card.cost)} · {agents}")
    if len(newest) > MAX_RUNS:
        lines.append(f"{len(newest) - MAX_RUNS} more: /runs")
    return [line if cell_len(line) <= width else f"{set_cell_size(line, max(0, width - 1)).rstrip()}…" for line in lines]


def _question_lines(board: Board) -> list[str]:
    numbers = sorted(board.questions)
    if not numbers:
        if board.runs:
            return ["No open question · /help · /quit"]
        if board.last_run is not None:
            return [f"Type to continue run {board.last_run} · /ask for a new task · /help · /quit"]
        return ["Type a task · /help · /quit"]
    if (only := board.only_question) is not None:
        options = " · ".join(
            f"{number} {one_line(option.label, _TOOLBAR_LABEL)}" for number, option in enumerate(only.options, 1)
        )
        head = f"1 open question: {only.question} · {one_line(only.text)}"
        return [head, options] if options else [head]
    head = f"{len(numbers)} open questions: {', '.join(map(str, numbers))} · to answer, type `{numbers[0]} your words`"
    return [f"{head} · /questions {numbers[0]} shows one"]
