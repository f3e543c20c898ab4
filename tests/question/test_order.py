"""What `/questions 12 …` wants: something done to the question, or else to answer it."""

from __future__ import annotations

import pytest

from orchestrator_bridge.question.order import Order, read_order
from orchestrator_bridge.question.values import Kind
from tests.question.builders import ask


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("cancel", Order(verb="cancel")),
        ("Cancel, please.", Order(verb="cancel")),
        ("close it", Order(verb="cancel")),
        ("cancel the trip", Order(verb="answer", words="cancel the trip")),
        ("again", Order(verb="again")),
        ("ask again", Order(verb="again")),
        ("again and again", Order(verb="answer", words="again and again")),
        ("more", Order(verb="more")),
        ("more 1h", Order(verb="more", words="1h")),
        ("pass", Order(verb="pass")),
        ("pass please", Order(verb="pass")),
        ("not me", Order(verb="pass")),
        ("pass @ben", Order(verb="hand", words="@ben")),
        ("hand it over to @ben", Order(verb="hand", words="it over to @ben")),
        ("pass <@U2|ben>", Order(verb="hand", words="<@U2|ben>")),
        ("pass it by reference", Order(verb="answer", words="pass it by reference")),
        ("give me an hour", Order(verb="answer", words="give me an hour")),
        ("2", Order(verb="answer", words="2")),
    ],
)
@pytest.mark.parametrize("kind", ["text", "confirm"])
def test_a_verb_counts_only_where_what_follows_it_can(kind: Kind, text: str, order: Order) -> None:
    assert read_order(ask(kind), text) == order
