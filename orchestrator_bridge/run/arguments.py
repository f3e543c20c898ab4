"""The arguments of a tool's call as people read them: exactly what would be done, and readable on a phone.

    path: notes/plan.md
    text:
      Call the baker.
      Then the band.
    options:
      overwrite: true
      tags:
        - "party"

What a person could not see, or could take for something else, is written as JSON writes it: invisible characters, marks that turn
the direction of writing, a text that looks like a number. Lines of a text are set in, so that none of them can pass for another
argument.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from orchestrator_bridge.text import clean

_DEEPEST = 8
_STEP = "  "
_PLAIN_NAME = re.compile(r"[\w$@.-]{1,80}")


def in_words(arguments: str) -> str:
    """Arguments (a JSON object) as lines of text; empty if there are none."""
    return "\n".join(_object(json.loads(arguments), 0))


def in_a_line(arguments: str) -> str:
    """The same, as short as it gets: `path: notes/plan.md, overwrite: true`."""
    return ", ".join(f"{name}: {_scalar(value)}" for name, value in json.loads(arguments).items())


def _object(value: dict[str, Any], depth: int) -> Iterator[str]:
    for name, one in value.items():
        yield from _entry(f"{name if _PLAIN_NAME.fullmatch(name) else _json(name)}:", one, depth)


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    """A name or a dash, with its value beside it or, where that takes several lines, below."""
    margin = _STEP * depth
    if isinstance(value, str) and "\n" in value and _honest(value):
        yield margin + head
        yield from (f"{margin}{_STEP}{line}" for line in value.split("\n"))
    elif isinstance(value, dict | list) and value and depth < _DEEPEST:
        yield margin + head
        below = _object(value, depth + 1) if isinstance(value, dict) else _items(value, depth + 1)
        yield from below
    else:
        yield f"{margin}{head} {_scalar(value)}"


def _items(value: list[Any], depth: int) -> Iterator[str]:
    for one in value:
        yield from _entry("-", one, depth)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and value and "\n" not in value and _honest(value) and not _looks_otherwise(value):
        return value
    return _json(value)


def _honest(text: str) -> bool:
    """Whether people see all of a text as it is; what ends a block of code would hide the rest."""
    return clean(text) == text and "```" not in text


def _looks_otherwise(text: str) -> bool:
    if text != text.strip() or text[0] in "\"'[{":
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json(value: Any) -> str:
    """JSON in which everything that people might not see is spelled out."""
    text = json.dumps(value, ensure_ascii=False)
    return text if _honest(text) else json.dumps(value).replace("`", "\\u0060")
