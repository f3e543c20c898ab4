"""Behaviours of the fake model server: pure functions of the request that play the usual course of a run."""

from __future__ import annotations

import hashlib
from typing import Any

from tests.support.fake_models.replies import Asked, Behaviour, Play, ToolUse

QUESTION = "Which database shall we use?"
"""Question of `asking_player`."""


def team_player(asked: Asked) -> Play:
    """Answer while there is nothing to vote for, then vote for the first label; without tools, write text.

    N agents that play this make 2N+1 calls: one answer each, one vote each, the final text.
    """
    if "vote" in asked.tools:
        return Play(tool_calls=[ToolUse(name="vote", arguments=vote_for(first_label(asked)))])
    if "new_answer" in asked.tools:
        return Play(tool_calls=[ToolUse(name="new_answer", arguments={"content": f"Answer {who(asked)}: begin small."})])
    return Play(text=f"Text {who(asked)}: we begin small.")


def asking_player(asked: Asked) -> Play:
    """Ask people one question first and wait for its outcome, then go on as `team_player`."""
    if "ask_others" in asked.tools and not has_called(asked, "ask_others"):
        return Play(tool_calls=[ToolUse(name="ask_others", arguments=question())])
    return team_player(asked)


def asks_if(*words: str) -> Behaviour:
    """Behaviour in which an agent asks only if its first message contains one of the words."""

    def player(asked: Asked) -> Play:
        first = str(asked.messages[0].get("content")) if asked.messages else ""
        return (asking_player if any(word in first for word in words) else team_player)(asked)

    return player


def question(*, wait: bool = True, question: str = QUESTION) -> dict[str, Any]:
    """Arguments of a question with two options, the first recommended."""
    return {
        "question": question,
        "context": "Both would do; the choice is hard to take back.",
        "kind": "choice",
        "options": [
            {"id": "postgres", "label": "PostgreSQL", "description": "More to run, grows further", "recommended": True},
            {"id": "sqlite", "label": "SQLite", "description": "Nothing to run", "recommended": False},
        ],
        "assumption": "I take PostgreSQL.",
        "wait": wait,
    }


def vote_for(label: str) -> dict[str, Any]:
    """Arguments of a vote."""
    return {"agent_id": label, "reason": "It begins small."}


def first_label(asked: Asked) -> str:
    """First label that the tool `vote` accepts."""
    labels = asked.tools["vote"]["properties"]["agent_id"]["enum"]
    return str(labels[0])


def has_called(asked: Asked, tool: str) -> bool:
    """True if the agent has called this tool in the conversation."""
    calls = (call for message in asked.messages for call in message.get("tool_calls") or ())
    return any(call["function"]["name"] == tool for call in calls)


def who(asked: Asked) -> str:
    """Short name of the agent, equal in all its requests: a digest of its first message (the persona)."""
    first = str(asked.messages[0].get("content")) if asked.messages else ""
    return hashlib.sha256(first.encode("utf-8", "replace")).hexdigest()[:6]


PLAYERS: dict[str, Behaviour] = {"team": team_player, "asking": asking_player}
"""Behaviours by their names on the command line."""
