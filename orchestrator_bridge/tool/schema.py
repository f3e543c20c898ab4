"""Normalisation of a tool's JSON schema into the subset that every model provider accepts.

A schema goes to the models unchanged, except where a provider is known to refuse it. A refused schema would cost an agent every
call that it makes, so the rules are the strictest ones of all providers:

1. The top level is an object (OpenAI, Anthropic). `anyOf`, `oneOf` and `allOf` at the top are merged into one object with the
   properties of all branches. A property is required if every branch requires it, or any branch of an `allOf`. Other keywords
   that restrict the top level are removed.
2. A property whose name is not 1 to 64 of `A-Z a-z 0-9 _ . -` (Anthropic) moves into the tool's description.
3. An array has `items`, if only an empty schema (OpenAI); `required` names only existing properties (Gemini); an empty `enum` is
   removed.
4. A schema longer than 20,000 characters, nested deeper than 20, or with a `$ref` that is recursive or unresolvable (Gemini)
   becomes an object that accepts anything; the tool's description lists the argument names.

Sources: the references for tool definitions of OpenAI and Anthropic and the errors of their APIs; Gemini's list of keywords that
`parameters` supports. The tool server itself still validates every call against its original schema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from orchestrator_bridge.common.text import listed

MAX_LENGTH = 20_000
"""Characters of one schema as JSON."""

MAX_DEPTH = 20
_MAX_MERGE_DEPTH = 4
"""References and joins at the top level that are followed into one another."""

MAX_BRANCHES = 50
"""Branches of a join at the top level, and argument names in a description; further ones are dropped."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_JOINS = ("allOf", "anyOf", "oneOf")
_NOT_AT_TOP = (*_JOINS, "$ref", "enum", "const", "not", "if", "then", "else", "dependentRequired", "dependentSchemas")
_VALUE_KEYWORDS = ("enum", "const", "default", "examples", "example")
"""Keywords that hold values instead of schemas."""

Schema = dict[str, Any]


def normalise_schema(given: Schema) -> tuple[Schema, str]:
    """Return the schema for the models and a text to append to the tool's description (empty if nothing was lost)."""
    if _is_too_long(given) or _is_unsafe(given, given, (), set()):
        names = [str(name) for name in _dict(given.get("properties"))][:MAX_BRANCHES]
        note = f"Its schema is too large or too deep to be shown; its arguments are {listed(names)}." if names else ""
        return _any_object(), note
    return _move_refused_names(_sanitise(_merge_top_level(given, given, 0)))


def _is_too_long(given: Schema) -> bool:
    try:
        return len(json.dumps(given)) > MAX_LENGTH
    except RecursionError:
        return True


def _is_unsafe(schema: Any, root: Schema, path: tuple[str, ...], safe: set[str], depth: int = 0) -> bool:
    """True if a schema is too deep, or has a reference that is recursive or unresolvable.

    `path` holds the references that lead here: meeting one of them again is a recursion. `safe` collects references that were
    checked already, so that a definition used many times is walked once.
    """
    # A level of properties takes two levels of JSON: the `properties` table, and the schema in it.
    if depth > 2 * MAX_DEPTH:
        return True
    if isinstance(schema, list):
        return any(_is_unsafe(item, root, path, safe, depth + 1) for item in schema)
    if not isinstance(schema, dict):
        return False
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference not in safe:
        target = None if reference in path else _resolve_reference(reference, root)
        if target is None or _is_unsafe(target, root, (*path, reference), safe, depth + 1):
            return True
        safe.add(reference)
    return any(
        _is_unsafe(value, root, path, safe, depth + 1) for keyword, value in schema.items() if keyword not in _VALUE_KEYWORDS
    )


def _resolve_reference(reference: Any, root: Schema) -> Any:
    """Target of a reference within the schema, such as `#/$defs/Item`; None if it leads nowhere or out of the schema."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    target: Any = root
    for step in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        name = step.replace("~1", "/").replace("~0", "~")
        target = target.get(name) if isinstance(target, dict) else None
    return target


def _any_object() -> Schema:
    return {"type": "object", "properties": {}, "additionalProperties": True}


def _merge_top_level(given: Any, root: Schema, depth: int) -> Schema:
    """Merge references and joins at the top level into one object (rule 1)."""
    if not isinstance(given, dict) or depth > _MAX_MERGE_DEPTH:
        return _any_object()
    if "$ref" in given:
        # References below the top still point into the definitions.
        definitions: Schema = {name: root[name] for name in ("$defs", "definitions") if name in root}
        return {**_merge_top_level(_resolve_reference(given["$ref"], root), root, depth + 1), **definitions}
    merged = {keyword: value for keyword, value in given.items() if keyword not in _NOT_AT_TOP}
    properties, required = dict(_dict(given.get("properties"))), _names(given.get("required"))
    for join in _JOINS:
        branches = [_merge_top_level(branch, root, depth + 1) for branch in _list(given.get(join))[:MAX_BRANCHES]]
        for branch in branches:
            properties = {**branch["properties"], **properties}
        required += _required_by_branches(join, branches)
    if given.get("type") != "object" and not properties:
        merged["additionalProperties"] = True
    merged |= {"type": "object", "properties": properties}
    merged["required"] = required
    return {keyword: value for keyword, value in merged.items() if value or keyword != "required"}


def _required_by_branches(join: str, branches: Sequence[Schema]) -> list[str]:
    required = [set(_names(branch.get("required"))) for branch in branches]
    if not required:
        return []
    return sorted(set.union(*required) if join == "allOf" else set.intersection(*required))


def _move_refused_names(top: Schema) -> tuple[Schema, str]:
    """Move arguments with names that providers refuse into the description; calls may still pass them (rule 2)."""
    refused = {name: schema for name, schema in top["properties"].items() if not _NAME.fullmatch(str(name))}
    if not refused:
        return top, ""
    accepted = {name: schema for name, schema in top["properties"].items() if name not in refused}
    reduced = {**top, "properties": accepted, "additionalProperties": True}
    if "required" in reduced:
        reduced["required"] = [name for name in reduced["required"] if name in accepted]
    return reduced, f"It also takes these arguments, by just these names: {json.dumps(refused, ensure_ascii=False)}"


def _sanitise(schema: Any) -> Any:
    """Apply rule 3 at every level."""
    if isinstance(schema, list):
        return [_sanitise(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    clean = {
        keyword: _sanitise_value(keyword, value) for keyword, value in schema.items() if not (keyword == "enum" and not value)
    }
    kind = clean.get("type")
    is_array = kind == "array" or (isinstance(kind, list) and "array" in kind)
    if is_array and "items" not in clean and "prefixItems" not in clean:
        clean["items"] = {}
    if "properties" in clean and "required" in clean:
        clean["required"] = [name for name in dict.fromkeys(_names(clean["required"])) if name in clean["properties"]]
    return clean


def _sanitise_value(keyword: str, value: Any) -> Any:
    if keyword in _VALUE_KEYWORDS:
        return value
    if keyword in ("properties", "$defs", "definitions", "patternProperties"):
        return {name: _sanitise(schema) for name, schema in _dict(value).items()}
    return _sanitise(value)


def _dict(value: Any) -> Schema:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(value: Any) -> list[str]:
    return [name for name in _list(value) if isinstance(name, str)]
