"""Completes an entry: commands, numbers of runs and questions, and the arguments of commands (teams, agents, models)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from adapters.terminal.board import TERMINAL_PLACE, Board
from orchestrator_bridge.chat.adapter import Autocomplete

_OF_QUESTIONS = frozenset({"questions", "pass", "more"})
_OF_RUNS = frozenset({"say", "cancel", "finish", "cost", "runs"})


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryCompletion:
    """`text` in place of the last `replaces` characters."""

    text: str
    replaces: int


def complete(typed: str, board: Board, commands: Sequence[str], autocomplete: Autocomplete | None) -> list[EntryCompletion]:
    """Complete the last word of `typed`, the text before the cursor. Only commands are completed, not the words of a task."""
    if not typed.startswith("/"):
        return []
    name, space, arguments = typed[1:].partition(" ")
    if not space:
        return [
            EntryCompletion(text=f"/{command} ", replaces=len(typed)) for command in sorted(commands) if command.startswith(name)
        ]
    word = arguments.rpartition(" ")[2]
    first = arguments == word
    return [
        EntryCompletion(text=value if value.endswith("=") else f"{value} ", replaces=len(word))
        for value in _values(name, word, board, autocomplete, first=first)
        if value.lower().startswith(word.lower())
    ]


def _values(name: str, word: str, board: Board, autocomplete: Autocomplete | None, *, first: bool) -> Iterable[str]:
    """Values that may stand in the place of `word`. `first`: it is the command's first argument."""
    key, is_option, search = word.partition("=")
    if is_option:
        return [f"{key}={value}" for value in _option_values(key, search, autocomplete)]
    if first and name in _OF_QUESTIONS:
        return [str(number) for number in sorted(board.questions)]
    if first and name in _OF_RUNS:
        return [str(number) for number in sorted(board.runs)]
    if first and name == "model":
        return _option_values("model", word, autocomplete)
    return ["team=", "model="] if first and name == "ask" and word else []


def _option_values(key: str, search: str, autocomplete: Autocomplete | None) -> Iterable[str]:
    if autocomplete is None:
        return []
    match key:
        case "team":
            return autocomplete.teams(TERMINAL_PLACE)
        case "agent":
            return autocomplete.agents(TERMINAL_PLACE)
        case "model":
            return [model.name for model in autocomplete.models(TERMINAL_PLACE, search)]
        case _:
            return []
