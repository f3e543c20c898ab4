"""Names of tools for models: distinct, and accepted by every provider."""

from __future__ import annotations

import re

import pytest

from orchestrator_bridge.tool.model import model_tool_name


def test_most_names_stay_unchanged() -> None:
    assert model_tool_name("files", "read_file") == "files__read_file"


@pytest.mark.parametrize(
    ("first", "other"),
    [
        (("files", "read"), ("mail", "read")),
        (("files", "a.b"), ("files", "a_b")),
        (("files", "x" * 200), ("files", "x" * 201)),
        (("a", "b__c"), ("a__b", "c")),
        (("a", "_b"), ("a_", "b")),
        (("long-" * 6, "t" * 80), ("long-" * 6 + "x", "t" * 80)),
    ],
)
def test_different_tools_have_different_names(first: tuple[str, str], other: tuple[str, str]) -> None:
    assert model_tool_name(*first) != model_tool_name(*other)


@pytest.mark.parametrize("name", ["a.b", "a b", "ü", "", "x" * 200, "read file/now!", "\u202eevil"])
def test_every_name_is_accepted_by_every_provider(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", model_tool_name("files", name))
