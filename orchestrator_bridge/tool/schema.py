"""The schema of a tool's arguments as every provider takes it.

It goes to the models as it is, but for what some provider is known to refuse, which then costs an agent every call that it makes:

1. At the top stands an object (OpenAI, Anthropic): `anyOf`, `oneOf` and `allOf` there become one object with the properties of
   all of them; of what they require, what all require (`allOf`: what any requires). Other rules at the top are left out.
2. An argument whose name is not 1 to 64 of `A-Z a-z 0-9 _ . -` (Anthropic) stands in the tool's description instead.
3. A list says what it holds, if only "anything" (OpenAI); what is required is there (Gemini); an empty `enum` is none.
4. A schema of more than 20,000 characters, more than 20 deep, or with `$ref`s that lead into themselves or out of it (Gemini),
   becomes an object that takes anything, with the names of its arguments in the tool's description.

Sources: OpenAI's and Anthropic's references of tool definitions and the errors of their APIs; Gemini's list of the keywords that
`parameters` supports. The server itself judges the arguments of every call by the schema that it gave.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from orchestrator_bridge.common.text import listed

LONGEST = 20_000
"""Characters of one schema as JSON."""

MAX_DEPTH = 20
_STEPS = 4
"""References and joins at the top that are followed into one another."""

MOST_BRANCHES = 50
"""Of an `anyOf` at the top; what stands behind is left out, and so is a third one within another."""

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_JOINS = ("allOf", "anyOf", "oneOf")
_NOT_AT_TOP = (*_JOINS, "$ref", "enum", "const", "not", "if", "then", "else", "dependentRequired", "dependentSchemas")
_DATA = ("enum", "const", "default", "examples", "example")
"""What holds values, not schemas."""

Schema = dict[str, Any]


def normalise_schema(given: Schema) -> tuple[Schema, str]:
    """The schema for the models, and what the description says in addition."""
    if _too_large(given) or _is_unsafe(given, given, (), set()):
        return _any_object(_names_of(given))
    return _drop_refused_names(_sanitise(_merge_top_level(given, given, 0)))


def _too_large(given: Schema) -> bool:
    try:
        return len(json.dumps(given)) > LONGEST
    except RecursionError:
        return True


def _names_of(given: Schema) -> list[str]:
    return [str(name) for name in _dict(given.get("properties"))][:MOST_BRANCHES]


def _any_object(names: Sequence[str] = ()) -> tuple[Schema, str]:
    told = f"Its schema is too large or too deep to be shown; its arguments are {listed(names)}." if names else ""
    return {"type": "object", "properties": {}, "additionalProperties": True}, told


# The top ------------------------------------------------------------------------------------------------------------------


def _merge_top_level(given: Any, root: Schema, depth: int) -> Schema:
    """One object of all that stands at the top."""
    if not isinstance(given, dict) or depth > _STEPS:
        return _any_object()[0]
    if "$ref" in given:
        definitions: Schema = {name: root[name] for name in ("$defs", "definitions") if name in root}
        return {**_merge_top_level(_resolve_reference(given["$ref"], root), root, depth + 1), **definitions}
    made = {name: value for name, value in given.items() if name not in _NOT_AT_TOP}
    properties, required = dict(_dict(given.get("properties"))), _names(given.get("required"))
    for join in _JOINS:
        branches = [_merge_top_level(one, root, depth + 1) for one in _list(given.get(join))[:MOST_BRANCHES]]
        for branch in branches:
            properties = {**branch["properties"], **properties}
        required += _required_together(join, branches)
    if given.get("type") != "object" and not properties:
        made["additionalProperties"] = True
    made |= {"type": "object", "properties": properties}
    return {**made, "required": required} if required else {name: one for name, one in made.items() if name != "required"}


def _required_together(join: str, branches: Sequence[Schema]) -> list[str]:
    """What these branches require together."""
    demanded = [set(_names(branch.get("required"))) for branch in branches]
    if not demanded:
        return []
    return sorted(set.union(*demanded) if join == "allOf" else set.intersection(*demanded))


def _drop_refused_names(top: Schema) -> tuple[Schema, str]:
    """Arguments whose names providers refuse are taken out, told, and still taken."""
    odd = {name: one for name, one in top["properties"].items() if not _NAME.fullmatch(str(name))}
    if not odd:
        return top, ""
    rest = {name: one for name, one in top["properties"].items() if name not in odd}
    made = {**top, "properties": rest, "additionalProperties": True}
    if "required" in made:
        made["required"] = [name for name in made["required"] if name in rest]
    return made, f"It also takes these arguments, by just these names: {json.dumps(odd, ensure_ascii=False)}"


# Below --------------------------------------------------------------------------------------------------------------------


def _sanitise(one: Any) -> Any:
    """A schema in which nothing stands that a provider is known to refuse."""
    if isinstance(one, list):
        return [_sanitise(item) for item in one]
    if not isinstance(one, dict):
        return one
    made = {name: _sanitise_member(name, value) for name, value in one.items() if not (name == "enum" and not value)}
    if _is_list(made.get("type")) and "items" not in made and "prefixItems" not in made:
        made["items"] = {}
    if "properties" in made and "required" in made:
        made["required"] = [name for name in dict.fromkeys(_names(made["required"])) if name in made["properties"]]
    return made


def _sanitise_member(name: str, value: Any) -> Any:
    if name in _DATA:
        return value
    if name in ("properties", "$defs", "definitions", "patternProperties"):
        return {key: _sanitise(one) for key, one in _dict(value).items()}
    return _sanitise(value)


def _is_list(kind: Any) -> bool:
    return kind == "array" or (isinstance(kind, list) and "array" in kind)


def _is_unsafe(one: Any, root: Schema, on_the_way: tuple[str, ...], tame: set[str], depth: int = 0) -> bool:
    """Whether it is too deep, or holds a reference that leads into itself or nowhere; references known to be `tame` are not."""
    if depth > 2 * MAX_DEPTH:
        return True
    if isinstance(one, list):
        return any(_is_unsafe(item, root, on_the_way, tame, depth + 1) for item in one)
    if not isinstance(one, dict):
        return False
    where = one.get("$ref")
    if isinstance(where, str) and where not in tame:
        found = None if where in on_the_way else _resolve_reference(where, root)
        if found is None or _is_unsafe(found, root, (*on_the_way, where), tame, depth + 1):
            return True
        tame.add(where)
    return any(_is_unsafe(value, root, on_the_way, tame, depth + 1) for name, value in one.items() if name not in _DATA)


def _resolve_reference(where: Any, root: Schema) -> Any:
    """What a reference into the schema itself leads to (`#/$defs/Item`), or None."""
    if not isinstance(where, str) or not where.startswith("#"):
        return None
    found: Any = root
    for step in where.removeprefix("#").strip("/").split("/") if where != "#" else ():
        name = step.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _dict(value: Any) -> Schema:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(value: Any) -> list[str]:
    return [name for name in _list(value) if isinstance(name, str)]
