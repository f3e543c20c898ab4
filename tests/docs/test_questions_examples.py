"""The worked examples of docs/questions.md, played through the question's own functions."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from orchestrator_bridge.chat.inbound import Author, Group, Place
from orchestrator_bridge.common.duration import format_duration, parse_duration
from orchestrator_bridge.question import messages, transitions
from orchestrator_bridge.question.model import Ask, Delivery, FallbackStage, JudgeVerdict, Kind, Option, Question
from orchestrator_bridge.question.parsing.intent import declines, delegates_to, requested_seconds
from orchestrator_bridge.question.parsing.reply import UnparsedReply, parse_reply
from orchestrator_bridge.question.schedule import due, scaled
from orchestrator_bridge.question.settlement import begin_fallback, fallback_reason, settle
from orchestrator_bridge.team.directory import Mentioned, Responder
from orchestrator_bridge.team.team import Fallback, Policy
from tests.docs.page import table, tables

PAGE = "docs/questions.md"
OPTIONS = (
    Option(id="pg", label="PostgreSQL", recommended=True),
    Option(id="lite", label="SQLite"),
    Option(id="wait", label="Wait and measure"),
)
AGENTS = ("skeptic", "critic")
_DEED = re.compile(
    r"(\d+:\d\d) (\w+)(?: of (\w+))? (types|clicks|changes it to|deletes it|passes|wants|is asked too|decides)"
    r"(?: “(.+)”| (\w+) more)?"
)
_STAGE = re.compile(r"(\d+:\d\d) (?:skeptic and critic are asked|a model judges)")


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


def asked(names: str, rules: str) -> Question:
    given = tomllib.loads(f"policy = {{ {rules} }}")["policy"]
    urgency = given.pop("urgency", "normal")
    policy = scaled(Policy.model_validate(given), urgency)
    question = Question(
        id=1,
        run=1,
        agent="builder",
        action="work:builder:1/0",
        ask=ask("choice"),
        policy=policy,
        asked=tuple(who(name) for name in names.split(", ") if " " not in name),
        groups=tuple(Group(platform="slack", id="S1", name=name.split()[-1]) for name in names.split(", ") if " " in name),
        decider=who(policy.decider.removeprefix("@")) if policy.decider else None,
        others=AGENTS,
        asked_at=0.0,
    )
    place = Place(platform="terminal", channel="terminal", thread="question-1")
    return transitions.posted(question, Delivery(place=place, message="m1", posted_at=0.0, noted_at=0.0))


def after(question: Question, deed: str) -> Question:
    """The question after one deed, such as `0:10 Ana types “2”`. "It" is what that person typed last."""
    match = _DEED.fullmatch(deed)
    assert match is not None, f"a test cannot read {deed!r}"
    time, name, role, verb, words, long = match.groups()
    author = who(name)
    if role:
        author = author.model_copy(update={"roles": (f"role:{role}",)})
    if verb in ("is asked too", "decides", "wants"):
        return changed(question, verb, words or name, long, seconds(time))
    at = seconds(time)
    last = next((fact.message for fact in reversed(question.heard) if fact.author == author), "")
    match verb:
        case "types":
            mentions = mentioned(words)
            return transitions.reply_received(
                question, author=author, message=f"{name} {time}", text=words, at=at, mentions=mentions
            )
        case "changes it to":
            return transitions.reply_received(question, author=author, message=last, text=words, at=at, edit=time)
        case "deletes it":
            return transitions.reply_deleted(question, last)
        case "clicks":
            choice = next(option.id for option in OPTIONS if option.label == words)
            return transitions.reply_received(question, author=author, message=f"{name} {time}", text="", at=at, choice=choice)
        case _:
            return transitions.passed(question, author, at)


def changed(question: Question, verb: str, named: str, long: str, at: float) -> Question:
    """The question after what is no reply: others come in, a judge decides, somebody wants more time."""
    match verb:
        case "is asked too":
            return transitions.escalated(question, mentioned(f"@{named}"))
        case "decides":
            choice = next(option.id for option in OPTIONS if option.label == named)
            return transitions.judged(question, JudgeVerdict(decision=named, choice=choice, reason="It is one file."))
        case _:
            return transitions.extended(question, parse_duration(long), at=at)


def mentioned(words: str) -> tuple[Mentioned, ...]:
    names = re.findall(r"@(\w+)", words)
    return tuple(Mentioned(who=who(name), author=Author(platform="terminal", id=name, name=name)) for name in names)


def falls_on(question: Question, at: float) -> Question:
    """The question as the next fallback is at work on it."""
    stage = begin_fallback(question, at, fallback_reason(question))
    assert isinstance(stage, FallbackStage)
    return transitions.fallback_began(question, stage)


def at_work(question: Question, at: float) -> str:
    fallen = falls_on(question, at)
    return "a model judges" if fallen.stage and not fallen.stage.agents else "skeptic and critic are asked"


def ending(row: Mapping[str, str]) -> str:
    question = asked(row["asked"], row["policy"])
    for deed in row["what happens"].split("; ") if row["what happens"] else []:
        stage = _STAGE.fullmatch(deed)
        question = falls_on(question, seconds(stage[1])) if stage else after(question, deed)
    now = seconds(row["seen at"])
    outcome = settle(question, now)
    if outcome is None and due(question, now).start_fallback:
        return at_work(question, now)
    return messages.closing_line(transitions.settled(question, outcome)) if outcome else "open"


def reading(question: Ask, reply: str) -> str:
    mentions = mentioned(reply)
    if declines(question, reply):
        return "not me"
    if to := delegates_to(question, reply, mentions):
        return f"handed over to {to.who.name}"
    if (more := requested_seconds(question, reply, 3600.0)) is not None:
        return f"{format_duration(more)} more"
    taken = parse_reply(question, reply)
    if isinstance(taken, UnparsedReply):
        return "asked again"
    if taken.number is not None:
        return f"{taken.number:g}"
    labels = {option.id: option.label for option in OPTIONS}
    return labels.get(taken.choice, taken.choice) if taken.choice else "own words"


@pytest.mark.parametrize("row", table(PAGE, "How questions end").rows, ids=lambda row: f"{row['asked']}: {row['what happens']}")
def test_a_question_ends_as_the_page_says(row: Mapping[str, str]) -> None:
    assert ending(row) == row["how it ends"]


def readings() -> Iterator[tuple[Ask, str, str]]:
    kinds: tuple[tuple[Kind, str], ...] = (("choice", "A choice"), ("confirm", "A confirm"), ("number", "A number"))
    for kind, heading in kinds:
        for block in tables(PAGE):
            for row in block.rows if block.heading == heading else ():
                if "in hours" in row:
                    yield ask("number").model_copy(update={"unit": "h", "min": 0.5, "max": 48}), row["reply"], row["in hours"]
                else:
                    yield ask(kind), row["reply"], row["read as"]


@pytest.mark.parametrize(("question", "reply", "expected"), list(readings()))
def test_a_reply_is_read_as_the_page_says(question: Ask, reply: str, expected: str) -> None:
    assert reading(question, reply) == expected


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
