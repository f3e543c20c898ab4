"""Duplicates, similar questions, and routing of questions that name nobody."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.screening import (
    intended_audience,
    is_duplicate,
    is_reusable,
    newest_similar,
    route_question,
    similar_questions,
)
from orchestrator_bridge.question.settlement import cancelled_outcome, settle
from orchestrator_bridge.team.team import AgentSpec, RoutingRule, Team
from tests.support.question_builders import ANA, BEN, EXPIRY, POSTED, POSTGRES, SKEPTIC, SQLITE, ask, clicked, posted, typed


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        ({}, True),
        ({"question": "  which DATABASE "}, True),
        ({"question": "Which database!"}, True),
        ({"context": "something else", "assumption": "another", "urgency": "high"}, True),
        ({"question": "Which databases?"}, False),
        ({"options": (SQLITE, POSTGRES)}, False),
        ({"kind": "text"}, False),
    ],
)
def test_the_same_is_asked_in_the_same_words_with_the_same_options(other: dict[str, Any], is_same: bool) -> None:
    question = posted(ANA)
    given = {"kind": "choice", **other}
    if given["kind"] != "choice":
        given["options"] = ()
    assert is_duplicate(question, ask(**given), intended_audience(question)) is is_same


def test_the_same_words_to_others_are_another_question() -> None:
    question = posted(ANA, SKEPTIC)
    assert is_duplicate(question, ask(), frozenset({ANA.id, SKEPTIC.id}))
    assert not is_duplicate(question, ask(), frozenset({ANA.id}))
    assert not is_duplicate(question, ask(), frozenset({ANA.id, SKEPTIC.id, BEN.id}))


def ended(question: Question, now: float = EXPIRY) -> Question:
    outcome = settle(question, now)
    assert outcome is not None
    return transitions.settled(question, outcome)


def test_only_decisions_of_people_are_reused_and_never_an_approval() -> None:
    assert is_reusable(ended(clicked(posted(ANA), ANA, "pg")))
    assert not is_reusable(ended(clicked(posted(ANA, kind="confirm"), ANA, "yes")))
    assert not is_reusable(ended(posted(ANA)))
    assert not is_reusable(ended(typed(posted(SKEPTIC), SKEPTIC, "2")))
    assert not is_reusable(posted(ANA))
    question = posted(ANA)
    assert not is_reusable(transitions.settled(question, cancelled_outcome(question, POSTED, "closed")))


def test_questions_that_share_half_of_their_words_are_similar() -> None:
    question = posted(ANA)
    alike = ended(posted(ANA).model_copy(update={"id": 4, "ask": ask(question="Which database for tests?")}))
    other = ended(posted(ANA).model_copy(update={"id": 5, "ask": ask(question="When do we ship?")}))
    still_open = posted(ANA).model_copy(update={"id": 6})
    assert similar_questions(question, [question, alike, other, still_open]) == [alike]


def test_only_the_newest_similar_questions_are_shown() -> None:
    question = posted(ANA)
    alike = [ended(question).model_copy(update={"id": number}) for number in range(2, 9)]
    assert newest_similar(question, [question, *alike]) == (6, 7, 8)
    other = ended(question.model_copy(update={"ask": ask(question="When do we ship?")}))
    assert newest_similar(question, [alike[0], *(other.model_copy(update={"id": number}) for number in range(9, 109))]) == ()


TEAM = Team(
    agents=(AgentSpec(name="a", model="m"), AgentSpec(name="b", model="m")),
    ask=("humans", "agents"),
    routes=(
        RoutingRule(words=("database*", "log"), to=("@dba",)),
        RoutingRule(agents=("b",), words=("ship",), to=("@boss", "agents")),
        RoutingRule(agents=("b",), to=("role:b",)),
    ),
)


@pytest.mark.parametrize(
    ("agent", "question", "to", "asked"),
    [
        ("a", "Which databases?", (), ("@dba",)),
        ("a", "Which DATABASE?", ("humans",), ("@dba",)),
        ("a", "Which database?", ("humans", "agents"), ("@dba", "agents")),
        ("a", "Which database?", ("@ana",), ("@ana",)),
        ("a", "Which database?", ("agents",), ("agents",)),
        ("a", "Which login?", (), ("humans", "agents")),
        ("a", "Shall we ship?", (), ("humans", "agents")),
        ("b", "Shall we ship?", (), ("@boss", "agents")),
        ("b", "Which login?", (), ("role:b",)),
    ],
)
def test_the_first_route_that_matches_gives_the_audience(
    agent: str, question: str, to: tuple[str, ...], asked: tuple[str, ...]
) -> None:
    assert route_question(ask("text", question=question, to=to), agent, TEAM) == asked


def test_options_are_words_of_a_question_too() -> None:
    assert route_question(ask(question="Which one?", options=(POSTGRES, SQLITE)), "a", TEAM) == ("humans", "agents")
    named = POSTGRES.model_copy(update={"label": "The database"})
    assert route_question(ask(question="Which one?", options=(named, SQLITE)), "a", TEAM) == ("@dba",)
