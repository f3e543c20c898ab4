"""Acknowledgements: how a reply was understood, and until when it can be changed."""

from __future__ import annotations

import pytest

from orchestrator_bridge.question.messages import acknowledgement_text
from orchestrator_bridge.question.model import Question
from tests.support.question_builders import ANA, BEN, SKEPTIC, STRANGER, clicked, posted, typed

OTHERS = "Waiting for others; until then, another reply replaces it."


@pytest.mark.parametrize(
    ("question", "words"),
    [
        (typed(posted(), ANA, "2"), "2. SQLite."),
        (typed(posted(), ANA, "the second"), "2. SQLite. Counts in 5 s; until then, another reply replaces it."),
        (typed(posted(), ANA, "let's go with postgres"), "1. Postgres. Counts in 5 s; until then, another reply replaces it."),
        (typed(posted(), ANA, "neither"), "your own words. Counts in 5 s; until then, you can add to it."),
        (typed(posted(kind="text"), ANA, "a file"), "your own words. Counts in 5 s; until then, you can add to it."),
        (typed(posted(kind="confirm"), ANA, "yes, go"), "yes. Counts in 5 s; until then, another reply replaces it."),
        (typed(posted(kind="number"), ANA, "about 12.5"), "12.5. Counts in 5 s; until then, another reply replaces it."),
        (typed(posted(settle_delay=0), ANA, "2"), "2. SQLite."),
        (clicked(posted(), ANA, "lite"), "2. SQLite."),
        (
            typed(posted(ANA, BEN, quorum="all"), ANA, "2"),
            "2. SQLite. Waiting for others; until then, another reply replaces it.",
        ),
        (
            typed(posted(SKEPTIC, responders="anyone"), ANA, "2"),
            "2. SQLite. Agents decide; your reply is passed on to them as advice.",
        ),
    ],
)
def test_a_reply_is_acknowledged_with_how_it_was_understood(question: Question, words: str) -> None:
    assert acknowledgement_text(question, ANA.id) == words


def test_there_is_no_acknowledgement_without_a_reply() -> None:
    assert acknowledgement_text(posted(), STRANGER.id) == ""
