"""What the doctor says about one thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.trouble import ConfigError

FindingState = Literal["ok", "warn", "wrong"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, what was found, and how to mend it."""

    about: str
    state: FindingState
    found: str
    mend: str = ""


def to_findings(about: str, trouble: ConfigError) -> list[Finding]:
    """Every problem of a trouble as a finding of its own."""
    if not trouble.problems:
        return [Finding(about=about, state="wrong", found=trouble.title)]
    return [
        Finding(
            about=about,
            state="wrong",
            found=f"{problem.where}: {problem.found}",
            mend=f"expected {problem.expected}" + (f"; {problem.fix}" if problem.fix else ""),
        )
        for problem in trouble.problems
    ]
