"""App Home: what waits for me, my runs, and which models work here, as one page that Slack keeps for each person."""

from __future__ import annotations

from adapters.slack.blocks import Block, button, header, row, section, sections, small
from adapters.slack.escape import bare, escaped
from adapters.slack.phrases import in_slack
from adapters.slack.words import Address, table_blocks
from orchestrator_bridge.chat import Table, Word

MOST = 100
"""Blocks of a view."""


def home_view(word: Word, address: Address, *, picks: bool) -> Block:
    """The page. Each table of the word is a chapter; an empty one says so. `picks`: models can be picked."""
    buttons = [button("Give a task", "form/ask", "", "primary")]
    buttons += [button("Pick a model", "form/model")] if picks else []
    blocks = [header("Townhall"), *sections(escaped(in_slack(word.text))), row("home", buttons)]
    for table in word.tables:
        blocks += [{"type": "divider"}, *_chapter(table, address)]
    blocks.append(small("This page is drawn anew each time you open it."))
    return {"type": "home", "blocks": blocks[:MOST]}


def _chapter(table: Table, address: Address) -> list[Block]:
    if table.rows:
        return table_blocks(table, address)
    return [section(f"*{bare(table.title)}*\nNothing just now.")]
