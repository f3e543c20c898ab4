"""Small changes of a run's state from which the reducers are built."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.run.state import AgentMessage, Call, RunState, Use, is_settled_by_memory


def update_agent(state: RunState, name: str, **changes: Any) -> RunState:
    """Change fields of one agent."""
    return replace(state, agents={**state.agents, name: replace(state.agents[name], **changes)})


def update_question(state: RunState, question: Question) -> RunState:
    """Add or replace a question; a new one is counted if somebody was asked."""
    is_new = question.id not in state.questions
    counts = is_new and question.ask.kind != "approval" and not is_settled_by_memory(question)
    asked = state.questions_asked + counts
    return replace(state, questions={**state.questions, question.id: question}, questions_asked=asked)


def update_call(state: RunState, call: Call) -> RunState:
    """Add or replace a call."""
    return replace(state, calls={**state.calls, call.action: call})


def remove_calls(state: RunState, actions: Iterable[str]) -> RunState:
    """Remove calls by their action; unknown ones are ignored."""
    removed = frozenset(actions)  # read once: the actions may come from an iterator over the calls
    return replace(state, calls={action: call for action, call in state.calls.items() if action not in removed})


def charge_unknown(state: RunState, calls: Iterable[Call]) -> RunState:
    """Keep the amounts reserved for abandoned calls booked as unknown: a provider may or may not bill them."""
    out = [call for call in calls if call.phase == "out"]
    if not out:
        return state
    unknown = sum((call.reserved or Decimal(0) for call in out), state.spent.unknown)
    priced = state.spent.priced and all(call.reserved is not None for call in out)
    return replace(state, spent=replace(state.spent, unknown=unknown, priced=priced))


def abandon_calls(state: RunState, calls: Iterable[Call]) -> RunState:
    """Remove calls whose result is no longer wanted."""
    abandoned = tuple(calls)
    return remove_calls(charge_unknown(state, abandoned), (call.action for call in abandoned))


def complete_tool_use(
    state: RunState,
    agent: str,
    use_id: str,
    result: str,
    *,
    files: tuple[AttachmentContent, ...] = (),
    whole: int = 0,
    theirs: bool = False,
) -> RunState:
    """Give a pending tool use its result; a use that has one keeps it."""

    def complete(use: Use) -> Use:
        if use.id != use_id or use.result is not None:
            return use
        return replace(use, result=result, files=files, whole=whole, theirs=theirs)

    turns = state.agents[agent].turns
    # The newest first: it is nearly always the last turn that waits, and a run may have a thousand.
    for place in range(len(turns) - 1, -1, -1):
        if any(use.id == use_id for use in turns[place].uses):
            completed = replace(turns[place], uses=tuple(complete(use) for use in turns[place].uses))
            return update_agent(state, agent, turns=(*turns[:place], completed, *turns[place + 1 :]))
    return state


def notify_agent(state: RunState, agent: str, kind: Literal["late", "outcome"], text: str) -> RunState:
    """Add a message for one agent, which must read it before its vote counts again."""
    state = replace(state, messages=(*state.messages, AgentMessage(seq=state.seq, kind=kind, text=text, to=agent)))
    return update_agent(state, agent, last_private_seq=state.seq)
