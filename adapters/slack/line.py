"""A typed line as a command: `/townhall ask Plan it`, `@townhall model grok-4.3`, and in a direct message without either."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

FEW = 2
"""Words after a command's name in a thread: what is longer there is an answer that happens to begin with that word."""

FORMS = ("ask", "model")
"""Commands that open a form where nothing follows their name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A command's name and the rest of its line, as it was typed."""

    name: str
    text: str

    def wants_form(self, names: Collection[str]) -> bool:
        """Nothing was said but what is to be done, and there is such a command."""
        return self.name in FORMS and self.name in names and not self.text.strip()


def slash_line(text: str) -> Line:
    """What follows `/townhall`. Without anything it asks for help; a name that is none is told so by whoever obeys."""
    name, _, rest = text.lstrip().partition(" ")
    return Line(name=name.lower().removeprefix("/") or "help", text=rest)


def spoken_line(text: str, names: Collection[str], *, in_thread: bool) -> Line | None:
    """What follows a mention: a command if it begins with a command's name, else None.

    In a thread people also answer and guide: there only `ask` and short lines are commands.
    """
    line = slash_line(text)
    if not text.strip() or line.name not in names:
        return None
    if in_thread and line.name != "ask" and len(line.text.split()) > FEW:
        return None
    return line
