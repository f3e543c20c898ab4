"""Schemas as every provider takes them, and as they are where nothing speaks against it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_bridge.tool.schema import MAX_LENGTH, Schema, normalise_schema

TEXT = {"type": "string"}
ANYTHING = {"type": "object", "properties": {}, "additionalProperties": True}


def test_a_usual_schema_stays_unchanged() -> None:
    given = {
        "type": "object",
        "title": "Arguments",
        "properties": {
            "path": {**TEXT, "description": "Where."},
            "item": {"$ref": "#/$defs/Item"},
            "mode": {"anyOf": [TEXT, {"type": "null"}], "default": None},
            "tags": {"type": "array", "items": TEXT},
        },
        "required": ["path"],
        "$defs": {"Item": {"type": "object", "properties": {"name": TEXT}}},
    }
    assert normalise_schema(given) == (given, "")


@pytest.mark.parametrize("given", [{}, {"type": "string"}, {"type": ["object", "null"]}, {"properties": [1]}])
def test_a_schema_of_no_object_accepts_anything(given: Schema) -> None:
    schema, _ = normalise_schema(given)
    assert (schema["type"], schema["properties"], schema["additionalProperties"]) == ("object", {}, True)


def test_alternatives_at_the_top_are_merged_into_one_object() -> None:
    by_name = {"type": "object", "properties": {"name": TEXT, "all": {"type": "boolean"}}, "required": ["name", "all"]}
    by_id = {"type": "object", "properties": {"id": {"type": "integer"}, "all": {"type": "boolean"}}, "required": ["id", "all"]}
    schema, _ = normalise_schema({"oneOf": [by_name, by_id]})
    assert schema["type"] == "object"
    assert set(schema["properties"]) == {"name", "id", "all"}
    assert schema["required"] == ["all"]
    assert "oneOf" not in schema


def test_all_of_at_the_top_requires_what_any_branch_requires() -> None:
    base = {"properties": {"a": TEXT}, "required": ["a"]}
    schema, _ = normalise_schema({"allOf": [{"$ref": "#/$defs/Base"}, {"properties": {"b": TEXT}}], "$defs": {"Base": base}})
    assert set(schema["properties"]) == {"a", "b"}
    assert schema["required"] == ["a"]


def test_a_reference_at_the_top_is_followed() -> None:
    schema, _ = normalise_schema(
        {"$ref": "#/definitions/Args", "definitions": {"Args": {"type": "object", "properties": {"a": TEXT}}}}
    )
    assert schema["properties"] == {"a": TEXT}
    assert "$ref" not in schema


def test_arguments_with_refused_names_move_into_the_description() -> None:
    schema, note = normalise_schema(
        {"type": "object", "properties": {"$filter": TEXT, "top": TEXT}, "required": ["$filter", "top"]}
    )
    assert schema == {"type": "object", "properties": {"top": TEXT}, "required": ["top"], "additionalProperties": True}
    assert '"$filter": {"type": "string"}' in note


def test_arrays_get_items_and_required_names_exist() -> None:
    given = {
        "type": "object",
        "properties": {
            "rows": {"type": "array"},
            "one": {"type": "object", "properties": {"a": TEXT}, "required": ["a", "b"]},
            "none": {"type": "string", "enum": []},
        },
    }
    schema, _ = normalise_schema(given)
    assert schema["properties"]["rows"]["items"] == {}
    assert schema["properties"]["one"]["required"] == ["a"]
    assert "enum" not in schema["properties"]["none"]


def test_values_in_a_schema_are_not_treated_as_schemas() -> None:
    given = {"type": "object", "properties": {"a": {"default": {"type": "array", "enum": []}, "const": {"$ref": "#/nowhere"}}}}
    assert normalise_schema(given)[0] == given


def _deep(levels: int) -> Schema:
    nested: Schema = TEXT
    for _ in range(levels):
        nested = {"type": "object", "properties": {"a": nested}}
    return nested


def _explosive() -> Schema:
    """Each definition names the next one twice: written out it would be two thousand times as long."""
    definitions = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(11)}
    return {"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "$defs": {**definitions, "d11": TEXT}}


TREE = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}
WILD: dict[str, Schema] = {
    "too long": {"type": "object", "properties": {"a": {**TEXT, "description": "x" * MAX_LENGTH}}},
    "too deep": _deep(50),
    "far too deep": _deep(5_000),
    "leads into itself": {"type": "object", "properties": {"tree": {"$ref": "#/$defs/Tree"}}, "$defs": {"Tree": TREE}},
    "leads into the whole": {"type": "object", "properties": {"a": {"$ref": "#"}}},
    "leads out": {"type": "object", "properties": {"a": {"$ref": "https://example.com/schema.json"}}},
    "leads nowhere": {"type": "object", "properties": {"a": {"$ref": "#/$defs/Gone"}}},
}


@pytest.mark.parametrize("given", WILD.values(), ids=WILD)
def test_an_unreadable_schema_accepts_anything_and_names_its_arguments(given: Schema) -> None:
    schema, note = normalise_schema(given)
    assert schema == ANYTHING
    assert next(iter(given["properties"])) in note


def test_many_references_to_one_definition_are_checked_once() -> None:
    given = _explosive()
    assert normalise_schema(given)[0] == given


@pytest.mark.parametrize("odd", [None, 7, "text", [], [[]], {"properties": None}, {"required": "a", "anyOf": 3}, {"$ref": 7}])
def test_invalid_values_anywhere_in_a_schema_are_tolerated(odd: Any) -> None:
    for given in ({"type": "object", "properties": {"a": odd}}, {"anyOf": [odd]}, {"properties": odd}, {"$defs": odd}):
        json.dumps(normalise_schema(given))
