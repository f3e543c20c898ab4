"""The small changes of a run's state of which every event's meaning is made."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Literal

from orchestrator_bridge.chat.attachments import AttachmentContent
from orchestrator_bridge.common.frozen import replace
from orchestrator_bridge.question.model import Question
from orchestrator_bridge.run.state import AgentMessage, Call, RunState, Turn, Use
from orchestrator_bridge.team.directory import Responder


def update_agent(state: RunState, name: str, **changes: Any) -> RunState:
    """The state with one agent changed."""
    return replace(state, agents={**state.agents, name: replace(state.agents[name], **changes)})


def update_question(state: RunState, question: Question) -> RunState:
    """The state with a question as it now is."""
    return replace(state, questions={**state.questions, question.id: question})


def update_call(state: RunState, call: Call) -> RunState:
    """The state with a call as it now is."""
    return replace(state, calls={**state.calls, call.action: call})


def remove_call(state: RunState, action: str) -> RunState:
    """The state without a call."""
    return replace(state, calls={key: call for key, call in state.calls.items() if key != action})


def charge_unknown(state: RunState, calls: Iterable[Call]) -> RunState:
    """What was reserved for these calls stays booked: nobody knows whether they were billed."""
    out = [call for call in calls if call.phase == "out"]
    if not out:
        return state
    unknown = sum((call.reserved or Decimal(0) for call in out), state.spent.unknown)
    priced = state.spent.priced and all(call.reserved is not None for call in out)
    return replace(state, spent=replace(state.spent, unknown=unknown, priced=priced))


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
    """Give a pending tool use its one result."""

    def finish(use: Use) -> Use:
        return (
            replace(use, result=result, files=files, whole=whole, theirs=theirs)
            if use.id == use_id and use.result is None
            else use
        )

    def look(turn: Turn) -> Turn:
        return replace(turn, uses=tuple(finish(use) for use in turn.uses)) if turn.pending else turn

    return update_agent(state, agent, turns=tuple(look(turn) for turn in state.agents[agent].turns))


def notify_agent(state: RunState, agent: str, kind: Literal["late", "outcome"], text: str) -> RunState:
    """Say something to one agent alone; it has to read that before its vote counts."""
    state = replace(state, messages=(*state.messages, AgentMessage(seq=state.seq, kind=kind, text=text, to=agent)))
    return update_agent(state, agent, last_private_seq=state.seq)


def agent_responder(name: str) -> Responder:
    """An agent as somebody who is asked and replies."""
    return Responder(kind="agent", id=f"agent:{name}", name=name)
