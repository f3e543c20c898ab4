"""Repair of tool calls whose meaning is plain although their form is not. Pure functions.

What could mean two things stays as it is: the agent then reads what was wrong and calls again.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

_TRAILING_MARK = re.compile(r"<[|/｜].*", re.DOTALL)
"""Special tokens behind a name, as gpt-oss writes them: `new_answer<|channel|>commentary`."""

_CALL_NUMBER = re.compile(r":\d+$")
"""Number behind a name, as Kimi writes it: `functions.new_answer:0`."""

_SEPARATORS = re.compile(r"[.:/]|__")
_PREFIX = re.compile(r"\A(?:(?:default_)?api|mcp|tools?|functions?|fn|call|team)_+", re.IGNORECASE)
_SUFFIX = re.compile(r"_+(?:tool|function)\Z", re.IGNORECASE)
_DECORATION = " \t\r\n`'\"()*"

_SPACE = re.compile(r"\s*")
_FENCE = re.compile(r"\A\s*```\w*\s*")
_REST = re.compile(r"\A(?:\s|```|</?[\w=:.-]+>|<\|[^|>]*\|>|\])*\Z")
"""Text behind the arguments that means nothing: the end of a fence or of a mark."""

_WRAPPERS = ("arguments", "parameters", "args", "kwargs", "input", "params")
"""Names under which models put the arguments once more."""

_TYPES: Mapping[str, type] = {"array": list, "object": dict}

MOST_ENCODED = 3
"""Times that arguments may be encoded as a text."""

MOST_LITERAL = 100_000
"""Characters of a Python literal that are parsed: its parser takes much memory."""


def repair_name(name: str, declared: Collection[str]) -> str:
    """The declared tool that a call means: without prefixes, special tokens, decoration and case; else the name, trimmed."""
    if name in declared:
        return name
    trimmed = _TRAILING_MARK.sub("", name).strip(_DECORATION)
    unnumbered = _CALL_NUMBER.sub("", trimmed)
    for candidate in (trimmed, unnumbered, *_shorter_names(unnumbered)):
        if candidate in declared:
            return candidate
        alike = [tool for tool in declared if _folded(tool) == _folded(candidate)]
        if candidate and len(alike) == 1:
            return alike[0]
    # A tool of a server without its server's name.
    of_servers = [tool for tool in declared if "__" not in trimmed and tool.partition("__")[2] == trimmed]
    return of_servers[0] if len(of_servers) == 1 else trimmed or name


def _shorter_names(name: str) -> Iterator[str]:
    """The name without its prefixes, one after the other, as in `mcp__team__vote` or `default_api.vote`, and without a suffix."""
    for shorter in (name, _SUFFIX.sub("", name)):
        yield from (shorter[mark.end() :].strip(_DECORATION) for mark in _SEPARATORS.finditer(shorter))
        yield _PREFIX.sub("", shorter)
        yield shorter


def _folded(name: str) -> str:
    return re.sub(r"[-_.:/]", "", name.casefold())


def repair_arguments(raw: str, schema: Mapping[str, Any] | None = None) -> str:
    """A JSON object as text, if that is what the arguments mean; else the arguments, unchanged.

    With the tool's schema its arguments are also found inside of a wrapper, and values that are encoded twice are decoded.
    """
    if not raw.strip():
        return raw
    value = _decoded(raw)
    for _ in range(MOST_ENCODED):
        value = _decoded(value) if isinstance(value, str) else value
    if value is None:
        value = decode_object(_FENCE.sub("", raw))
    if not isinstance(value, dict):
        return raw
    meant = _plain(value, schema or {})
    return raw if meant == _decoded(raw) else json.dumps(meant)


def _plain(value: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments without a wrapper that the tool does not have, and with values of the schema's types."""
    properties: Mapping[str, Any] = schema.get("properties") or {}
    while properties and len(value) == 1 and not value.keys() & properties.keys():
        (key,) = value
        inner = _decoded(value[key]) if isinstance(value[key], str) else value[key]
        if key not in _WRAPPERS or not isinstance(inner, dict):
            break
        value = inner
    return {key: _of_type(entry, properties.get(key)) for key, entry in value.items()}


def _of_type(value: Any, schema: object) -> Any:
    """A list or an object that is encoded as a text, decoded; every other value as it is."""
    expected = _TYPES.get(str(schema.get("type"))) if isinstance(schema, Mapping) else None
    decoded = _decoded(value) if expected and isinstance(value, str) else value
    return decoded if expected and isinstance(decoded, expected) else value


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
    begin = _SPACE.match(text, start)
    try:
        return json.JSONDecoder(strict=False).raw_decode(text, begin.end() if begin else start)
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
