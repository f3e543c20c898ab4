"""Reducers of events of the team's own tools."""

from __future__ import annotations

from typing import Literal

from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.question.system_questions import approval_verdict
from orchestrator_bridge.run import events as e
from orchestrator_bridge.run.reducer.updates import complete_tool_use, update_agent, update_question
from orchestrator_bridge.run.state import AgentMessage, RunState, ServerTools, ToolUse

OUTCOME_UNKNOWN = (
    "Nobody knows whether this call had any effect: Townhall ended while it was under way, and the tool may do more than read. "
    "Check before you repeat it."
)


def on_tools_listed(state: RunState, event: e.ToolsListed) -> RunState:
    """Replace what a server offers; agents read it when the server is down or up again, which withdraws no vote."""
    earlier = state.offers.get(event.server)
    downs = (earlier.downs if earlier else 0) + bool(event.trouble)
    offers = {**state.offers, event.server: ServerTools(tools=event.tools, trouble=event.trouble, downs=downs)}
    # The first description stays: a server that changes it later needs people's approval again (`approval_of`).
    first_seen = {**{tool.model_name: tool.digest for tool in event.tools}, **state.first_seen}
    state = replace(state, offers=offers, first_seen=first_seen)
    if event.trouble:
        text = f"The tool server {event.server} is down: {event.trouble}. Its tools are not there for now."
    elif earlier and earlier.trouble:
        text = f"{event.server} is up again."
    else:
        return state
    return replace(state, messages=(*state.messages, AgentMessage(seq=state.seq, kind="notice", text=text)))


def on_approval_asked(state: RunState, event: e.ApprovalAsked) -> RunState:
    """Add the approval question; its use waits for the outcome."""
    return _set_phase(update_question(state, event.question), event.question.action, "asked")


def approval_settled(state: RunState, question: Question) -> RunState:
    """Continue the use that an approval question was about, or end it with the reason."""
    use = state.uses.get(question.action)
    if use is None or use.phase != "asked":
        return state
    verdict = approval_verdict(question)
    if not verdict.approved:
        return _complete(state, use, verdict.text)
    approver = f"{verdict.approved_by} (question {question.id})"
    if verdict.for_run:
        state = _approve_for_run(state, use, approver)
    return _set_phase(state, use.use, "due", approver)


def _approve_for_run(state: RunState, approved: ToolUse, approver: str) -> RunState:
    """Approve a tool for the run, and with it the other uses of it about which people are being asked."""
    key = (approved.tool.model_name, approved.tool.digest)
    for use in state.uses.values():
        if use.phase == "asked" and (use.tool.model_name, use.tool.digest) == key:
            state = _set_phase(state, use.use, "due", approver)
    return replace(state, approved={**state.approved, key: approver})


def on_tool_started(state: RunState, event: e.ToolStarted) -> RunState:
    """Mark a use as under way and count it; reading on in a result (a tool without a server) is not counted."""
    use = state.uses.get(event.action)
    if use is not None and use.tool.server:
        used = state.agents[use.agent].used
        state = update_agent(state, use.agent, used={**used, use.tool.label: used.get(use.tool.label, 0) + 1})
    return _set_phase(state, event.action, "out")


def on_tool_returned(state: RunState, event: e.ToolReturned) -> RunState:
    """Give the agent the result of a use."""
    use = state.uses.get(event.action)
    if use is None:
        return state
    if event.end in ("not_called", "unknown"):
        state = replace(state, reported=state.reported | {failure_text(use, event)})
    return _complete(state, use, event.text, event)


def failure_text(use: ToolUse, event: e.ToolReturned) -> str:
    """The failure of a use in words; the run's thread reports equal failures once."""
    return f"{use.tool.label}: {event.text}"


def on_restart(state: RunState) -> RunState:
    """Handle the uses that were under way when the process ended: a read-only tool is called again, any other may have had an
    effect, so its agent decides."""
    for use in state.uses.values():
        if use.phase == "out":
            state = _set_phase(state, use.use, "due") if use.tool.read_only else _complete(state, use, OUTCOME_UNKNOWN)
    return state


def _set_phase(state: RunState, action: str, phase: Literal["asked", "due", "out"], approved_by: str = "") -> RunState:
    use = state.uses.get(action)
    if use is None:
        return state
    changed = replace(use, phase=phase, approved_by=approved_by or use.approved_by)
    return replace(state, uses={**state.uses, action: changed})


def _complete(state: RunState, use: ToolUse, text: str, event: e.ToolReturned | None = None) -> RunState:
    """Hand a use's result to its agent, which is called again even if it answered in the same response."""
    state = replace(state, uses={action: other for action, other in state.uses.items() if action != use.use})
    if event is None:
        state = complete_tool_use(state, use.agent, use.use, text)
    else:
        theirs = event.end in ("done", "failed")
        state = complete_tool_use(state, use.agent, use.use, text, files=event.files, whole=event.whole, theirs=theirs)
    return update_agent(state, use.agent, last_private_seq=state.seq, idle=False)
