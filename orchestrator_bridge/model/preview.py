"""Preview of an answer while it is written: text that people may read already.

Reasoning between marks never arrives here (`reasoning_marks.ReasoningFilter`). What is left are tool calls written as text, which
are no part of an answer, and reasoning without an opening mark: some chat templates hold that mark, so that only its end tells
what the text before it was.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator_bridge.model.catalogue.providers import is_local
from orchestrator_bridge.model.reasoning_marks import CLOSING
from orchestrator_bridge.model.route_memory import route_key

if TYPE_CHECKING:
    from orchestrator_bridge.model.catalogue import Route
    from orchestrator_bridge.model.interface import OnDelta, Request, Response


_CALL_MARKS = (
    *("<tool_call", "<toolcall", "<tool_use", "<function=", "<function ", "<function_call", "<start_function_call", "<invoke"),
    *("<minimax:tool_call", "<seed:tool_call", "<longcat_tool_call", "<steptml:", "<atem:", "<|", "<｜", "<‖", "[TOOL_CALLS]"),
    *("functools[", "```tool_code", "```tool_call"),
)
_CALL = re.compile(r"(?<![`\"'])(?:" + "|".join(map(re.escape, _CALL_MARKS)) + ")", re.IGNORECASE)
_BARE_CALL = re.compile(r"\A\s*(?:```\w*\s*)?[{\[]")
"""Beginning of an answer that may be a call without a mark; a text for people hardly ever begins so."""
_BEGUN_BARE_CALL = re.compile(r"\A\s*(?:`{0,2}|```\w*\s*)\Z")
_LONGEST_CLOSING = 64
"""Characters of the longest mark that ends reasoning, spaces inside of it included."""
_LONGEST_MARK = max(map(len, _CALL_MARKS))


class ReasoningHabits:
    """Routes whose answers begin in the middle of reasoning. A local server's is taken to, until an answer shows otherwise."""

    def __init__(self) -> None:
        self._begins: dict[str, bool] = {}

    def learn(self, route: Route, request: Request, response: Response) -> None:
        """Remember how an answer began. A schema forbids all reasoning, so such an answer says nothing."""
        if request.tool_mode != "schema":
            self._begins[route_key(route)] = response.begins_in_reasoning

    def begins_in_reasoning(self, route: Route) -> bool:
        """True if the next answer of a route may begin in reasoning."""
        return is_local(route) and self._begins.get(route_key(route), True)


class Preview:
    """Passes the pieces of one answer on to `on_delta` as far as people may read them.

    With `in_reasoning` nothing is passed on before a mark ends the reasoning: then the text is seen once it is whole.
    """

    def __init__(self, on_delta: OnDelta, *, in_reasoning: bool) -> None:
        self._on_delta = on_delta
        self._in_reasoning = in_reasoning
        self._in_call = False
        self._held = ""
        self._last = ""
        """The last character that was passed on: a mark behind a quotation mark is only quoted."""

    def add(self, piece: str) -> None:
        """Add a piece of the text; an empty one tells that something else arrived."""
        self._on_delta(self._visible(piece))

    def _visible(self, piece: str) -> str:
        if self._in_call:
            return ""
        self._held += piece
        if self._in_reasoning:
            *_, end = (0, *(mark.end() for mark in CLOSING.finditer(self._held)))
            if not end:
                self._held = self._held[-_LONGEST_CLOSING:]
                return ""
            self._in_reasoning, self._held = False, self._held[end:].lstrip()
        if not self._last:
            self._in_call = _BARE_CALL.match(self._held) is not None
            if self._in_call or _BEGUN_BARE_CALL.match(self._held):
                return ""
        if mark := _CALL.search(self._last + self._held):
            self._in_call = True
            return self._held[: mark.start() - len(self._last)]
        # The end of the text may be the beginning of a mark.
        kept = next((size for size in range(_LONGEST_MARK, 0, -1) if _begins_mark(self._held[-size:], size)), 0)
        cut = len(self._held) - kept
        visible, self._held = self._held[:cut], self._held[cut:]
        self._last = visible[-1:] or self._last
        return visible


def _begins_mark(end: str, size: int) -> bool:
    return len(end) == size and any(mark.lower().startswith(end.lower()) for mark in _CALL_MARKS)
