"""Commands as people type them: after a mention of the bot, or in direct messages; the same on every chat platform.

A line is a command only if the words after its name are arguments of that command. So "cost 2" shows the cost of run 2, and
"cost of moving to another host" is no command. A line that begins with a slash is a command whatever follows. A question for the
result of a command ("how much did run 2 cost?") and a clear request to stop are commands too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator_bridge.chat.typed_requests import command_name, parse_result_request, parse_stop_request

TASK = "task"
"""Command of words that are addressed to the bot and name no command: a task, if they are clear."""
EDIT = "edit"
"""Command of the edit of a message that gave a command or task, which is carried out once."""
REMARK = "remark"
"""Command of words that may be meant for somebody else, such as a mention in passing: nothing starts without a confirmation."""

_RUN = r"(?:(?:the\s+|this\s+|my\s+|den\s+|diesen\s+)?(?:current\s+)?(?:run|task|lauf)\s*)?#?(?P<text>\d{1,15})?"
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
        "recall": r"(?!that\b)(?P<text>(?:[\w'’.+#/-]+(?:\s+[\w'’.+#/-]+){0,5})?)\??",
        "supersede": r"(?P<text>#?\d{1,15}\s+(?:by\s+)?#?\d{1,15})",
        "help": r"(?P<text>)",
    }.items()
}
"""Arguments of each command; the group `text` is what the command gets."""

_ALIASES = {"stop": "cancel", "status": "runs"}
_LEAD = re.compile(r"\s*(?:[–—]+|:(?!\w+:)|[,.;!?…-]+(?=\s))")
"""Punctuation before a task that is no part of it: `ask — plan it`, `ask: plan it`; not that of `.env`, `-1` or `:rocket:`."""
_QUOTED = re.compile(r"\s*[\"“”„«»‘’'](.*)[\"“”„«»‘’']\s*", re.DOTALL)
_QUOTATION_MARK = re.compile(r"[\"“”„«»]|(?<!\w)['‘’]|['‘’](?!\w)")
_NAME = re.compile(r"[\s,:;]*(/?)([^\s,.:;!?–—]*)[,.:;!?]*\s?(.*)", re.DOTALL)
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
    return _parse_named(text) or _parse_stop(text) or _parse_result(text)


def strip_lead(task: str) -> str:
    """A task without the punctuation before it, and without quotation marks around the whole of it."""
    while lead := _LEAD.match(task):
        task = task[lead.end() :]
    quoted = _QUOTED.fullmatch(task)
    return quoted[1].strip() if quoted is not None and _QUOTATION_MARK.search(quoted[1]) is None else task.strip()


def _parse_named(text: str) -> TypedCommand | None:
    slash, name, rest = _split(_POLITE_BEFORE.sub("", text, count=1))
    name = name if slash else command_name(name)
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


def _parse_stop(text: str) -> TypedCommand | None:
    stop = parse_stop_request(text)
    return TypedCommand(name="cancel", text=str(stop.run or "")) if stop is not None and stop.clear else None


def _parse_result(text: str) -> TypedCommand | None:
    asked = parse_result_request(text)
    return TypedCommand(name=asked.command, text=asked.text) if asked is not None else None


def is_plain_command(text: str) -> bool:
    """True if a text is a command and cannot answer a question: a slash, a name alone or with a number, a question."""
    line = parse_typed_command(text)
    if line is None:
        return False
    if text.lstrip().startswith("/"):
        return True
    asked = parse_result_request(text) if _parse_named(text) is None else None
    return line.name != "ask" and not line.text.strip("#0123456789 ") and (asked is None or asked.is_question)


def _split(text: str) -> tuple[bool, str, str]:
    found = _NAME.fullmatch(text)
    assert found is not None, "every part of the pattern may be empty"
    return bool(found[1]), found[2].lower(), found[3]
