"""What a played model finds in a conversation: the task, others' answers, its own tool uses, how its question ended.

It reads the conversation as `run/prompts.py` and `question/tell.py` write it, and nothing else is known to it: so a script goes
on after a restart where it stood.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_bridge.model.interface import Message, Request

SHORT_TASK, SHORT_REPLY = 120, 500
"""Characters of the task, and of what somebody said, that are quoted."""

_TASK = re.compile(r"\AThe task:\s*(.*)", re.DOTALL)
_ANSWER = re.compile(r'<answer label="([^"]+)"[^>]*?(?:/>|>\n(.*?)\n</answer>)', re.DOTALL)
_OWN = re.compile(r'<answer label="([^"]+)" \(your own|Your answer stands as (\S+?)\.?$', re.MULTILINE)
_GUIDANCE = re.compile(r'<guidance by="[^"]*">\n(.*?)\n</guidance>', re.DOTALL)
_LATE = re.compile(r"^A late reply (?:by|from) [^\n]*:\n\n(.*?)(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedQuestion:
    """How the agent's last question ended; all empty while none has."""

    decision: str = ""
    choice: str = ""
    decided_by: str = ""
    replies: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptConversation:
    """A request as a script sees it. `turn` says which of the agent's turns is next, from 1."""

    agent: str
    turn: int
    last: Message
    heard: str
    """All that others said to the agent, in one text."""
    task: str
    answers: Mapping[str, str]
    """Others' answers: label to text, newest last."""
    used: tuple[str, ...]
    """The tools that the agent has used, in order."""
    own: str
    """The label of the agent's own answer."""
    own_answer: str
    options: Sequence[Mapping[str, Any]]
    """The options of the agent's last question."""
    ended: EndedQuestion = field(default_factory=EndedQuestion)
    guidance: Sequence[str] = ()
    late: Sequence[str] = ()


def read_conversation(request: Request) -> ScriptConversation:
    """Everything that a script can ask of a request."""
    heard = [message.text for message in request.messages if message.role in ("user", "tool")]
    spoken = [message for message in request.messages if message.role == "assistant"]
    calls = [call for message in spoken for call in message.tool_calls]
    uses = {call.name: _json_object(call.arguments) for call in calls}
    text = "\n\n".join(heard)
    return ScriptConversation(
        agent=request.agent,
        turn=len(spoken) + 1,
        last=request.messages[-1] if request.messages else Message(role="user"),
        heard=text,
        task=_task(heard[0] if heard else ""),
        answers=_answers(text),
        used=tuple(call.name for call in calls),
        own=next((shown or told for shown, told in _OWN.findall(text)), ""),
        own_answer=str(uses.get("new_answer", {}).get("content") or ""),
        options=[option for option in uses.get("ask_others", {}).get("options") or () if isinstance(option, dict)],
        ended=_last_outcome(heard),
        guidance=[one_line(words) for part in heard for words in _GUIDANCE.findall(part)],
        late=[one_line(words) for part in heard for words in _LATE.findall(part)],
    )


def one_line(text: str, limit: int = SHORT_REPLY) -> str:
    """A text in one line of at most this many characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _task(first: str) -> str:
    found = _TASK.match(first)
    lines = (found.group(1) if found else first).strip().splitlines() or [""]
    return one_line(lines[0], SHORT_TASK)


def _answers(text: str) -> dict[str, str]:
    answers: dict[str, str] = {}
    for label, answer in _ANSWER.findall(text):
        known = answers.pop(label, "")
        answers[label] = answer or known
    return answers


def _last_outcome(heard: Sequence[str]) -> EndedQuestion:
    for text in reversed(heard):
        for table in _json_objects(text):
            if "decided_by" in table:
                return EndedQuestion(
                    decision=str(table.get("decision") or ""),
                    choice=str(table.get("choice") or ""),
                    decided_by=str(table["decided_by"]),
                    replies=[reply for reply in table.get("replies") or () if isinstance(reply, dict)],
                )
    return EndedQuestion()


def _json_objects(text: str) -> Iterator[dict[str, Any]]:
    """The JSON objects that stand in a text, where one of them can be an outcome."""
    if "decided_by" not in text:
        return
    decoder = json.JSONDecoder()
    start = text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield value
        start = text.find("{", end)


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
