"""Commands as people type them: after a mention of the bot, or in direct messages; the same on every chat platform.

A line is a command only if the words after its name are arguments of that command. So "cost 2" shows the cost of run 2, and
"cost of moving to another host" is no command. A line that begins with a slash is a command whatever follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

TASK = "task"
"""Command of words that are addressed to the bot and name no command: a task, if they are clear."""
EDIT = "edit"
"""Command of the edit of a message that gave a command or task, which is carried out once."""
REMARK = "remark"
"""Command of words that may be meant for somebody else, such as a mention in passing: nothing starts without a confirmation."""

_RUN = r"(?:(?:the\s+|this\s+|my\s+)?(?:current\s+)?(?:run|task)\s*)?#?(?P<text>\d{1,15})?"
_STOP = rf"(?:it|that|this|everything)?{_RUN}(?:\s*\b(?:right\s+now|now|immediately|at\s+once))?"
_ARGUMENTS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.DOTALL | re.IGNORECASE)
    for name, pattern in {
        "ask": r"(?P<text>.*)",
        "questions": r"(?P<text>(?:#?\d{1,15}(?:\s.*)?)?)",
        "runs": r"(?P<text>)",
        "status": rf"(?:of\s+)?{_RUN}",
        "model": r"(?P<text>(?:\S+(?:\s+\S*\d\S*(?:\s+\S+)?)?)?(?:\s+\w+=\S+)*)",
        "models": r"(?P<text>(?:\S+(?:\s+\S*\d\S*(?:\s+\S+)?)?)?)",
        "team": r"(?P<text>\S*)",
        "cancel": _STOP,
        "finish": _STOP,
        "stop": _STOP,
        "cost": r"(?P<text>(?:run\s+)?(?:#?\d{1,15})?\s*(?:by\s+[a-z]+)?)",
        "help": r"(?P<text>)",
    }.items()
}
"""Arguments of each command; the group `text` is what the command gets."""

_ALIASES = {"stop": "cancel", "status": "runs"}
_NAME = re.compile(r"[\s,:;]*(/?)([^\s,.:;!?]*)[,.:;!?]*\s?(.*)", re.DOTALL)
_POLITE = r"(?:please|pls|thanks|thank you)"
_POLITE_BEFORE = re.compile(rf"^[\s,:;]*(?:{_POLITE}\b[\s,:;]*|(?:what(?:'s|’s| is)\s+)?the\s+(?=status\b))", re.IGNORECASE)
_POLITE_AFTER = re.compile(rf"[\s,.!?]*(?:\b{_POLITE}[\s,.!?]*)?$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class TypedCommand:
    """A command's name and the rest of its line, as typed."""

    name: str
    text: str


def parse_command_line(text: str) -> TypedCommand:
    """The line of a slash command. An empty text asks for help; an unknown name is refused by the bot.

    White space or punctuation ends the name: `ask⏎Plan it`, `cost, please`, `ask: plan it`.
    """
    _, name, rest = _split(text)
    return TypedCommand(name=name or "help", text=rest)


def parse_typed_command(text: str) -> TypedCommand | None:
    """The command that a typed text gives; None if it is anything else. "stop" is `cancel`, and "status" is `runs`."""
    slash, name, rest = _split(_POLITE_BEFORE.sub("", text, count=1))
    arguments = _ARGUMENTS.get(name)
    if arguments is None:
        return None
    if name != "ask" and not (name == "questions" and rest.strip()):
        rest = _POLITE_AFTER.sub("", rest)
    found = arguments.fullmatch(rest.strip() if name != "ask" else rest)
    if found is None and not slash:
        return None
    words = (found["text"] or "") if found is not None else rest
    return TypedCommand(name=_ALIASES.get(name, name), text="" if name == "status" else words)


def is_plain_command(text: str) -> bool:
    """True if a text is a command and nothing that could answer a question: a slash, or a name alone or with a number."""
    line = parse_typed_command(text)
    if line is None:
        return False
    return text.lstrip().startswith("/") or (line.name != "ask" and not line.text.strip("#0123456789 "))


def _split(text: str) -> tuple[bool, str, str]:
    found = _NAME.fullmatch(text)
    assert found is not None, "every part of the pattern may be empty"
    return bool(found[1]), found[2].lower(), found[3]
