"""The tables of docs/security.md, and the answers that people get, in their words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.docs.page import table

PAGE = "docs/security.md"
ON_RUN, IN_PLACE, LISTS = "Acts on a run and its question", "Acts in a place", "Lists"

ANSWERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("hidden", ("There is no run 1.", "There is no question 1.")),
    ("later", ("Try again in a minute",)),
    ("not here", ("Use the command in the run's channel",)),
    (
        "no",
        (
            "Only members",
            "not allowed to",
            "you may not cancel it",
            "you may not finish it",
            "You may not close question",
            "Question 1 is for",
            "Only the people asked",
            "not set up for this server",
        ),
    ),
)
"""The words of the tables, and the texts of private replies that mean them."""


MENTION, TASK = "a task after a mention of the bot", "Choose a queue for the orders"
WORDS = {"/ask": "Choose a queue", "/model NAME": "scripted/demo"}
"""What is typed after the commands of the second table."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One act by one person, and the answer that the page promises."""

    act: str
    person: str
    answer: str

    def __str__(self) -> str:
        return f"{self.act}, {self.person}"


def cells(heading: str, people: Sequence[str]) -> list[Cell]:
    """The cells of these people in one table."""
    rows = table(PAGE, heading).rows
    assert rows
    return [Cell(act=row["act"], person=person, answer=row[person]) for row in rows for person in people]


def answer(reply: str) -> str:
    """The word of the tables for a private reply; `yes` if it refuses nothing."""
    return next((word for word, texts in ANSWERS if any(text in reply for text in texts)), "yes")


def shows_run(reply: str) -> bool:
    """True if a private reply shows anything of run 1, its question or its cost."""
    return any(
        text in reply for text in ("Choose a database", "Which database", "architect", "release", "checker", "discord/", "slack/")
    )


def command(act: str) -> tuple[str, str]:
    """The name and the rest of the line of an act such as `/questions 1 cancel`."""
    name, _, text = act.removesuffix(" for anyone").strip("`").removeprefix("/").partition(" ")
    return name, WORDS.get(act, text)
