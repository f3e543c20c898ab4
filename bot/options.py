"""Named choices of a command: those that a platform's form gives, and `key=value` words that people type."""

from __future__ import annotations

import re

from orchestrator_bridge.chat import CommandReceived


def parse_leading_options(command: CommandReceived, keys: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """The choices of a command whose text is for agents: only words before the first other one count, the rest stays as it is.

    What a form gave is not looked for in the text.
    """
    found, text = {key: value for key, value in command.options if value}, command.text
    typed = [key for key in keys if key not in found]
    while typed and (match := re.match(rf"\s*({'|'.join(typed)})=(\S+)(?:\s+|$)", text)):
        found[match[1]] = match[2]
        typed.remove(match[1])
        text = text[match.end() :]
    return found, text


def parse_options(command: CommandReceived, keys: tuple[str, ...]) -> tuple[dict[str, str], str]:
    """The choices of a command whose text is a name: `key=value` counts wherever it stands."""
    found, rest = {key: value for key, value in command.options if value}, []
    for word in command.text.split():
        key, equals, value = word.partition("=")
        if equals and key in keys:
            found.setdefault(key, value)
        else:
            rest.append(word)
    return found, " ".join(rest)
