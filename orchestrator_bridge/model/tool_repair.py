"""Repair of tool calls whose meaning is plain although their form is not. Pure functions.

What could mean two things stays as it is: the agent then reads what was wrong and calls again.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection
from typing import Any

_TRAILING_MARK = re.compile(r"<[|/｜].*", re.DOTALL)
"""Special tokens behind a name, as gpt-oss writes them: `new_answer<|channel|>commentary`."""

_CALL_NUMBER = re.compile(r":\d+$")
"""Number behind a name, as Kimi writes it: `functions.new_answer:0`."""

_SEPARATORS = re.compile(r"[.:/]")
_DECORATION = " \t\r\n`'\"()*"

_FENCE = re.compile(r"\A\s*```\w*\s*")
_REST = re.compile(r"\A(?:\s|```|</?[\w=:.-]+>|<\|[^|>]*\|>|\])*\Z")
"""Text behind the arguments that means nothing: the end of a fence or of a mark."""

MOST_LITERAL = 100_000
"""Characters of a Python literal that are parsed: its parser takes much memory."""


def repair_name(name: str, declared: Collection[str]) -> str:
    """The declared tool that a call means: without prefixes, special tokens, decoration and case; else the name, trimmed."""
    if name in declared:
        return name
    trimmed = _TRAILING_MARK.sub("", name).strip(_DECORATION)
    unnumbered = _CALL_NUMBER.sub("", trimmed)
    last = _SEPARATORS.split(unnumbered)[-1].strip(_DECORATION)
    for candidate in (trimmed, unnumbered, last):
        if candidate in declared:
            return candidate
    alike = [tool for tool in declared if _folded(tool) == _folded(last)]
    return alike[0] if len(alike) == 1 else trimmed or name


def _folded(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")


def repair_arguments(raw: str) -> str:
    """A JSON object as text, if that is what the arguments mean; else the arguments, unchanged."""
    if not raw.strip():
        return raw
    value = _decoded(raw)
    if isinstance(value, str):
        value = _decoded(value)
        return json.dumps(value) if isinstance(value, dict) else raw
    if isinstance(value, dict):
        return raw
    repaired = decode_object(_FENCE.sub("", raw))
    return raw if repaired is None else json.dumps(repaired)


def decode_object(text: str) -> dict[str, Any] | None:
    """The one object that a text consists of; None if it is none.

    Line breaks inside of strings, a Python literal, and marks behind the object are accepted.
    """
    found = decode_prefix(text)
    if found is None or not isinstance(found[0], dict) or not _REST.match(text[found[1] :]):
        return _literal(text)
    return found[0]


def decode_prefix(text: str, start: int = 0) -> tuple[Any, int] | None:
    """The JSON value that begins at `start`, spaces aside, and the position behind it; None if there is none."""
    begin = start + len(text[start:]) - len(text[start:].lstrip())
    try:
        return json.JSONDecoder(strict=False).raw_decode(text, begin)
    except (ValueError, RecursionError):
        return None


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _literal(text: str) -> dict[str, Any] | None:
    """A dictionary as Python writes it: with single quotes, or with a comma behind the last entry."""
    written = text.strip().removesuffix("```").strip()
    if not (written.startswith("{") and written.endswith("}")) or len(written) > MOST_LITERAL:
        return None
    try:
        value = ast.literal_eval(written)
        json.dumps(value, allow_nan=False)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, dict) and all(isinstance(key, str) for key in value) else None
