"""What a person must mend before the work can go on, told in one block of text: no traceback, no secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator_bridge.common.errors import TownhallError

_LONGEST = 120
"""Characters of a found value that are shown."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing that is wrong: where it stands, what was found, what is expected and, unless that says it all, how to mend it."""

    where: str
    found: str
    expected: str
    fix: str = ""

    def __str__(self) -> str:
        lines = [f"  {self.where}", f"    found:    {self.found}", f"    expected: {self.expected}"]
        return "\n".join([*lines, f"    fix:      {self.fix}"] if self.fix else lines)


class ConfigError(TownhallError):
    """Something outside the program is wrong. Its text is what the person in charge reads: all problems at once."""

    def __init__(self, title: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(title)
        self.title = title
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join([self.title, *map(str, self.problems)])


def count_problems(number: int) -> str:
    """`1 thing is wrong`, `3 things are wrong`."""
    return "1 thing is wrong" if number == 1 else f"{number} things are wrong"


def format_value(value: object) -> str:
    """A found value as people can read it: quoted, control characters escaped, cut where it is long."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def suggest_name(name: str, known: Sequence[str]) -> str:
    """`did you mean 'policy'?`, or nothing if no known name is near."""
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {near[0]!r}?" if near else ""
