"""What an entry at the terminal can mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandIntent:
    """A command for the bot, with the rest of its line."""

    name: str
    text: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyIntent:
    """Words for a question."""

    question: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GuidanceIntent:
    """Words for the agents of a run."""

    run: int
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlIntent:
    """What is a button elsewhere."""

    question: int
    press: Literal["pass", "more"]
    value: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RejectedEntry:
    """The entry was not taken; why, and what to type instead."""

    text: str


@dataclass(frozen=True, slots=True)
class QuitIntent:
    """The person leaves."""


@dataclass(frozen=True, slots=True)
class EmptyEntry:
    """A blank entry."""


EntryIntent = CommandIntent | ReplyIntent | GuidanceIntent | ControlIntent | RejectedEntry | QuitIntent | EmptyEntry
