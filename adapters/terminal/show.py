"""What a post adds to the screen. Nothing is shown twice and nobody is flooded: a card that only changed gets a line, or none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from adapters.terminal.board import Board
from adapters.terminal.cards import (
    Lines,
    render_question_changed,
    render_question_closed,
    render_question_opened,
    render_run_changed,
    render_run_opened,
)
from adapters.terminal.paint import Page
from adapters.terminal.words import render_acknowledgement, render_final_answer, render_note
from orchestrator_bridge.chat import Acknowledgement, FinalAnswer, Note, Post, QuestionCard, RunCard


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewContext:
    """What a post is shown against: what the person knows already, the page, the time in seconds and the zone to name it in."""

    board: Board
    page: Page
    now: float
    zone: tzinfo | None
    quiet: bool = False
    """Only what needs the person: no cards of runs, no notes."""


def render_post(post: Post, view: ViewContext) -> Lines:
    """The lines that `post` adds to the screen; none if it changes nothing that a person cares about."""
    match post:
        case RunCard():
            return [] if view.quiet else _render_run(post, view.board)
        case QuestionCard():
            return _render_question(post, view)
        case Note():
            return [] if view.quiet and post.file is None else render_note(post, view.page)
        case FinalAnswer():
            return render_final_answer(post, view.page)
        case Acknowledgement():
            return render_acknowledgement(post)


def _render_run(card: RunCard, board: Board) -> Lines:
    before = board.runs.get(card.run)
    if card.run in board.ended:
        return []
    if before is None:
        return render_run_opened(card)
    return render_run_changed(card) if card.ended or card.status != before.status else []


def _render_question(card: QuestionCard, view: ViewContext) -> Lines:
    before = view.board.questions.get(card.question)
    if card.question in view.board.closed:
        return []
    if card.closed is not None:
        return render_question_closed(card, seen=before is not None)
    if before is None:
        return render_question_opened(card, view.page, view.now, view.zone)
    changed = (card.expires_at, card.asked, card.silence) != (before.expires_at, before.asked, before.silence)
    return render_question_changed(card, view.now, view.zone) if changed else []
