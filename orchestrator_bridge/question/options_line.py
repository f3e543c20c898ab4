"""The options of a question in one line, and how long it still waits: what a reminder or a list says beside the question."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_bridge.chat import CardOption
from orchestrator_bridge.duration import say_duration
from orchestrator_bridge.question.due import deadline
from orchestrator_bridge.question.values import Option, Question
from orchestrator_bridge.text import one_line

_MAX_LABEL = 75
"""Characters of a label that are shown: all that one may have."""


def options_summary(options: Sequence[Option | CardOption]) -> str:
    """`1 PostgreSQL (recommended) · 2 SQLite`; empty where there is nothing to choose from."""
    marks = {True: " (recommended)", False: ""}
    return " · ".join(
        f"{place} {one_line(one.label, _MAX_LABEL)}{marks[one.recommended]}" for place, one in enumerate(options, 1)
    )


def remaining_summary(question: Question, now: float) -> str:
    """What can be chosen and how long there is to choose, at `now` by the clock of the question's platform."""
    left = f"Expires in {say_duration(deadline(question) - now)}."
    return "\n".join(line for line in (options_summary(question.ask.options), left) if line)
