"""Posts about the agents' tools in the run's thread, and the arguments of a tool call as people read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator_bridge.chat.outbound import Note, TextFile
from orchestrator_bridge.common.text import clean, listed, one_line, sentence
from orchestrator_bridge.question.system_questions import exceeds_card
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.presentation.posts import FIRST, progress_line, question_key, thread_post
from orchestrator_bridge.run.presentation.questions import card_post
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.reducer.tools import OUTCOME_UNKNOWN, failure_text
from orchestrator_bridge.run.state import RunState, ToolUse
from orchestrator_bridge.run.termination import CUT_OFF
from orchestrator_bridge.run.tool_policy import MAX_TOOLS, is_full

EXCERPT = 200
"""Characters of arguments and of failures that the thread shows."""

MAX_DOWN_NOTES = 3
"""Times that the thread reports the same server down and up again."""

MAX_TOOLS_NAMED = 5
"""Tools whose number of calls a progress line names."""

_MAX_DEPTH = 8
_INDENT = "  "
_PLAIN_NAME = re.compile(r"[\w$@.-]{1,80}")


def render_tools_listed(before: RunState | None, event: e.ToolsListed, after: RunState) -> tuple[OutboxEntry, ...]:
    """A note when a server goes down or comes back, and one when an agent cannot be offered all of its tools."""
    earlier = before.offers.get(event.server) if before else None
    downs = after.offers[event.server].downs
    notes: tuple[OutboxEntry, ...] = ()
    if downs <= MAX_DOWN_NOTES:
        if event.trouble and (earlier is None or earlier.trouble != event.trouble):
            last = " This is its last report in this thread." if downs == MAX_DOWN_NOTES else ""
            text = f"{sentence(event.trouble)} Agents continue without its tools; it is restarted automatically.{last}"
            return (thread_post(after, Note(text=text, tone="warning"), "tools"),)
        if earlier is not None and earlier.trouble and not event.trouble:
            notes = (thread_post(after, Note(text=f"{event.server} is up again."), "tools"),)
    return (*notes, *_too_many_tools(before, after))


def _too_many_tools(before: RunState | None, after: RunState) -> tuple[OutboxEntry, ...]:
    """A note on the agents that are not offered all of their tools, once in a run."""
    full = [name for name, agent in after.agents.items() if is_full(after, agent)]
    if not full or (before and any(is_full(before, agent) for agent in before.agents.values())):
        return ()
    text = (
        f"{listed(full)} cannot be offered more than {MAX_TOOLS} tools: the last ones are left out. "
        "Name fewer tools in the team file."
    )
    return (thread_post(after, Note(text=text, tone="warning"), "many"),)


def render_approval_asked(event: e.ApprovalAsked, after: RunState) -> tuple[OutboxEntry, ...]:
    """The card of an approval. People must see all that they approve, so arguments too long for it are attached as a file."""
    question = event.question
    card = card_post(after, question, question_key(question.id), after.place)
    arguments = format_arguments(after.uses[question.action].arguments)
    if not exceeds_card(arguments):
        return (card,)
    file = TextFile(name=f"question-{question.id}-arguments.txt", text=arguments)
    note = Note(text="All arguments of the tool call:", file=file)
    return (card, thread_post(after, note, "arguments", priority=FIRST, question=question.id))


def render_tool_started(before: RunState | None, event: e.ToolStarted, after: RunState) -> tuple[OutboxEntry, ...]:
    """One line an agent, edited with every call: the tool that it uses now, and how often it has used which."""
    if not event.server:
        return ()
    used = after.agents[event.agent].used
    first = before is None or not before.agents[event.agent].used
    return (progress_line(after, _progress_text(event, used), f"tools:{event.agent}", event.agent, first=first),)


def _progress_text(event: e.ToolStarted, used: Mapping[str, int]) -> str:
    arguments = one_line(format_arguments_inline(event.arguments), EXCERPT)
    current = f"Uses {event.server}.{one_line(event.tool, 60)}" + (f" ({arguments})" if arguments else "")
    total = sum(used.values())
    if total == 1:
        return f"{current}."
    most_used = sorted(used.items(), key=lambda tool_count: -tool_count[1])[:MAX_TOOLS_NAMED]
    return f"{current}. {total} calls so far: {', '.join(f'{tool} {count}' for tool, count in most_used)}."


def render_tool_returned(before: RunState | None, event: e.ToolReturned, after: RunState) -> tuple[OutboxEntry, ...]:
    """A warning on each call that may have had an effect, and on equal failures of other calls once."""
    use = before.uses.get(event.action) if before else None
    if before is None or use is None or not use.tool.server or event.end in ("done", "failed"):
        return ()
    # Each doubtful effect is a case of its own for people to check; a failure without an effect is the same every time.
    in_doubt = event.end == "unknown" and not use.tool.read_only
    if not in_doubt and (event.text == CUT_OFF or failure_text(use, event) in before.reported):
        return ()
    return (_warning(after, use, event.text, "returned"),)


def render_resumed(before: RunState | None, after: RunState) -> tuple[OutboxEntry, ...]:
    """A warning on each call that was under way when the process ended and is not repeated."""
    lost = [use for use in before.uses.values() if use.phase == "out" and not use.tool.read_only] if before else []
    return tuple(_warning(after, use, OUTCOME_UNKNOWN, f"lost{number}") for number, use in enumerate(lost))


def _warning(after: RunState, use: ToolUse, text: str, name: str) -> OutboxEntry:
    line = one_line(f"{use.tool.label} for {use.agent}: {text}", 2 * EXCERPT)
    return thread_post(after, Note(text=line, tone="warning"), name)


def format_arguments(arguments: str) -> str:
    """The arguments of a tool call (a JSON object) as people read them on a phone; empty if there are none.

        path: notes/plan.md
        text:
          Call the baker.
          Then the band.
        options:
          overwrite: true
          tags:
            - "party"

    People approve what they read here, so it shows exactly what the tool gets. What they could not see, or could take for
    something else, is written as JSON: invisible characters, marks that turn the direction of writing, a text that looks like a
    number. Lines of a text are indented, so that none of them passes for another argument.
    """
    return "\n".join(_object_lines(json.loads(arguments), 0))


def format_arguments_inline(arguments: str) -> str:
    """The same on one line: `path: notes/plan.md, overwrite: true`."""
    return ", ".join(f"{name}: {_scalar(value)}" for name, value in json.loads(arguments).items())


def _object_lines(value: dict[str, Any], depth: int) -> Iterator[str]:
    for name, item in value.items():
        yield from _entry_lines(f"{name if _PLAIN_NAME.fullmatch(name) else _json(name)}:", item, depth)


def _entry_lines(head: str, value: Any, depth: int) -> Iterator[str]:
    """A name or a dash with its value: beside it, or below where that takes several lines."""
    margin = _INDENT * depth
    if isinstance(value, str) and "\n" in value and _is_visible(value):
        yield margin + head
        yield from (f"{margin}{_INDENT}{line}" for line in value.split("\n"))
    elif isinstance(value, dict) and value and depth < _MAX_DEPTH:
        yield margin + head
        yield from _object_lines(value, depth + 1)
    elif isinstance(value, list) and value and depth < _MAX_DEPTH:
        yield margin + head
        for item in value:
            yield from _entry_lines("-", item, depth + 1)
    else:
        yield f"{margin}{head} {_scalar(value)}"


def _scalar(value: Any) -> str:
    if isinstance(value, str) and value and "\n" not in value and _is_visible(value) and not _is_ambiguous(value):
        return value
    return _json(value)


def _is_visible(text: str) -> bool:
    """True if people see all of a text as it is; a fence would end the block of code around it and hide the rest."""
    return clean(text) == text and "```" not in text


def _is_ambiguous(text: str) -> bool:
    """True if a bare text could be read as JSON of another type, or hides spaces at its ends."""
    if text != text.strip() or text[0] in "\"'[{":
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json(value: Any) -> str:
    """JSON in which everything that people might not see is escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text if _is_visible(text) else json.dumps(value).replace("`", "\\u0060")
