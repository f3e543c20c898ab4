"""Answers to commands and clicks as Slack shows them: a text, tables made for narrow screens, a button to say yes with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import zip_longest

from adapters.slack.blocks import BLOCKS, Block, row, section, sections
from adapters.slack.cards import SlackMessage
from adapters.slack.controls import command_button
from adapters.slack.escape import escape_line, escape_mrkdwn
from adapters.slack.phrases import localise_commands
from adapters.slack.waiting import open_question_blocks
from orchestrator_bridge.chat import Link, PrivateReply, QuestionCard, Table
from orchestrator_bridge.text import one_line

MAX_CELL = 300
"""Characters of a table's cell."""

RESERVED_BLOCKS = 8
"""Blocks that are kept free for what is said beside the cards of a table."""

FindMessageUrl = Callable[[Link], str | None]
"""The web address of a message, where one can be made."""

_SIGNS = {"plain": "", "good": ":white_check_mark: ", "warning": ":warning: "}


def render_private_reply(reply: PrivateReply, address: FindMessageUrl) -> SlackMessage:
    """A word as a message."""
    text = localise_commands(reply.text)
    blocks = sections(_SIGNS[reply.tone] + escape_mrkdwn(text)) if text.strip() else []
    for table in reply.tables:
        blocks += table_blocks(table, address)
    if reply.confirm is not None:
        made = command_button(reply.confirm)
        blocks.append(row("word", [made]) if made else section("This is too long for a button: type the command instead."))
    return {"text": escape_mrkdwn(one_line(text, 300) or _titles(reply)), "blocks": blocks[:BLOCKS]}


def _titles(reply: PrivateReply) -> str:
    titles = one_line(", ".join(filter(None, (table.title for table in reply.tables))), 300)
    return titles or "Here is what you asked for."


def table_blocks(table: Table, address: FindMessageUrl, room: int = BLOCKS) -> list[Block]:
    """A table, one entry below the other: phones have no room for columns.

    Rows with a card come first, as what they are, as far as there is `room` (blocks); all others are lines.
    """
    title = f"*{escape_line(table.title)}*\n" if table.title else ""
    shown, lines = list[Block](), list[str]()
    for cells, card in zip_longest(table.rows, table.cards):
        made = open_question_blocks(card, f"*{_question_link(cells, address, card)}*") if card is not None else []
        if made and len(shown) + len(made) <= room - RESERVED_BLOCKS:
            shown += made
        else:
            lines.append(_row(table, cells, address))
    listed = "\n".join(lines)
    if not shown:
        return sections(title + listed)
    return [*sections(title), *shown, *(sections(f"*Others*\n{listed}") if lines else [])]


def _question_link(cells: tuple[str | Link, ...], address: FindMessageUrl, card: QuestionCard) -> str:
    """A row of a question begins with the way to its message."""
    name = f"Question {card.question}"
    return _cell(replace(cells[0], text=name) if isinstance(cells[0], Link) else name, address)


def _row(table: Table, cells: tuple[str | Link, ...], address: FindMessageUrl) -> str:
    first = f"*{_cell(cells[0], address)}*" if cells else ""
    rest = (_named(name, cell, address) for name, cell in zip(table.columns[1:], cells[1:], strict=False))
    return "• " + " · ".join(filter(None, (first, *rest)))


def _named(name: str, cell: str | Link, address: FindMessageUrl) -> str:
    shown = _cell(cell, address)
    return f"{escape_line(name)}: {shown}" if name and shown else shown


def _cell(cell: str | Link, address: FindMessageUrl) -> str:
    if isinstance(cell, Link):
        where, text = address(cell), escape_line(cell.text, MAX_CELL).replace("|", "¦")
        return f"<{where}|{text}>" if where else text
    return escape_line(localise_commands(cell), MAX_CELL)
