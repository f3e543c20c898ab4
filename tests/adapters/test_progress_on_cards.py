"""Progress of a model call as each platform shows it on the card of its run."""

from __future__ import annotations

import json
from dataclasses import replace

from adapters.discord.render import render_run_card as render_on_discord
from adapters.slack.render import render_run_card as render_on_slack
from adapters.terminal.board import Board
from adapters.terminal.paint import Page
from adapters.terminal.render import toolbar_lines
from adapters.terminal.screen import ViewContext, render_post
from orchestrator_bridge.chat.outbound import CardAgent, RunCard

PROGRESS = "writing · 42 s · 310 tokens"
CARD = RunCard(
    run=1,
    task="Plan it",
    team="demo",
    agents=(CardAgent(name="planner", model="grok-4.3", state=PROGRESS),),
    status="working",
    cost="$0.0010",
    tokens=1000,
)


def test_discord_shows_it_in_the_line_of_the_agent() -> None:
    (embed,) = render_on_discord(CARD, "run:1").embeds
    assert f"✍️ **planner** · {PROGRESS} · grok-4.3" in str(embed.description)


def test_slack_shows_it_in_the_line_of_the_agent() -> None:
    assert f"*planner* {PROGRESS} · grok-4.3" in json.dumps(render_on_slack(CARD), ensure_ascii=False)


def test_the_terminal_shows_it_in_its_toolbar_and_prints_no_line_for_it() -> None:
    board = Board().after(replace(CARD, agents=(replace(CARD.agents[0], state="thinking"),)))
    view = ViewContext(board=board, page=Page(width=80), now=0.0, zone=None)
    assert render_post(CARD, view) == []
    board = board.after(CARD)
    assert any(f"planner {PROGRESS}" in line for line in toolbar_lines(board, 200))
