"""What the events of the team's own tools mean for a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.system_questions import approval_verdict
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.reducer.helpers import complete_tool_use, update_agent, update_question
from orchestrator_bridge.run.state import AgentMessage, RunState, ServerTools, ToolUse
from orchestrator_bridge.tool.model import Tool

OUTCOME_UNKNOWN = (
    "Nobody knows whether this call had any effect: Townhall ended while it was under way, and the tool may do more than read. "
    "Look before you repeat it."
)


def _on_tools_listed(state: RunState, event: e.ToolsListed) -> RunState:
    new, was = {tool.model_name: tool.digest for tool in event.tools}, state.offers.get(event.server)
    downs = (was.downs if was else 0) + bool(event.trouble)
    offers = {**state.offers, event.server: ServerTools(tools=event.tools, trouble=event.trouble, downs=downs)}
    state = replace(state, offers=offers, first_seen={**new, **state.first_seen})
    return _noticed(state, event.server, event.trouble, was=was)


def _noticed(state: RunState, server: str, trouble: str, was: ServerTools | None) -> RunState:
    """Agents read that a server is down, or up again; nobody's vote is withdrawn for it."""
    if not trouble and not (was and was.trouble):
        return state
    text = (
        f"The tool server {server} is down: {trouble}. Its tools are not there for now." if trouble else f"{server} is up again."
    )
    return replace(state, messages=(*state.messages, AgentMessage(seq=state.seq, kind="notice", text=text)))


def _on_approval_asked(state: RunState, event: e.ApprovalAsked) -> RunState:
    state = update_question(state, event.question)
    return _with_use(state, event.question.action, "asked")


def approval_settled(state: RunState, question: Question) -> RunState:
    """An approval has its outcome: the use goes on, or ends with the reason."""
    use = state.uses.get(question.action)
    if use is None:
        return state
    said, who = approval_verdict(question), ""
    if use.phase != "asked":
        return state
    if said.approved:
        who = f"{said.approved_by} (question {question.id})"
    if said.for_run:
        state = _approved_for_run(state, use.tool, who)
    return _with_use(state, use.use, "due", who) if said.approved else _ended(state, use, said.text)


def _approved_for_run(state: RunState, tool: Tool, who: str) -> RunState:
    """The other calls of the tool about which people are being asked may be made as well."""
    same = (tool.model_name, tool.digest)
    waiting = [one for one in state.uses.values() if one.phase == "asked" and (one.tool.model_name, one.tool.digest) == same]
    for one in waiting:
        state = _with_use(state, one.use, "due", who)
    return replace(state, approved={**state.approved, same: who})


def _on_tool_started(state: RunState, event: e.ToolStarted) -> RunState:
    use = state.uses.get(event.action)
    if use is not None and use.tool.server:
        used = state.agents[use.agent].used
        state = update_agent(state, use.agent, used={**used, use.tool.label: used.get(use.tool.label, 0) + 1})
    return _with_use(state, event.action, "out")


def _on_tool_returned(state: RunState, event: e.ToolReturned) -> RunState:
    use = state.uses.get(event.action)
    if use is None:
        return state
    if event.end in ("not_called", "unknown"):
        state = replace(state, reported=state.reported | {trouble_of(use, event)})
    return _ended(state, use, event.text, event)


def trouble_of(use: ToolUse, event: e.ToolReturned) -> str:
    """What went wrong with a call, in words: the run's thread tells each once."""
    return f"{use.tool.label}: {event.text}"


def mark_lost(state: RunState) -> RunState:
    """The process has ended with uses under way: what only reads is called again, of all else nobody knows."""
    for use in [one for one in state.uses.values() if one.phase == "out"]:
        state = _with_use(state, use.use, "due") if use.tool.read_only else _ended(state, use, OUTCOME_UNKNOWN)
    return state


def _with_use(state: RunState, action: str, phase: Any, approved_by: str = "") -> RunState:
    use = state.uses.get(action)
    if use is None:
        return state
    now = replace(use, phase=phase, approved_by=approved_by or use.approved_by)
    return replace(state, uses={**state.uses, action: now})


def _ended(state: RunState, use: ToolUse, text: str, event: e.ToolReturned | None = None) -> RunState:
    """The agent gets the result and goes on, even where it has answered in the same breath."""
    uses = {action: one for action, one in state.uses.items() if action != use.use}
    files, whole = (event.files, event.whole) if event else ((), 0)
    theirs = event is not None and event.end in ("done", "failed")
    state = complete_tool_use(replace(state, uses=uses), use.agent, use.use, text, files=files, whole=whole, theirs=theirs)
    return update_agent(state, use.agent, last_private_seq=state.seq, idle=False)


MEANINGS: dict[type, Callable[[RunState, Any], RunState]] = {
    e.ToolsListed: _on_tools_listed,
    e.ApprovalAsked: _on_approval_asked,
    e.ToolStarted: _on_tool_started,
    e.ToolReturned: _on_tool_returned,
}
