"""Pure core of a question, from the ask to the outcome: no clock, no I/O, no event loop."""

from __future__ import annotations

from orchestrator_bridge.question.model import (
    Ask,
    Delivery,
    JudgeVerdict,
    Option,
    Outcome,
    Question,
    Reply,
    Utterance,
)
from orchestrator_bridge.question.schedule import (
    Due,
    due,
    next_due,
)
from orchestrator_bridge.question.settlement import (
    settle,
)

__all__ = [
    "Ask",
    "Delivery",
    "Due",
    "JudgeVerdict",
    "Option",
    "Outcome",
    "Question",
    "Reply",
    "Utterance",
    "due",
    "next_due",
    "settle",
]
