"""Behaviours of the fake model server: pure functions of the request that play the usual course of a run."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from typing import Any

from tests.support.fake_models.replies import Behaviour, ModelCall, ScriptedReply, ToolUse

QUESTION = "Which database shall we use?"
"""Question of `asking_player`."""


_LABEL = re.compile(r'<answer label="([^"]+)"')
_ACT = re.compile(r"^(?:Give your answer\.|Vote for the best answer\b.*)$", re.MULTILINE)


def team_behaviour(asked: ModelCall) -> ScriptedReply:
    """Answer while there is nothing to vote for, then vote for the first label; without tools, write text.

    N agents that play this make 2N+1 calls: one answer each, one vote each, the final text.
    """
    if may_vote(asked):
        return ScriptedReply(tool_calls=[ToolUse(name="vote", arguments=vote_for(first_label(asked)))])
    if "new_answer" in asked.tools:
        return ScriptedReply(
            tool_calls=[ToolUse(name="new_answer", arguments={"content": f"Answer {agent_name(asked)}: begin small."})]
        )
    return ScriptedReply(text=f"Text {agent_name(asked)}: we begin small.")


def asking_behaviour(asked: ModelCall) -> ScriptedReply:
    """Ask people one question first and wait for its outcome, then go on as `team_player`."""
    if "ask_others" in asked.tools and not has_called(asked, "ask_others"):
        return ScriptedReply(tool_calls=[ToolUse(name="ask_others", arguments=question())])
    return team_behaviour(asked)


def ask_if(*words: str) -> Behaviour:
    """Behaviour in which an agent asks only if its first message contains one of the words."""

    def player(asked: ModelCall) -> ScriptedReply:
        first = str(asked.messages[0].get("content")) if asked.messages else ""
        return (asking_behaviour if any(word in first for word in words) else team_behaviour)(asked)

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


def first_label(asked: ModelCall) -> str:
    """Label of the oldest answer that the agent was shown; a newer answer under a label takes its place at the end."""
    newest = dict.fromkeys(reversed(_LABEL.findall(_text(asked))))
    return str(list(newest)[-1])


def may_vote(asked: ModelCall) -> bool:
    """True if a vote would be taken: there are answers, and the agent does not work alone."""
    text = _text(asked)
    act = (_ACT.findall(text) or [""])[-1]
    return "vote" in asked.tools and bool(_LABEL.search(text)) and act != "Give your answer."


def _text(asked: ModelCall) -> str:
    """The conversation without the rules, as one text."""
    return "\n".join(_words(message.get("content")) for message in asked.messages if message.get("role") != "system")


def _words(content: Any) -> str:
    """The text of a message: a string, or parts."""
    return "".join(str(part.get("text") or "") for part in content) if isinstance(content, list) else str(content or "")


def has_called(asked: ModelCall, tool: str) -> bool:
    """True if the agent has called this tool in the conversation."""
    calls = (call for message in asked.messages for call in message.get("tool_calls") or ())
    return any(call["function"]["name"] == tool for call in calls)


def agent_name(asked: ModelCall) -> str:
    """Short name of the agent, equal in all its requests: a digest of its first message (the persona)."""
    first = str(asked.messages[0].get("content")) if asked.messages else ""
    return hashlib.sha256(first.encode("utf-8", "replace")).hexdigest()[:6]


PLAYERS: dict[str, Behaviour] = {"team": team_behaviour, "asking": asking_behaviour}
"""Behaviours by their names on the command line."""


def written_tools(asked: ModelCall) -> dict[str, Any]:
    """The tools that a request describes in its system message, with the schemas of their arguments."""
    system = str(asked.messages[0]["content"]) if asked.messages else ""
    offered = re.findall(r"^- (\w+): .*?(\{.*\})$", system.partition("Your tools,")[2], re.MULTILINE)
    return {name: json.loads(schema) for name, schema in offered}


def writing(behaviour: Behaviour) -> Behaviour:
    """Behaviour of a model that writes its tool calls as JSON, of tools that are described to it in words."""

    def player(asked: ModelCall) -> ScriptedReply:
        play = behaviour(replace(asked, tools=written_tools(asked)))
        if not play.tool_calls:
            return play
        use = play.tool_calls[0]
        return ScriptedReply(text=json.dumps({"name": use.name, "arguments": json.loads(use.raw)}))

    return player
