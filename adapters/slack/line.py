"""A typed line as a command: `/townhall ask Plan it`, `@townhall model grok-4.3`, and in a direct message without either."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

MAX_SPOKEN_ARGUMENTS = 2
"""Words after a command's name in a thread: what is longer there is an answer that happens to begin with that word."""

MODAL_COMMANDS = ("ask", "model")
"""Commands that open a form where nothing follows their name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandLine:
    """A command's name and the rest of its line, as it was typed."""

    name: str
    text: str

    def wants_form(self, names: Collection[str]) -> bool:
        """Nothing was said but what is to be done, and there is such a command."""
        return self.name in MODAL_COMMANDS and self.name in names and not self.text.strip()


def parse_slash(text: str) -> CommandLine:
    """What follows `/townhall`. Without anything it asks for help; a name that is none is told so by whoever obeys."""
    name, _, rest = text.lstrip().partition(" ")
    return CommandLine(name=name.lower().removeprefix("/") or "help", text=rest)


def parse_spoken(text: str, names: Collection[str], *, in_thread: bool) -> CommandLine | None:
    """What follows a mention: a command if it begins with a command's name, else None.

    In a thread people also answer and guide: there only `ask` and short lines are commands.
    """
    line = parse_slash(text)
    if not text.strip() or line.name not in names:
        return None
    if in_thread and line.name != "ask" and len(line.text.split()) > MAX_SPOKEN_ARGUMENTS:
        return None
    return line
