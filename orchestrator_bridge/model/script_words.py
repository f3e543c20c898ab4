"""The places in a script's texts, `{task}` and its like, and what a conversation fills them with.

A part in double brackets is left out where one of its places has nothing to be filled with: `[[You added: {guidance}.]]`.

| place | filled with |
|---|---|
| `{task}` | the first line of the task, shortened |
| `{agent}` | the agent's own name |
| `{outcome}` | the decision of the agent's last question: an option's label, or words |
| `{means}` | the description of the option that was decided on; as `{outcome}` if it has none |
| `{outcome_by}` | who decided: `human`, `agent`, `fallback:assume`, … |
| `{reply}`, `{replier}` | the last reply to the question as it was written, a person's before an agent's, and by whom |
| `{replies}` | all replies, one a line |
| `{guidance}`, `{late}` | what people said to all agents, and what came too late to the question |
| `{own}` | the label of the agent's own answer |
| `{own_answer}` | the agent's own answer |
| `{first}` | the first label that `vote` takes |
| `{answer:words}` | the label of the newest answer that holds these words; as `{first}` if none does |
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_bridge.model.script_reader import ScriptConversation, one_line

PLACEHOLDERS = (
    "task",
    "agent",
    "outcome",
    "means",
    "outcome_by",
    "reply",
    "replier",
    "replies",
    "guidance",
    "late",
    "own",
    "own_answer",
    "first",
)
ANSWER = "answer"

_OPTIONAL = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{([a-z_]+)(?::([^{}]+))?\}")


def unknown_placeholders(text: str) -> list[str]:
    """The places in a text that nothing fills in."""
    return [match.group(0) for match in _PLACEHOLDER.finditer(text) if not _known(match)]


def _known(match: re.Match[str]) -> bool:
    name, words = match.groups()
    return name in PLACEHOLDERS if words is None else name == ANSWER


def fill_template(template: Any, words: Mapping[str, str], answers: Mapping[str, str]) -> Any:
    """A template with its places filled in: a text, or a list or table of them.

    `words` are what the plain places stand for; `answers` maps labels to texts, the newest last.
    """
    if isinstance(template, Mapping):
        return {key: fill_template(value, words, answers) for key, value in template.items()}
    if isinstance(template, list | tuple):
        return [fill_template(value, words, answers) for value in template]
    return fill_text(template, words, answers) if isinstance(template, str) else template


def fill_text(template: str, words: Mapping[str, str], answers: Mapping[str, str]) -> str:
    """One text with its places filled in. What fills a place is left as it is, whatever it looks like."""

    def value(place: re.Match[str]) -> str:
        name, wanted = place.groups()
        return words[name] if wanted is None else _find_answer(wanted, answers) or words["first"]

    def part(text: str, optional: bool) -> str:
        left_out = optional and not all(value(place) for place in _PLACEHOLDER.finditer(text))
        return "" if left_out else _PLACEHOLDER.sub(value, text)

    return "".join(part(text, bool(number % 2)) for number, text in enumerate(_OPTIONAL.split(template)))


def _find_answer(wanted: str, answers: Mapping[str, str]) -> str:
    holding = [label for label, text in answers.items() if wanted.casefold() in text.casefold()]
    return holding[-1] if holding else ""


def placeholder_values(conversation: ScriptConversation, labels: Sequence[str]) -> dict[str, str]:
    """What the plain places of a script's texts stand for; `labels` are those that `vote` takes."""
    first = labels[0] if labels else ""
    return {
        "task": conversation.task,
        "agent": conversation.agent,
        "guidance": _quoted(conversation.guidance),
        "late": _quoted(conversation.late),
        "own": conversation.own or first,
        "own_answer": conversation.own_answer,
        "first": first,
        **_outcome_words(conversation),
    }


def _outcome_words(conversation: ScriptConversation) -> dict[str, str]:
    ended = conversation.ended
    option = next((one for one in conversation.options if one.get("id") == ended.choice), {})
    outcome = str(option.get("label") or ended.decision).rstrip(". ")
    by_people = [reply for reply in ended.replies if reply.get("kind") == "human" and not reply.get("late")]
    reply: Mapping[str, Any] = next(reversed(by_people or ended.replies), {})
    return {
        "outcome": outcome,
        "means": str(option.get("description") or outcome),
        "outcome_by": ended.decided_by,
        "reply": _text_of(reply),
        "replier": str(reply.get("by") or ""),
        "replies": "\n".join(f"- {one.get('by')}: {_text_of(one)}" for one in ended.replies),
    }


def _text_of(reply: Mapping[str, Any]) -> str:
    return one_line(str(reply.get("text") or ""))


def _quoted(texts: Sequence[str]) -> str:
    return "; ".join(f"“{text}”" for text in texts)
