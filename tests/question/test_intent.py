"""Intents of a message other than an answer: pass, delegate, ask for more time, ask again."""

from __future__ import annotations

import pytest

from orchestrator_bridge.chat.inbound import Author
from orchestrator_bridge.question.model import Kind, Option
from orchestrator_bridge.question.parsing.intent import asks_to_repeat, declines, delegates_to, requested_seconds, unknown_name
from orchestrator_bridge.team.directory import Mentioned
from tests.support.question_builders import BEN, ask

USUAL = 3600.0
AT_BEN = Mentioned(who=BEN, author=Author(platform="slack", id="U2", name="Ben"))


@pytest.mark.parametrize(
    "text",
    [
        "not me",
        "Not me!",
        "pass",
        "not my area",
        "ask someone else",
        "nicht ich",
        "Ich passe.",
        "bin raus",
        "not my job, sorry",
        "jemand anders bitte",
    ],
)
def test_not_me_can_be_typed(text: str) -> None:
    assert declines(ask("text"), text)


@pytest.mark.parametrize("text", ["not me, but postgres", "pass the salt", "me", "ask", "nicht", "I would pass on SQLite"])
def test_not_me_must_be_the_whole_message(text: str) -> None:
    assert not declines(ask("text"), text)


def test_an_option_with_the_label_of_an_intent_is_chosen() -> None:
    options = (Option(id="pass", label="Pass"), Option(id="fail", label="Fail"), Option(id="later", label="Give me an hour"))
    assert not declines(ask(options=options), "pass")
    assert requested_seconds(ask(options=options), "give me an hour", USUAL) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("give me an hour", 3600),
        ("Give me 2 more hours", 7200),
        ("give me 20 minutes", 1200),
        ("give me 1h 30m", 5400),
        ("I need another half an hour", 1800),
        ("need two more days", None),
        ("another 10 min", 600),
        ("10 minutes more please", 600),
        ("more time", 3600),
        ("I need more time!", 3600),
        ("back in an hour and 5 minutes", 3900),
        ("gib mir eine Stunde", 3600),
        ("Gib mir noch 20 Minuten", 1200),
        ("ich brauche noch zwei Tage", 172800),
        ("bin in einer halben Stunde zurück", 1800),
        ("mehr Zeit bitte", 3600),
        ("give me the database", None),
        ("an hour", None),
        ("it takes an hour", None),
        ("give me 5 reasons", None),
        ("give me an hour please", 3600),
        ("Can I have 20 more minutes?", 1200),
        ("could you wait an hour?", 3600),
        ("extend by 2 hours", 7200),
        ("snooze 1h", 3600),
        ("ask me again in 30 min", 1800),
        ("ask me later", 3600),
        ("give me until tomorrow", 86400),
        ("I'll answer tomorrow", 86400),
        ("gib mir bis morgen", 86400),
        ("frag mich morgen nochmal", 86400),
        ("bitte noch eine Stunde", 3600),
        ("kann ich noch eine halbe Stunde haben?", 1800),
        ("brauche noch 'ne Stunde", 3600),
        ("I need two days", None),
        ("until tomorrow", None),
        ("1h", None),
        ("more replicas", None),
        ("extend the table", None),
    ],
)
def test_more_time_can_be_asked_for_in_words(text: str, seconds: float | None) -> None:
    assert requested_seconds(ask("text"), text, USUAL) == seconds


@pytest.mark.parametrize(
    "text", ["I need two days", "until tomorrow", "bis morgen", "later", "ich brauche eine Stunde", "in an hour"]
)
def test_a_time_is_an_answer_unless_options_or_yes_or_no_are_asked_for(text: str) -> None:
    assert requested_seconds(ask("confirm"), text, USUAL)
    assert requested_seconds(ask("choice"), text, USUAL)
    assert requested_seconds(ask("text"), text, USUAL) is None
    assert requested_seconds(ask("number"), text, USUAL) is None


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        ("text", "@bob", "@bob"),
        ("choice", "@bob knows that", "@bob"),
        ("choice", "ask @bob.smith, please", "@bob.smith"),
        ("confirm", "frag mal @bob", "@bob"),
        ("text", "We use @dataclass for that", None),
        ("text", "mail to ana@example.org", None),
        ("choice", "2, @bob knows why", None),
        ("text", "ask Bob", None),
    ],
)
def test_an_unknown_name_is_found_where_it_would_delegate(kind: Kind, text: str, name: str | None) -> None:
    assert unknown_name(ask(kind), text, []) == name
    assert unknown_name(ask(kind), text, [AT_BEN]) is None


@pytest.mark.parametrize(
    ("kind", "text", "handed"),
    [
        ("text", "@Ben", True),
        ("text", "<@U2>", True),
        ("text", "@Ben please", True),
        ("text", "@Ben what do you think of that?", True),
        ("text", "that is something @Ben should decide", True),
        ("text", "frag mal @Ben, der weiß das", True),
        ("text", "We use PostgreSQL since last spring, as agreed with @Ben", False),
        ("choice", "@Ben knows that", True),
        ("choice", "2, thanks @Ben", False),
        ("choice", "sqlite @Ben", False),
        ("confirm", "yes, @Ben has seen it too", False),
        ("confirm", "I am not allowed to say that, @Ben is", True),
        ("number", "12 @Ben", False),
        ("number", "the number that @Ben has in his head", True),
    ],
)
def test_a_mention_delegates_unless_the_rest_is_an_answer(kind: Kind, text: str, handed: bool) -> None:
    assert (delegates_to(ask(kind), text, [AT_BEN]) == AT_BEN) is handed


def test_without_a_mention_there_is_no_delegation() -> None:
    assert delegates_to(ask("text"), "ask Ben", []) is None


@pytest.mark.parametrize(("text", "again"), [("ask again", True), ("Frag nochmal!", True), ("reopen", True), ("again", False)])
def test_asking_again_can_be_typed(text: str, again: bool) -> None:
    assert asks_to_repeat(text) is again
