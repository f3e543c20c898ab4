"""Errors of the operator's input: all problems in one block of text, without a traceback and without a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator_bridge.common.errors import TownhallError

_MAX_SHOWN = 120
"""Characters of a found value that are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One wrong value: its place, what was found, what is expected and, unless that already says it, how to fix it."""

    where: str
    found: str
    expected: str
    fix: str = ""

    def __str__(self) -> str:
        lines = [f"  {self.where}", f"    found:    {self.found}", f"    expected: {self.expected}"]
        return "\n".join([*lines, f"    fix:      {self.fix}"] if self.fix else lines)


class ConfigError(TownhallError):
    """Wrong input of the operator: settings, team file, command line, or a command in chat. The text lists all problems."""

    def __init__(self, title: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(title)
        self.title = title
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join([self.title, *map(str, self.problems)])


def count_problems(number: int) -> str:
    """`1 problem`, `3 problems`."""
    return "1 problem" if number == 1 else f"{number} problems"


def format_value(value: object) -> str:
    """A found value for people: quoted, control characters escaped, shortened where it is long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}… ({len(text):,} characters)"


def broken_link(file: Path) -> str:
    """A symbolic link whose target does not exist, as a found value."""
    return f"a link to {format_value(str(file.readlink()))}, which does not exist"


def suggest_name(name: str, known: Sequence[str]) -> str:
    """`did you mean 'policy'?`, or nothing if no known name is similar."""
    from difflib import get_close_matches  # imported here: only errors need it

    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""
