"""What the models of the benchmarks say: plain functions of a request, with the standard library only.

A model's name says how it plays: `quick` and `slow` answer, vote for the first label and write; `asking` asks people a question
first. Moments are written into what is said, by the clock of `perf_counter`, which the processes of a machine share: the context
of a question holds the moment at which the model asked it, and an answer the moment at which the request for it arrived.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

THINKING_SECONDS: Mapping[str, float] = {"quick": 0.0, "slow": 0.2, "asking": 0.0}
"""Seconds that each model takes to answer."""

ANSWER = "Begin with the smallest thing that works, measure it, and only then decide what comes next. " * 6
"""About as much as a short answer of a real model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptedReply:
    """What a model says: the use of a tool, or a text where `tool` is empty."""

    tool: str = ""
    arguments: Mapping[str, Any] | None = None
    text: str = ""

    @property
    def raw(self) -> str:
        """The arguments as a model writes them."""
        return json.dumps(self.arguments)


def scripted_reply(body: Mapping[str, Any], now: float) -> ScriptedReply:
    """What the model that a request names says to it; `now` is when the request arrived."""
    tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in body.get("tools") or ()}
    if "vote" in tools:
        label = tools["vote"]["properties"]["agent_id"]["enum"][0]
        return ScriptedReply(tool="vote", arguments={"agent_id": label, "reason": "It is the smallest one."})
    if body["model"] == "asking" and not any(message["role"] == "tool" for message in body["messages"]):
        return _question(now)
    if "new_answer" in tools:
        return ScriptedReply(tool="new_answer", arguments={"content": f"{now!r}\n\n{ANSWER}"})
    return ScriptedReply(text=ANSWER)


def _question(now: float) -> ScriptedReply:
    options = [
        {"id": "postgres", "label": "PostgreSQL", "description": "More to run, grows further", "recommended": True},
        {"id": "sqlite", "label": "SQLite", "description": "Nothing to run"},
    ]
    asked = {"question": "Which database shall we use?", "kind": "choice", "options": options, "assumption": "PostgreSQL."}
    return ScriptedReply(tool="ask_others", arguments={**asked, "context": repr(now)})
