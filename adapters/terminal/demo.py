"""Compact rendering of the built-in demo, which fits on a screen of 24 lines: the question, the views, the answer.

A first look at the product is a task, a question and a decision. Cards, votes and advice in full belong to runs of models. A run
of another script is shown in full too.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from typing import assert_never

from rich.text import Text

from adapters.terminal.board import Board, question_thread, run_thread, thread_of
from adapters.terminal.paint import Page
from adapters.terminal.parser import how_to_answer
from adapters.terminal.render import Lines, render_acknowledgement, render_final_answer, render_option, render_run_changed
from orchestrator_bridge.chat.outbound import Acknowledgement, FinalAnswer, Note, OutboundPost, Post, QuestionCard, RunCard
from orchestrator_bridge.common.text import listed, shorten

DEMO_MODEL = "scripted/demo"

LONGEST_VIEW = 300
"""Characters of an agent's view that are shown."""

_SIGNATURE = re.compile(r"\s*— \w+, a script\b")
_ANSWER = "Answer: "
"""Beginning of a note that shows an agent's answer."""


class DemoRuns:
    """The demo runs of a screen, known by the threads that they opened, and what is shown of their posts."""

    def __init__(self) -> None:
        self._threads: set[str] = set()
        self._decided: set[str] = set()

    def render(self, outbound: OutboundPost, board: Board, page: Page, zone: tzinfo | None) -> Lines | None:
        """Lines of a post of a demo run; None for other posts, and for what is shown like that of any other run."""
        post: Post = outbound.post
        if isinstance(post, RunCard) and post.agents and all(agent.model == DEMO_MODEL for agent in post.agents):
            self._threads.add(run_thread(post.run))
        if isinstance(post, QuestionCard) and run_thread(post.run) in self._threads:
            self._threads.add(question_thread(post.question))
            if post.ended:
                self._decided.add(run_thread(post.run))
        return self._render(outbound, board, page, zone) if thread_of(outbound) in self._threads else None

    def _render(self, outbound: OutboundPost, board: Board, page: Page, zone: tzinfo | None) -> Lines | None:
        post: Post = outbound.post
        match post:
            case RunCard():
                return _render_run(post, board)
            case QuestionCard(closed=None) if post.question not in board.questions:
                return _render_question(post, zone)
            case QuestionCard() if post.closed is None or post.closed.startswith("Answered by"):
                return []  # what the person typed was acknowledged, and the final answer repeats it
            case Note(speaker=str(), tone="plain"):
                return self._render_view(post, outbound.place.thread or "")
            case Acknowledgement(sign="taken"):
                return render_acknowledgement(replace(post, taken_as=post.taken_as.partition(" Counts in ")[0]))
            case FinalAnswer():
                return render_final_answer(replace(post, text=_unsigned(post.text)), page)
            case QuestionCard() | Note() | Acknowledgement():
                return None
            case _:
                assert_never(post)

    def _render_view(self, post: Note, thread: str) -> Lines:
        """The view of an agent before the decision, in one paragraph; votes, advice and the repeated answer are left out."""
        if thread in self._decided or not post.text.startswith(_ANSWER):
            return []
        view = " ".join(_unsigned(post.text).removeprefix(_ANSWER).replace("**", "").split())
        return [Text.assemble((f"{post.speaker}: ", "bold"), shorten(view, LONGEST_VIEW))]


def _unsigned(text: str) -> str:
    """A text of the script without its signature, which the other lines make unnecessary."""
    return _SIGNATURE.sub("", text)


def _render_run(card: RunCard, board: Board) -> Lines:
    if card.run in board.ended:
        return []
    if card.run not in board.runs:
        names = listed([agent.name for agent in card.agents])
        return [Text(f"{names} work on it. Scripted: no model is called.", style="yellow")]
    return render_run_changed(card) if card.ended else []


def _render_question(card: QuestionCard, zone: tzinfo | None) -> Lines:
    expires = datetime.fromtimestamp(card.expires_at, UTC).astimezone(zone)
    return [
        Text.assemble((f"{card.agent} asks: ", "yellow"), (card.text, "bold")),
        *(render_option(number, option) for number, option in enumerate(card.options, 1)),
        Text(f"Type {how_to_answer(card, only=True)}. Expires at {expires:%H:%M}.", style="dim"),
    ]
