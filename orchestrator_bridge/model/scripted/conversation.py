"""Conversation of a scripted model: the task, the others' answers, the agent's own tool calls, and the end of its question.

Everything is parsed from the messages as `run/prompts.py` and `question/messages.py` write them, and nothing is stored: so a
script continues after a restart where it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator_bridge.common.text import one_line
from orchestrator_bridge.model.interface import Message, Request

MAX_TASK, MAX_REPLY = 120, 500
"""Characters quoted from the task, and from a message of a person."""

_TASK = re.compile(r"(?:\A|</(?:earlier_turn|thread_context)>\n\n)The task:\s*(.*)", re.DOTALL)
_ANSWER = re.compile(r'<answer label="([^"]+)"[^>]*?(?:/>|>\n(.*?)\n</answer>)', re.DOTALL)
_OWN = re.compile(r'<answer label="([^"]+)" \(your own|Your answer stands as (\S+?)\.?$', re.MULTILINE)
_ACT = re.compile(r"^(?:Give your answer\.|Vote for the best answer(?:\.|, or give a clearly better one\.))$", re.MULTILINE)
_GUIDANCE = re.compile(r'<guidance by="[^"]*">\n(.*?)\n</guidance>', re.DOTALL)
_LATE = re.compile(r"^A late reply (?:by|from) [^\n]*:\n\n(.*?)(?=\n\n|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedQuestion:
    """End of the agent's last question; all fields are empty while none has ended."""

    decision: str = ""
    choice: str = ""
    decided_by: str = ""
    replies: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ScriptConversation:
    """A request as a script sees it. `turn` is the number of the agent's next turn, from 1."""

    agent: str
    turn: int
    last: Message
    received: str
    """All messages to the agent, in one text."""
    task: str
    answers: Mapping[str, str]
    """Answers by label, newest last."""
    used: tuple[str, ...]
    """Names of the tools that the agent has called, in order."""
    own: str
    """Label of the agent's own answer."""
    own_answer: str
    options: Sequence[Mapping[str, Any]]
    """Options of the agent's last question."""
    ended: EndedQuestion = field(default_factory=EndedQuestion)
    guidance: Sequence[str] = ()
    late: Sequence[str] = ()
    denied: frozenset[str] = frozenset()
    """Tools that the conversation shows to be refused now, although every request offers them."""


def read_conversation(request: Request) -> ScriptConversation:
    """Parse a request."""
    received = [message.text for message in request.messages if message.role in ("user", "tool")]
    own_messages = [message for message in request.messages if message.role == "assistant"]
    calls = [call for message in own_messages for call in message.tool_calls]
    arguments = {call.name: _json_object(call.arguments) for call in calls}
    text = "\n\n".join(received)
    first = received[0] if received else ""
    task = _TASK.search(first)
    task_lines = (task.group(1) if task else first).strip().splitlines() or [""]
    return ScriptConversation(
        agent=request.agent,
        turn=len(own_messages) + 1,
        last=request.messages[-1] if request.messages else Message(role="user"),
        received=text,
        task=one_line(task_lines[0], MAX_TASK),
        answers=_answers(text),
        used=tuple(call.name for call in calls),
        own=next((shown or noted for shown, noted in _OWN.findall(text)), ""),
        own_answer=str(arguments.get("new_answer", {}).get("content") or ""),
        options=[option for option in arguments.get("ask_others", {}).get("options") or () if isinstance(option, dict)],
        ended=_last_outcome(received),
        guidance=[one_line(words, MAX_REPLY) for part in received for words in _GUIDANCE.findall(part)],
        late=[one_line(words, MAX_REPLY) for part in received for words in _LATE.findall(part)],
        denied=_denied(text),
    )


def _denied(text: str) -> frozenset[str]:
    """Refused tools: there is nothing to vote for, a lone agent is to answer, or the limit of answers is reached."""
    act = (_ACT.findall(text) or [""])[-1]
    if act == "Vote for the best answer.":
        return frozenset({"new_answer"})
    return frozenset({"vote"} if act == "Give your answer." or not _ANSWER.search(text) else ())


def _answers(text: str) -> dict[str, str]:
    """Answers by label, newest last. A later mention of an answer may leave out its text."""
    answers: dict[str, str] = {}
    for label, answer in _ANSWER.findall(text):
        # Popped and inserted again, so that the newest answer is the last one.
        known = answers.pop(label, "")
        answers[label] = answer or known
    return answers


def _last_outcome(received: Sequence[str]) -> EndedQuestion:
    for text in reversed(received):
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
    """Yield the JSON objects in a text, if one of them can be an outcome."""
    if "decided_by" not in text:
        return
    decoder = json.JSONDecoder()
    start = text.find("{")
    # Messages contain JSON between prose: try to decode at every brace.
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
