"""The worked examples of docs/questions.md, played through the question's own functions."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from orchestrator_bridge.chat import Place
from orchestrator_bridge.duration import parse_duration
from orchestrator_bridge.question import hear, tell
from orchestrator_bridge.question.due import scaled
from orchestrator_bridge.question.read import Misread, read
from orchestrator_bridge.question.settle import settle
from orchestrator_bridge.question.values import Ask, Delivery, Kind, Option, Question, Responder
from orchestrator_bridge.team import Fallback, Policy
from tests.docs.page import table

PAGE = "docs/questions.md"
OPTIONS = (
    Option(id="pg", label="PostgreSQL", recommended=True),
    Option(id="lite", label="SQLite"),
    Option(id="wait", label="Wait and measure"),
)
AGENTS = ("skeptic", "critic")
_DEED = re.compile(r"(\d+:\d\d) (\w+) (types|clicks|changes it to|deletes it|passes|wants)(?: “(.+)”| (\w+) more)?")


def ask(kind: Kind) -> Ask:
    return Ask(
        question="Which database?", kind=kind, options=OPTIONS if kind == "choice" else (), assumption="I take PostgreSQL."
    )


def who(name: str) -> Responder:
    agent = name in AGENTS
    return Responder(kind="agent" if agent else "human", id=f"agent:{name}" if agent else f"terminal:{name.lower()}", name=name)


def seconds(time: str) -> float:
    minutes, _, rest = time.partition(":")
    return 60.0 * int(minutes) + int(rest)


def asked(names: str, policy: str) -> Question:
    given = tomllib.loads(f"policy = {{ {policy} }}")["policy"]
    urgency = given.pop("urgency", "normal")
    question = Question(
        id=1,
        run=1,
        agent="builder",
        action="work:builder:1/0",
        ask=ask("choice"),
        policy=scaled(Policy.model_validate(given), urgency),
        asked=tuple(who(name) for name in names.split(", ")),
        asked_at=0.0,
    )
    place = Place(platform="terminal", channel="terminal", thread="question-1")
    return hear.posted(question, Delivery(place=place, message="m1", posted_at=0.0, noted_at=0.0))


def after(question: Question, deed: str) -> Question:
    """The question after one deed, such as `0:10 Ana types “2”`. "It" is what that person typed last."""
    match = _DEED.fullmatch(deed)
    assert match is not None, f"a test cannot read {deed!r}"
    time, name, verb, words, long = match.groups()
    at, author = seconds(time), who(name)
    last = next((one.message for one in reversed(question.heard) if one.author == author), "")
    match verb:
        case "types":
            return hear.replied(question, author=author, message=f"{name} {time}", text=words, at=at)
        case "changes it to":
            return hear.replied(question, author=author, message=last, text=words, at=at, edit=time)
        case "deletes it":
            return hear.unreplied(question, last)
        case "clicks":
            choice = next(option.id for option in OPTIONS if option.label == words)
            return hear.replied(question, author=author, message=f"{name} {time}", text="", at=at, choice=choice)
        case "passes":
            return hear.passed(question, author.id, at)
        case _:
            return hear.extended(question, parse_duration(long))


def ending(row: Mapping[str, str]) -> str:
    question = asked(row["asked"], row["policy"])
    for deed in row["what happens"].split("; ") if row["what happens"] else []:
        question = after(question, deed)
    outcome = settle(question, seconds(row["seen at"]))
    return tell.closing_line(hear.settled(question, outcome)) if outcome else "open"


def reading(kind: Kind, reply: str) -> str:
    taken = read(ask(kind), reply)
    if isinstance(taken, Misread):
        return "asked again"
    if taken.number is not None:
        return f"{taken.number:g}"
    labels = {option.id: option.label for option in OPTIONS}
    return labels.get(taken.choice, taken.choice) if taken.choice else "own words"


@pytest.mark.parametrize("row", table(PAGE, "How questions end").rows, ids=lambda row: f"{row['asked']}: {row['what happens']}")
def test_a_question_ends_as_the_page_says(row: Mapping[str, str]) -> None:
    assert ending(row) == row["how it ends"]


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        (kind, row)
        for kind, heading in (("choice", "A choice"), ("confirm", "A confirm"), ("number", "A number"))
        for row in table(PAGE, heading).rows
    ],
    ids=lambda value: value["reply"] if isinstance(value, dict) else value,
)
def test_a_reply_is_read_as_the_page_says(kind: Kind, row: Mapping[str, str]) -> None:
    assert reading(kind, row["reply"]) == row["read as"]


def test_the_page_has_every_field_of_a_question_and_no_other() -> None:
    assert [row["field"] for row in table(PAGE, "What an agent passes").rows] == list(Ask.model_fields)


def test_the_page_has_every_fallback_and_no_other() -> None:
    known: Any = Fallback
    assert [row["fallback"] for row in table(PAGE, "When it ends").rows] == list(known.__args__)


def test_the_page_has_every_limit_of_a_field() -> None:
    rows = table(PAGE, "What an agent passes").rows
    for value in (Ask, Option):
        for field in value.model_fields:
            text = next(row[""] for row in rows if field == row["field"] or f"`{field}`" in row[""])
            limits = [getattr(rule, "max_length", None) for rule in value.model_fields[field].metadata]
            assert all(f"{limit:,}" in text for limit in limits if limit), field
