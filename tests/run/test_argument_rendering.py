"""The arguments of a tool as people read them before they approve: nothing hidden, nothing that passes for something else."""

from __future__ import annotations

import json

import pytest

from orchestrator_bridge.run.presentation.tools import format_arguments, format_arguments_inline


def test_each_argument_has_a_line_and_longer_texts_are_indented() -> None:
    arguments = {
        "path": "notes/plan.md",
        "text": "Call the baker.\nThen the band.",
        "options": {"overwrite": True, "tags": ["party", "2026"], "note": None},
        "nothing": [],
    }
    assert format_arguments(json.dumps(arguments)).split("\n") == [
        "path: notes/plan.md",
        "text:",
        "  Call the baker.",
        "  Then the band.",
        "options:",
        "  overwrite: true",
        "  tags:",
        "    - party",
        '    - "2026"',
        "  note: null",
        "nothing: []",
    ]


def test_no_text_looks_like_another_argument() -> None:
    shown = format_arguments(json.dumps({"text": "hello\npath: /tmp/harmless", "path": "/etc/passwd"}))
    assert [line for line in shown.split("\n") if line.startswith("path:")] == ["path: /etc/passwd"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("rm \u202egpj.x", '"rm \\u202egpj.x"'),
        ("a\u200bb", '"a\\u200bb"'),
        ("a\x1b[2Jb", '"a\\u001b[2Jb"'),
        ("tag\U000e0041", '"tag\\udb40\\udc41"'),
        ("```\n**bold**", '"\\u0060\\u0060\\u0060\\n**bold**"'),
        ("true", '"true"'),
        ("12", '"12"'),
        (" padded ", '" padded "'),
        ("", '""'),
        ("'quoted'", "\"'quoted'\""),
        (12, "12"),
        (True, "true"),
        ("Köln 🙂", "Köln 🙂"),
        ("\ud83d", '"\\ud83d"'),
    ],
)
def test_invisible_or_ambiguous_values_are_escaped(value: object, shown: str) -> None:
    assert format_arguments(json.dumps({"a": value})) == f"a: {shown}"


def test_odd_argument_names_are_escaped() -> None:
    assert format_arguments(json.dumps({"a: b\nc": 1})) == '"a: b\\nc": 1'


def test_deeply_nested_values_are_shown_as_json() -> None:
    value: object = 1
    for _ in range(20):
        value = {"a": value}
    lines = format_arguments(json.dumps({"a": value})).split("\n")
    assert len(lines) == 9
    assert lines[-1].strip().startswith('a: {"a": ')


def test_arguments_fit_on_one_line() -> None:
    assert format_arguments_inline(json.dumps({"url": "https://example.com", "raw": True, "more": {"a": 1}})) == (
        'url: https://example.com, raw: true, more: {"a": 1}'
    )
    assert format_arguments_inline("{}") == ""
