"""Open questions in a list, each to be answered on the spot: in App Home, and in the answer to `/townhall questions`."""

from __future__ import annotations

from adapters.slack.blocks import Block, section, small
from adapters.slack.cards import LINE, options_shown, until
from adapters.slack.controls import controls_in_list
from adapters.slack.escape import bare
from adapters.slack.faces import face
from orchestrator_bridge.chat import QuestionCard


def waiting_question(card: QuestionCard, link: str) -> list[Block]:
    """One question. `link` leads to its message, where there is one: its thread holds the rest."""
    head = f"{face(card.agent)} *{bare(card.agent, 80)}* asks:\n*{bare(card.text, LINE + 200)}*"
    of = f"{link} of run {card.run}: {bare(card.task, 80)}"
    return [section(head), *options_shown(card), *controls_in_list(card), small(f"{until(card)}\n{of}")]
