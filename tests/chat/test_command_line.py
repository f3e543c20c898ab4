"""Commands as people type them: a line counts only if the words after the name are arguments of that command."""

from __future__ import annotations

import pytest

from orchestrator_bridge.chat.command_line import is_plain_command, parse_typed_command

COMMANDS = {
    "cancel 2": ("cancel", "2"),
    "Stop!": ("cancel", ""),
    "please stop it": ("cancel", ""),
    "cancel run 3 please": ("cancel", "3"),
    "please stop the current run now": ("cancel", ""),
    "stop everything right now!": ("cancel", ""),
    "stop this run immediately": ("cancel", ""),
    "status": ("runs", ""),
    "what's the status?": ("runs", ""),
    "status of run 2": ("runs", ""),
    "cost 2": ("cost", "2"),
    "cost, please": ("cost", ""),
    "cost 2 by agent": ("cost", "2 by agent"),
    "model grok-4.3": ("model", "grok-4.3"),
    "model grok 4.1 fast": ("model", "grok 4.1 fast"),
    "model gpt-5 scope=team:docs": ("model", "gpt-5 scope=team:docs"),
    "questions 3 postgres please": ("questions", "3 postgres please"),
    "ask\nPlan it": ("ask", "Plan it"),
    "ask: plan it, please": ("ask", "plan it, please"),
    "/cost of moving": ("cost", "of moving"),
}


@pytest.mark.parametrize("text", COMMANDS)
def test_a_command_is_read_with_its_arguments(text: str) -> None:
    line = parse_typed_command(text)
    assert line is not None
    assert (line.name, line.text) == COMMANDS[text]


@pytest.mark.parametrize(
    "text",
    [
        "cost of moving to another host",
        "stop using semicolons",
        "stop the current rollout now",
        "team building ideas",
        "model the demand for next year",
        "help me to plan",
        "cancel the trip",
        "thanks",
        "",
    ],
)
def test_words_that_begin_like_a_command_are_none(text: str) -> None:
    assert parse_typed_command(text) is None


def test_only_commands_without_words_are_commands_where_words_may_answer_a_question() -> None:
    assert all(map(is_plain_command, ("stop", "cancel 2", "runs", "/ask plan it")))
    assert not any(map(is_plain_command, ("ask legal first", "model grok-4.3", "team docs", "postgres")))
