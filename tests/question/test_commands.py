"""Parsing of `/questions 12 …`: an action on the question, or an answer."""

from __future__ import annotations

import pytest

from orchestrator_bridge.question.model import Kind
from orchestrator_bridge.question.parsing.intent import QuestionAction, parse_question_action
from tests.support.question_builders import ask


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("cancel", QuestionAction(verb="cancel")),
        ("Cancel, please.", QuestionAction(verb="cancel")),
        ("close it", QuestionAction(verb="cancel")),
        ("cancel the trip", QuestionAction(verb="answer", words="cancel the trip")),
        ("again", QuestionAction(verb="again")),
        ("ask again", QuestionAction(verb="again")),
        ("again and again", QuestionAction(verb="answer", words="again and again")),
        ("more", QuestionAction(verb="more")),
        ("more 1h", QuestionAction(verb="more", words="1h")),
        ("pass", QuestionAction(verb="pass")),
        ("pass please", QuestionAction(verb="pass")),
        ("not me", QuestionAction(verb="pass")),
        ("pass @ben", QuestionAction(verb="hand", words="@ben")),
        ("hand it over to @ben", QuestionAction(verb="hand", words="it over to @ben")),
        ("pass <@U2|ben>", QuestionAction(verb="hand", words="<@U2|ben>")),
        ("pass it by reference", QuestionAction(verb="answer", words="pass it by reference")),
        ("give me an hour", QuestionAction(verb="answer", words="give me an hour")),
        ("2", QuestionAction(verb="answer", words="2")),
    ],
)
@pytest.mark.parametrize("kind", ["text", "confirm"])
def test_a_verb_counts_only_if_its_argument_fits(kind: Kind, text: str, order: QuestionAction) -> None:
    assert parse_question_action(ask(kind), text) == order
