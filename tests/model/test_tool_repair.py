"""Repair of names and arguments of tool calls."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_bridge.model.tool_repair import repair_arguments, repair_name

DECLARED = ("new_answer", "vote", "files__read_file")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("new_answer", "new_answer"),
        ("functions.new_answer", "new_answer"),
        ("functions:vote", "vote"),
        ("functions.vote:3", "vote"),
        ("tools/vote", "vote"),
        ("new_answer<|channel|>commentary", "new_answer"),
        (" new_answer\n", "new_answer"),
        ("`vote`", "vote"),
        ("vote()", "vote"),
        ("NewAnswer", "new_answer"),
        ("new-answer", "new_answer"),
        ("functions.files__read_file", "files__read_file"),
        ("mcp__team__vote", "vote"),
        ("tool_vote", "vote"),
        ("default_api.vote", "vote"),
        ("functions.vote:0", "vote"),
        ("vote_tool", "vote"),
        ("mcp__files__read_file", "files__read_file"),
        ("functions.files.read_file", "files__read_file"),
        ("read_file", "files__read_file"),
        ("mail__read_file", "mail__read_file"),
        ("upvote", "upvote"),
        ("unknown", "unknown"),
        ("functions.unknown", "functions.unknown"),
        ("", ""),
    ],
)
def test_a_name_is_repaired_to_a_declared_tool(written: str, meant: str) -> None:
    assert repair_name(written, DECLARED) == meant


@pytest.mark.parametrize(
    "written",
    [
        '{"content": "a\\nb"}',
        '{"content": "a\nb"}',
        '```json\n{"content": "a\\nb"}\n```',
        '```\n{"content": "a\nb"}',
        '{"content": "a\\nb"}</tool_call>',
        '{"content": "a\\nb"}\n</tool_call>\n',
        '{"content": "a\\nb"}<|call|>',
        "{'content': 'a\\nb'}",
        '{"content": "a\\nb",}',
        json.dumps('{"content": "a\\nb"}'),
        json.dumps(json.dumps('{"content": "a\\nb"}')),
    ],
)
def test_arguments_whose_meaning_is_plain_are_repaired(written: str) -> None:
    assert json.loads(repair_arguments(written)) == {"content": "a\nb"}


SCHEMA = {"type": "object", "properties": {"question": {"type": "string"}, "options": {"type": "array"}}}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"arguments": {"question": "a"}}, {"question": "a"}),
        ({"parameters": json.dumps({"question": "a"})}, {"question": "a"}),
        ({"args": {"arguments": {"question": "a"}}}, {"question": "a"}),
        ({"question": "a", "options": '[{"id": "b"}]'}, {"question": "a", "options": [{"id": "b"}]}),
        ({"question": "[1]", "options": "none"}, {"question": "[1]", "options": "none"}),
        ({"other": {"question": "a"}}, {"other": {"question": "a"}}),
    ],
)
def test_arguments_in_a_wrapper_or_encoded_twice_are_repaired_by_the_tools_schema(written: object, meant: object) -> None:
    assert json.loads(repair_arguments(json.dumps(written), SCHEMA)) == meant


def test_a_wrapper_that_the_tool_itself_has_is_an_argument() -> None:
    schema = {"type": "object", "properties": {"input": {"type": "object"}}}
    assert json.loads(repair_arguments('{"input": {"a": 1}}', schema)) == {"input": {"a": 1}}


@pytest.mark.parametrize(
    "written",
    ["", '{"content": "half', '{"content": "a"} {"content": "b"}', '{"a": 1} and more', "oops", "[1]", "{" * 9999, "{x: 1}"],
)
def test_arguments_that_could_mean_several_things_stay_as_they_are(written: str) -> None:
    assert repair_arguments(written) == written


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_a_json_object_passes_unchanged(value: dict[str, object]) -> None:
    assert repair_arguments(json.dumps(value)) == json.dumps(value)


@given(st.text())
def test_no_text_fails_the_repair(text: str) -> None:
    repair_name(text, DECLARED)
    repair_arguments(text)
