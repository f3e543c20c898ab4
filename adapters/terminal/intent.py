"""What an entry at the terminal can mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A command for the bot, with the rest of its line."""

    name: str
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """Words for a question."""

    question: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Guide:
    """Words for the agents of a run."""

    run: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """What is a button elsewhere."""

    question: int
    press: Literal["pass", "more"]
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hint:
    """The entry was not taken; why, and what to type instead."""

    text: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The person leaves."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """A blank entry."""


Intent = Command | Reply | Guide | Press | Hint | Leave | Nothing
