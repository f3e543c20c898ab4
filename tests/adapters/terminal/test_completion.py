from __future__ import annotations

from collections.abc import Sequence

import pytest

from adapters.terminal.board import Board
from adapters.terminal.completion import complete
from orchestrator_bridge.chat.adapter import ModelOption
from orchestrator_bridge.chat.inbound import Place
from orchestrator_bridge.chat.testing import RUN, question

BOARD = Board(runs={3: RUN}, questions={2: question()})
COMMANDS = ("ask", "questions", "runs", "model", "cancel", "say")


class Names:
    """Autocomplete with fixed names."""

    def models(self, place: Place, search: str, *, scope: str = "", limit: int = 25) -> Sequence[ModelOption]:
        return [ModelOption(name=name, about="") for name in ("grok-4.3", "grok-4.1-fast", "gpt-5") if search in name]

    def teams(self, place: Place) -> Sequence[str]:
        return ["review", "demo"]

    def agents(self, place: Place, team: str = "") -> Sequence[str]:
        return ["author"]

    def runs(self, place: Place) -> Sequence[tuple[int, str]]:
        return []


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("/", ["/ask ", "/cancel ", "/model ", "/questions ", "/runs ", "/say "]),
        ("/qu", ["/questions "]),
        ("/questions ", ["2 "]),
        ("/cancel ", ["3 "]),
        ("/say 3 us", []),
        ("/ask te", ["team="]),
        ("/ask team=", ["team=review ", "team=demo "]),
        ("/ask team=re", ["team=review "]),
        ("/ask team=demo model=gr", ["model=grok-4.3 ", "model=grok-4.1-fast "]),
        ("/model grok-4.1", ["grok-4.1-fast "]),
        ("/model grok-4.3 agent=", ["agent=author "]),
        ("/ask what=", []),
        ("Build a shop", []),
    ],
)
def test_the_last_word_of_a_command_is_completed(typed: str, found: list[str]) -> None:
    assert [completion.text for completion in complete(typed, BOARD, COMMANDS, Names())] == found


def test_without_autocomplete_only_commands_and_numbers_are_completed() -> None:
    assert complete("/ask team=", BOARD, COMMANDS, None) == []
