"""Questions and people for the tests of the question core."""

from __future__ import annotations

from typing import Any

from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.question import transitions
from orchestrator_bridge.question.model import Ask, AskKind, Delivery, Option, Question
from orchestrator_bridge.team.directory import Responder
from orchestrator_bridge.team.team import Policy

ANA = Responder(kind="human", id="terminal:ana", name="Ana")
BEN = Responder(kind="human", id="terminal:ben", name="Ben")
CY = Responder(kind="human", id="terminal:cy", name="Cy")
STRANGER = Responder(kind="human", id="terminal:stranger", name="Stranger")
SKEPTIC = Responder(kind="agent", id="agent:skeptic", name="skeptic")
CRITIC = Responder(kind="agent", id="agent:critic", name="critic")

POSTED = 1_000_000.0
"""Time at which the questions of these tests were posted; the deadline is 1800 s later, the grace 3 s."""
DEADLINE = POSTED + 1800.0
EXPIRY = DEADLINE + 3.0

POSTGRES = Option(id="pg", label="Postgres", recommended=True)
SQLITE = Option(id="lite", label="SQLite")


def ask(kind: AskKind = "choice", options: tuple[Option, ...] = (POSTGRES, SQLITE), **fields: Any) -> Ask:
    given = {"question": "Which database?", "assumption": "I take Postgres.", "options": options if kind == "choice" else ()}
    return Ask.model_validate({"kind": kind, **given, **fields})


def unposted(
    *asked: Responder, kind: AskKind = "choice", options: tuple[Option, ...] = (POSTGRES, SQLITE), **policy: Any
) -> Question:
    return Question(
        id=3,
        run=1,
        agent="builder",
        action="turn_1_0",
        ask=ask(kind, options),
        policy=Policy(**policy),
        asked=asked,
        asked_at=POSTED - 10,
    )


def posted(
    *asked: Responder, kind: AskKind = "choice", options: tuple[Option, ...] = (POSTGRES, SQLITE), **policy: Any
) -> Question:
    place = Place(platform="terminal", channel="main", thread="q3")
    delivery = Delivery(place=place, message="m0", posted_at=POSTED, noted_at=POSTED + 7)
    return transitions.posted(unposted(*(asked or (ANA,)), kind=kind, options=options, **policy), delivery)


def typed(question: Question, author: Responder, text: str, after: float = 10.0, message: str = "", edit: str = "") -> Question:
    """`author` types `text`, `after` seconds after posting."""
    at = POSTED + after
    return transitions.reply_received(
        question, author=author, message=message or f"{author.name}@{after}", text=text, at=at, edit=edit
    )


def clicked(question: Question, author: Responder, choice: str, after: float = 10.0) -> Question:
    """`author` clicks an option, `after` seconds after posting."""
    at = POSTED + after
    return transitions.reply_received(
        question, author=author, message=f"click:{author.name}@{after}", text="", at=at, choice=choice
    )
