"""What people see of the agents' own tools, in the run's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator_bridge.chat import Note
from orchestrator_bridge.question.approval import CONTEXT
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.post import question_key, thread_post
from orchestrator_bridge.run.show_question import card_of
from orchestrator_bridge.run.state import RunState
from orchestrator_bridge.run.tooling import arguments_in_words
from orchestrator_bridge.store.rows import Outgoing
from orchestrator_bridge.text import one_line, sentence

Shown = tuple[Outgoing, ...]

TEASER = 200
"""Characters of arguments and of failures that the thread shows."""


def _listed(before: RunState | None, event: e.ToolsListed, after: RunState) -> Shown:
    was = before.offers.get(event.server) if before else None
    if event.trouble and (was is None or was.trouble != event.trouble):
        text = f"{sentence(event.trouble)} Agents go on without its tools; it is started again by itself."
        return (thread_post(after, Note(text=text, tone="warning"), "tools"),)
    if was is not None and was.trouble and not event.trouble:
        return (thread_post(after, Note(text=f"{event.server} is up again."), "tools"),)
    return ()


def _asked(_: RunState | None, event: e.ApprovalAsked, after: RunState) -> Shown:
    """Whoever is to approve sees all of it: what is too long for the card stands in the thread."""
    question = event.question
    opening = card_of(after, question, question_key(question.id), after.place)
    whole = arguments_in_words(after.uses[question.action])
    if len(whole) <= CONTEXT:
        return (opening,)
    return (opening, thread_post(after, Note(text=f"```\n{whole}\n```"), "arguments", question=question.id))


def _started(_: RunState | None, event: e.ToolStarted, after: RunState) -> Shown:
    if not event.server:
        return ()
    arguments = one_line(event.arguments, TEASER)
    note = Note(text=f"uses {event.server}.{event.tool} {arguments}", speaker=event.agent)
    return (thread_post(after, note, "uses"),)


def _returned(before: RunState | None, event: e.ToolReturned, after: RunState) -> Shown:
    use = before.uses.get(event.action) if before else None
    if event.end == "done" or use is None or not use.tool.server:
        return ()
    note = Note(text=f"{use.tool.server}.{use.tool.name} for {event.agent}: {one_line(event.text, TEASER)}", tone="warning")
    return (thread_post(after, note, "returned"),)


SHOWS: dict[type, Callable[[RunState | None, Any, RunState], Shown]] = {
    e.ToolsListed: _listed,
    e.ApprovalAsked: _asked,
    e.ToolStarted: _started,
    e.ToolReturned: _returned,
}
