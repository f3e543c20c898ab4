"""What people see of the agents' own tools, in the run's thread."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestrator_bridge.chat.outbound import Note, TextFile
from orchestrator_bridge.common.text import clean, listed, one_line, sentence
from orchestrator_bridge.question.system_questions import exceeds_card
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.presentation.posts import FIRST, progress_line, question_key, thread_post
from orchestrator_bridge.run.presentation.questions import card_of
from orchestrator_bridge.run.records import OutboxEntry
from orchestrator_bridge.run.reducer.tools import OUTCOME_UNKNOWN, failure_text
from orchestrator_bridge.run.state import RunState, ToolUse
from orchestrator_bridge.run.termination import CUT_OFF
from orchestrator_bridge.run.tool_policy import MAX_TOOLS, is_full

# The arguments of a tool's call as people read them: exactly what would be done, and readable on a phone.
#
#     path: notes/plan.md
#     text:
#       Call the baker.
#       Then the band.
#     options:
#       overwrite: true
#       tags:
#         - "party"
#
# What a person could not see, or could take for something else, is written as JSON writes it: invisible characters, marks that
# turn
# the direction of writing, a text that looks like a number. Lines of a text are set in, so that none of them can pass for
# another
# argument.


_DEEPEST = 8
_STEP = "  "
_PLAIN_NAME = re.compile(r"[\w$@.-]{1,80}")


def in_words(arguments: str) -> str:
    """Arguments (a JSON object) as lines of text; empty if there are none."""
    return "\n".join(_object(json.loads(arguments), 0))


def in_a_line(arguments: str) -> str:
    """The same, as short as it gets: `path: notes/plan.md, overwrite: true`."""
    return ", ".join(f"{name}: {_scalar(value)}" for name, value in json.loads(arguments).items())


def _object(value: dict[str, Any], depth: int) -> Iterator[str]:
    for name, one in value.items():
        yield from _entry(f"{name if _PLAIN_NAME.fullmatch(name) else _json(name)}:", one, depth)


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    """A name or a dash, with its value beside it or, where that takes several lines, below."""
    margin = _STEP * depth
    if isinstance(value, str) and "\n" in value and _honest(value):
        yield margin + head
        yield from (f"{margin}{_STEP}{line}" for line in value.split("\n"))
    elif isinstance(value, dict | list) and value and depth < _DEEPEST:
        yield margin + head
        below = _object(value, depth + 1) if isinstance(value, dict) else _items(value, depth + 1)
        yield from below
    else:
        yield f"{margin}{head} {_scalar(value)}"


def _items(value: list[Any], depth: int) -> Iterator[str]:
    for one in value:
        yield from _entry("-", one, depth)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and value and "\n" not in value and _honest(value) and not _looks_otherwise(value):
        return value
    return _json(value)


def _honest(text: str) -> bool:
    """Whether people see all of a text as it is; what ends a block of code would hide the rest."""
    return clean(text) == text and "```" not in text


def _looks_otherwise(text: str) -> bool:
    if text != text.strip() or text[0] in "\"'[{":
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _json(value: Any) -> str:
    """JSON in which everything that people might not see is spelled out."""
    text = json.dumps(value, ensure_ascii=False)
    return text if _honest(text) else json.dumps(value).replace("`", "\\u0060")


RenderedPosts = tuple[OutboxEntry, ...]

TEASER = 200
"""Characters of arguments and of failures that the thread shows."""

MOST_DOWNS = 3
"""How often the thread tells that the same server is down, and up again."""

MOST_NAMED = 5
"""Tools whose number of calls is named."""


def _render_tools_listed(before: RunState | None, event: e.ToolsListed, after: RunState) -> RenderedPosts:
    was = before.offers.get(event.server) if before else None
    downs = after.offers[event.server].downs
    if downs > MOST_DOWNS:
        return _too_many(before, after)
    if event.trouble and (was is None or was.trouble != event.trouble):
        more = "" if downs < MOST_DOWNS else " What becomes of it is not told here any more."
        text = f"{sentence(event.trouble)} Agents go on without its tools; it is started again by itself.{more}"
        return (thread_post(after, Note(text=text, tone="warning"), "tools"),)
    up = was is not None and was.trouble and not event.trouble
    again = (thread_post(after, Note(text=f"{event.server} is up again."), "tools"),) if up else ()
    return (*again, *_too_many(before, after))


def _too_many(before: RunState | None, after: RunState) -> RenderedPosts:
    """Who is not offered all of its tools, said when that becomes so."""
    full = [name for name, agent in after.agents.items() if is_full(after, agent)]
    if not full or (before and any(is_full(before, agent) for agent in before.agents.values())):
        return ()
    more = "those behind are left out. Name fewer in the team file."
    text = f"{listed(full)} cannot be offered more than {MAX_TOOLS} tools: {more}"
    return (thread_post(after, Note(text=text, tone="warning"), "many"),)


def _render_approval_asked(_: RunState | None, event: e.ApprovalAsked, after: RunState) -> RenderedPosts:
    """Whoever is to approve sees all of it: what is too long for the card goes along as a file."""
    question = event.question
    opening = card_of(after, question, question_key(question.id), after.place)
    whole = in_words(after.uses[question.action].arguments)
    if not exceeds_card(whole):
        return (opening,)
    file = TextFile(name=f"question-{question.id}-arguments.txt", text=whole)
    note = Note(text="All that the tool is to be called with:", file=file)
    return (opening, thread_post(after, note, "arguments", priority=FIRST, question=question.id))


def _render_tool_started(before: RunState | None, event: e.ToolStarted, after: RunState) -> RenderedPosts:
    """One line for each agent, edited with every call: what it uses now, and how often it has used what."""
    if not event.server:
        return ()
    used = after.agents[event.agent].used
    first = before is None or not before.agents[event.agent].used
    return (progress_line(after, _now(event, used), f"tools:{event.agent}", event.agent, first=first),)


def _now(event: e.ToolStarted, used: Mapping[str, int]) -> str:
    told = one_line(in_a_line(event.arguments), TEASER)
    now = f"Uses {event.server}.{one_line(event.tool, 60)}" + (f" ({told})" if told else "")
    number = sum(used.values())
    if number == 1:
        return f"{now}."
    each = ", ".join(f"{tool} {count}" for tool, count in sorted(used.items(), key=lambda one: -one[1])[:MOST_NAMED])
    return f"{now}. {number} calls so far: {each}."


def _render_tool_returned(before: RunState | None, event: e.ToolReturned, after: RunState) -> RenderedPosts:
    """What people should know of: a call that may have done something, each time; one that was not made or not answered, once."""
    use = before.uses.get(event.action) if before else None
    if before is None or use is None or not use.tool.server or event.end in ("done", "failed"):
        return ()
    in_doubt = event.end == "unknown" and not use.tool.read_only
    if not in_doubt and (event.text == CUT_OFF or failure_text(use, event) in before.reported):
        return ()
    return (_warned(after, use, event.text, "returned"),)


def _render_resumed(before: RunState | None, event: e.Resumed, after: RunState) -> RenderedPosts:
    """Calls that were under way when the process ended, and are not made again."""
    lost = [use for use in before.uses.values() if use.phase == "out" and not use.tool.read_only] if before else []
    return tuple(_warned(after, use, OUTCOME_UNKNOWN, f"lost{number}") for number, use in enumerate(lost))


def _warned(after: RunState, use: ToolUse, text: str, name: str) -> OutboxEntry:
    said = one_line(f"{use.tool.label} for {use.agent}: {text}", 2 * TEASER)
    return thread_post(after, Note(text=said, tone="warning"), name)


RENDERERS: dict[type, Callable[[RunState | None, Any, RunState], RenderedPosts]] = {
    e.ToolsListed: _render_tools_listed,
    e.ApprovalAsked: _render_approval_asked,
    e.ToolStarted: _render_tool_started,
    e.ToolReturned: _render_tool_returned,
    e.Resumed: _render_resumed,
}
