"""Tool calls that a model writes into its text, apart from the words around them. Pure functions.

`tool_forms` lists the forms. An answer may also be about tool calls: what it quotes, or shows in a block of code, is part of its
text, and so is a call of an unknown function in an answer that may call none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from orchestrator_bridge.model.interface import Request
from orchestrator_bridge.model.tool_forms import UNREADABLE, Declared, Passage, WrittenCall, find_calls, unreadable_calls

_SPECIAL = r"<[|｜][^<>\n]{1,40}?[|｜]?>"
_ENDS = re.compile(
    rf"\A(?:\s|```|</[\w:=|｜‖ ]{{1,40}}>|<\|close\|>\w+<\|sep\|>|{_SPECIAL}|<tool_call\|>|<end_function_call>|[,;](?=\s*<))*"
)
_BEGINNINGS = re.compile(
    r"(?:<[|｜‖]*(?:DSML[|｜‖]+)?(?:\w+:)?(?:tool_?calls?|function_calls?)>|<\|tool_calls_section_begin\|>|<\|open\|>tools<\|sep\|>"
    r"|<｜tool[▁_]calls?[▁_]begin｜>|```(?:json|xml|tool_call|tool_code|python)?)\s*\Z",
    re.IGNORECASE,
)

_MARKS = ("[TOOL_CALLS]", "tool_call", "toolcall", "<function", "function_call", "invoke", "<|", "tool▁call", "to=", "{", "(")
"""Texts of which a written call has at least one: the search is skipped for all other answers."""


def extract_calls(text: str, request: Request) -> tuple[str, tuple[WrittenCall, ...]]:
    """The text without the tool calls that it contains, and these calls, first one first."""
    if not any(mark in text for mark in _MARKS):
        return text, ()
    declared = {tool.name: tool.parameters for tool in request.callable_tools}
    passages = _first_of_each(find_calls(text, declared))
    passages = _first_of_each([*passages, *unreadable_calls(text, passages)])
    meant = [passage for passage in passages if _is_meant(passage, text, request, declared)]
    return _without(text, meant), tuple(call for passage in meant for call in passage.calls)


def _first_of_each(found: Iterable[Passage]) -> list[Passage]:
    """The passages by place, without those inside of another: one may be found in several ways."""
    kept: list[Passage] = []
    for passage in sorted(found, key=lambda passage: (passage.start, -passage.end)):
        if not kept or passage.start >= kept[-1].end:
            kept.append(passage)
    return kept


def _is_meant(passage: Passage, text: str, request: Request, declared: Declared) -> bool:
    """True unless the answer only shows the calls."""
    before, names = text[: passage.start], {call.name for call in passage.calls}
    if before.endswith(("`", '"', "'")) and not before.endswith("```"):
        return False
    if before.count("```") % 2 == 1 and not (declared.keys() >= names and _BEGINNINGS.search(before)):
        return False
    known = {tool.name for tool in request.tools}
    return bool(declared) or not known or bool(names & {*known, UNREADABLE})


def _without(text: str, passages: Sequence[Passage]) -> str:
    """The text between the calls, without the marks at their ends."""
    kept, position = [], 0
    for passage in passages:
        between = text[position : passage.start]
        while beginning := _BEGINNINGS.search(between):
            between = between[: beginning.start()]
        kept.append(between)
        end = _ENDS.match(text[passage.end :])
        position = passage.end + (end.end() if end else 0)
    return text if not passages else "".join((*kept, text[position:])).strip()
