"""Verdicts of a judge: a decision that fits the question, or the reason why there is none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_bridge.model.interface import ToolCall
from orchestrator_bridge.question.model import Ask, JudgeVerdict
from orchestrator_bridge.question.system_questions import parse_verdict
from tests.support.question_builders import ask


def verdict(question: Ask, **given: Any) -> JudgeVerdict:
    return parse_verdict(question, [ToolCall(id="1", name="decide", arguments=json.dumps(given))], "")


@pytest.mark.parametrize(
    ("question", "given", "decided"),
    [
        (ask(), {"decision": "SQLite", "choice": "lite"}, ("SQLite", "lite", None)),
        (ask(), {"decision": "We take SQLite.", "choice": None}, ("SQLite", "lite", None)),
        (ask("confirm"), {"decision": "yes", "choice": "yes"}, ("Yes", "yes", None)),
        (ask("confirm"), {"decision": "No"}, ("No", "no", None)),
        (ask("number", unit="h", max=10), {"decision": "3 h", "number": 3}, ("3 h", None, 3)),
        (ask("number", unit="h"), {"decision": "90 min"}, ("1.5 h", None, 1.5)),
        (ask("text"), {"decision": " Wait. "}, ("Wait.", None, None)),
    ],
)
def test_a_decision_is_converted_to_the_kind_of_the_question(
    question: Ask, given: dict[str, Any], decided: tuple[Any, ...]
) -> None:
    taken = verdict(question, reason="Because.", **given)
    assert (taken.decision, taken.choice, taken.number, taken.reason) == (*decided, "Because.")


@pytest.mark.parametrize(
    ("question", "given", "why"),
    [
        (ask(), {"decision": "MySQL", "choice": "my"}, "it chose none of the options"),
        (ask("number", max=10), {"decision": "12", "number": 12}, "its number is not valid"),
        (ask("text"), {"decision": ""}, "it returned nothing"),
        (ask("text"), {"decision": "x", "undecided": True, "reason": "It cannot be undone."}, "It cannot be undone."),
        (ask("text"), {"decision": ["x"]}, "its decision could not be read"),
    ],
)
def test_an_invalid_verdict_is_no_decision_and_says_why(question: Ask, given: dict[str, Any], why: str) -> None:
    assert verdict(question, **given) == JudgeVerdict(reason=why)


def test_words_without_the_tool_decide_nothing() -> None:
    assert parse_verdict(ask(), [], "SQLite, of course.") == JudgeVerdict(reason="it did not call its tool")
    assert parse_verdict(ask(), [ToolCall(id="1", name="decide", arguments="{no")], "") == JudgeVerdict(
        reason="its decision could not be read"
    )
