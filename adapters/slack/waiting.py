"""Open questions in a list, each to be answered on the spot: in App Home, and in the answer to `/townhall questions`."""

from __future__ import annotations

from adapters.slack.blocks import Block, section, small
from adapters.slack.cards import LINE, expiry_text, option_blocks
from adapters.slack.controls import list_controls
from adapters.slack.escape import escape_line
from adapters.slack.faces import agent_emoji
from orchestrator_bridge.chat import QuestionCard


def open_question_blocks(card: QuestionCard, link: str) -> list[Block]:
    """One question. `link` leads to its message, where there is one: its thread holds the rest."""
    head = f"{agent_emoji(card.agent)} *{escape_line(card.agent, 80)}* asks:\n*{escape_line(card.text, LINE + 200)}*"
    of = f"{link} of run {card.run}: {escape_line(card.task, 80)}"
    return [section(head), *option_blocks(card), *list_controls(card), small(f"{expiry_text(card)}\n{of}")]
